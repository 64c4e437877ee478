import type { GitHostKind } from '../model/git-host.ts';
import { PlatformError } from '../protocol/errors.ts';
import type { KeyBox } from '../secrets/index.ts';
import { newId, randomName } from '../std/ids.ts';
import { findApp, type App } from '../store/apps.ts';
import type { Database } from '../store/database.ts';
import {
  deleteGitConnection,
  findGitConnection,
  insertGitConnection,
  listGitConnections,
  type GitConnection,
} from '../store/git-connections.ts';
import { requireConfinement } from './confinement.ts';
import { pinHost } from './host-address.ts';
import type { HostAccess, OpenConnection } from './ports.ts';

/** Which repositories elsewhere are deployed as which apps, and what opens them. */
export interface Connections {
  /** The secret is told here, this once. @throws PlatformError bad-request or conflict */
  create(app: App, request: ConnectionRequest, by: { tokenId: string }): Promise<Connected>;
  list(app: App): Promise<GitConnection[]>;
  /** @throws PlatformError not-found */
  remove(app: App, id: string): Promise<void>;
  /** Null when there is none. */
  open(id: string): Promise<(OpenConnection & { webhookSecret: string }) | null>;
}

export interface ConnectionRequest {
  kind: GitHostKind;
  url: string;
  accessToken: string;
  /** One that the host has made (GitLab's signing token); without it, one is made here. */
  webhookSecret: string | null;
}

export interface Connected {
  row: GitConnection;
  webhookSecret: string;
}

const MAX_PER_APP = 10;
const SECRET_CHARACTERS = 40;
const PATH = /^(\/[\w.~-]+){2,10}$/;

interface Deps {
  db: Database;
  keyBox: KeyBox;
  access: HostAccess;
}

export function createConnections({ db, keyBox, access }: Deps): Connections {
  return {
    async create(app, { kind, url: text, accessToken, webhookSecret: given }, { tokenId }) {
      requireConfinement(access);
      const url = readUrl(text);
      await pinHost(url, access);
      const id = newId('git');
      const webhookSecret = given ?? randomName(SECRET_CHARACTERS);
      const secrets = JSON.stringify({ accessToken, webhookSecret });
      const made = { id, appId: app.id, kind, url: url.href, createdBy: tokenId };
      const isMade = await keyBox.seal({ place: 'git-connection', id }, secrets, (sealed) =>
        insertGitConnection(db, { ...made, ...sealed }, MAX_PER_APP),
      );
      const row = isMade ? await findGitConnection(db, id) : null;
      if (row === null) throw notMade(app, url);
      return { row, webhookSecret };
    },

    list: (app) => listGitConnections(db, app.id),

    async remove(app, id) {
      if (await deleteGitConnection(db, app.id, id)) return;
      throw new PlatformError('not-found', `${app.name} has no connection ${id.slice(0, 40)}`, {
        hint: 'fn git-hosts list shows those that there are',
      });
    },

    async open(id) {
      const row = await findGitConnection(db, id);
      const app = row === null ? null : await findApp(db, row.appId);
      if (row === null || app === null) return null;
      const { appId, kind, url } = row;
      const secrets = JSON.parse(keyBox.open({ place: 'git-connection', id }, row)) as {
        accessToken: string;
        webhookSecret: string;
      };
      return { id, appId, appName: app.name, kind, url: new URL(url), ...secrets };
    },
  };
}

/** @throws PlatformError bad-request */
function readUrl(text: string): URL {
  const url = URL.parse(text);
  const isPlain =
    url?.username === '' && url.password === '' && url.search === '' && url.hash === '';
  if (url?.protocol === 'https:' && isPlain && PATH.test(url.pathname)) return url;
  throw new PlatformError(
    'bad-request',
    'the repository has to be an https URL without credentials',
    {
      hint: 'write it as https://github.com/OWNER/REPOSITORY; the access token is asked for apart',
    },
  );
}

function notMade(app: App, url: URL): PlatformError {
  const where = url.host + url.pathname;
  return new PlatformError(
    'conflict',
    `${app.name} is connected with ${where} already, or with ${MAX_PER_APP} others`,
    { hint: 'to begin anew: fn git-hosts list, then fn git-hosts disconnect ID' },
  );
}

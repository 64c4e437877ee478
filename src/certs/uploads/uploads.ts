import type { PublicAddress } from '../../model/address.ts';
import type { Warning } from '../../model/warning.ts';
import { PlatformError } from '../../protocol/errors.ts';
import { randomName } from '../../std/ids.ts';
import type { App } from '../../store/apps.ts';
import {
  type CertificateRow,
  deleteCertificates,
  insertCertificate,
  listCertificates,
  lockUploads,
  type SealedKeyColumns,
} from '../../store/certificates.ts';
import type { Database, Queryable } from '../../store/database.ts';
import type { CertificatePublisher, KeyBoxPort } from '../ports.ts';
import { isLasting, isOfApp, isOfPlatform, type OwnedName } from './upload-names.ts';
import { checkUploadedPair, type UploadedPair } from './uploaded.ts';

/** Certificates and keys that people bring. */
export interface Uploads {
  /**
   * Served for those of its names that are the app's, or the platform's where `app` is null, when this resolves.
   * @throws PlatformError bad-request, too-large, conflict
   */
  add(app: Pick<App, 'id' | 'name'> | null, pair: UploadedPair): Promise<AddedUpload>;
  /** Another is served for its names, if there is one, when this resolves. */
  remove(row: Pick<CertificateRow, 'id'>): Promise<void>;
  /** The names of apps have changed: what is served follows. */
  lookAgain(): void;
  /** Of each that ends soon without another that takes its place. */
  warnings(): Promise<Warning[]>;
}

export interface AddedUpload {
  row: CertificateRow;
  /** Sentences. */
  warnings: string[];
  /** Ids of those whose place it takes. */
  replaced: string[];
}

interface Deps {
  db: Database;
  keyBox: KeyBoxPort;
  publisher: CertificatePublisher;
  /** What apps have verified. */
  owned(): Promise<readonly OwnedName[]>;
  now(): number;
  onError: (error: unknown) => void;
}

/** Of one app, or of the platform. */
export const MAX_UPLOADS = 100;
const ID_CHARACTERS = 16;

export function createUploads(
  deps: Deps,
  address: Pick<PublicAddress, 'baseDomain' | 'controlHost'>,
): Uploads {
  const { db, keyBox, publisher } = deps;

  async function listOf(tx: Queryable, appId: string | null): Promise<CertificateRow[]> {
    const rows = await listCertificates(tx);
    return rows.filter((row) => row.source === 'upload' && row.appId === appId);
  }

  /** Ids of those whose place it takes. @throws PlatformError conflict */
  function replaceUploads(row: CertificateRow & SealedKeyColumns): Promise<string[]> {
    return db.transaction(async (tx) => {
      // One at a time, or two could pass the limit together, or stay beside each other.
      await lockUploads(tx);
      const former = await listOf(tx, row.appId);
      // One that is to take the place of another may end sooner than that, and must not lose against it.
      const replaced = former.filter(({ names }) =>
        names.every((name) => row.names.includes(name)),
      );
      if (former.length - replaced.length >= MAX_UPLOADS) throw tooMany();
      const ids = replaced.map(({ id }) => id);
      await insertCertificate(tx, row);
      await deleteCertificates(tx, ids);
      return ids;
    });
  }

  return {
    async add(app, pair) {
      const checked = checkUploadedPair(pair, deps.now());
      if (checked.kind === 'refused') {
        throw new PlatformError('bad-request', checked.problem, { hint: checked.hint });
      }
      const { chain, key, notBefore, notAfter } = checked;
      const owned = await deps.owned();
      const isOwn = (name: string): boolean =>
        app === null ? isOfPlatform(name, address) : isOfApp(name, app.id, owned);
      const names = checked.names.filter(isOwn);
      const others = checked.names.filter((name) => !isOwn(name));
      if (names.length === 0) throw foreignNames(app, others, address);
      const id = randomName(ID_CHARACTERS);
      const appId = app?.id ?? null;
      const row: CertificateRow = {
        id,
        names,
        appId,
        source: 'upload',
        chain,
        notBefore,
        notAfter,
        directory: null,
      };
      const replaced = await keyBox.seal({ place: 'certificate', id }, key, (sealed) =>
        replaceUploads({ ...row, ...sealed }),
      );
      await publisher.publish();
      return { row, warnings: [...checked.warnings, ...aboutOthers(others)], replaced };
    },

    async remove({ id }) {
      await deleteCertificates(db, [id]);
      await publisher.publish();
    },

    lookAgain() {
      publisher.publish().catch(deps.onError);
    },

    async warnings() {
      const now = deps.now();
      const rows = await listCertificates(db);
      const ending = rows.filter((row) => {
        return row.source === 'upload' && !isLasting(row, now) && !isReplaced(row, rows, now);
      });
      return ending.map(({ names, appId, notAfter }) => {
        const day = notAfter.toISOString().slice(0, 10);
        const ends = notAfter.getTime() <= now ? 'expired on' : 'ends on';
        const message = `the certificate that was uploaded for ${names[0]} ${ends} ${day}`;
        return { kind: 'certificate', appId, message };
      });
    },
  };
}

/** By others that last: of any source, since the platform orders one itself when the last third of its life begins. */
function isReplaced(row: CertificateRow, rows: readonly CertificateRow[], now: number): boolean {
  const lasting = rows.filter((other) => other !== row && isLasting(other, now));
  return row.names.every((name) => lasting.some(({ names }) => names.includes(name)));
}

const SHOWN_NAMES = 5;

function listed(names: readonly string[]): string {
  const rest = names.length - SHOWN_NAMES;
  return names.slice(0, SHOWN_NAMES).join(', ') + (rest > 0 ? ` and ${rest} more` : '');
}

function aboutOthers(names: readonly string[]): string[] {
  if (names.length === 0) return [];
  return [`It is not served for ${listed(names)}, which it has as well.`];
}

function foreignNames(
  app: Pick<App, 'name'> | null,
  names: readonly string[],
  { baseDomain }: Pick<PublicAddress, 'baseDomain'>,
): PlatformError {
  if (app === null) {
    const message = `the certificate is for ${listed(names)}, and none of these is a name of the platform, which are ${baseDomain} and all below it`;
    return new PlatformError('bad-request', message, {
      hint: 'for a domain of an app, say which: fn certificates add CHAIN --key KEY --app APP',
    });
  }
  const message = `the certificate is for ${listed(names)}, and ${app.name} has verified none of these domains`;
  return new PlatformError('bad-request', message, {
    hint: `see what it has: fn domains list --app ${app.name}; add one: fn domains add NAME --app ${app.name}`,
  });
}

function tooMany(): PlatformError {
  return new PlatformError('conflict', `there are ${MAX_UPLOADS} uploaded certificates already`, {
    hint: 'remove one that is not needed: fn certificates list; fn certificates remove ID',
  });
}

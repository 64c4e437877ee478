import { can, type Access, type Action, type Actor } from '../../access/index.ts';
import type { Audit } from '../../audit/index.ts';
import type { Archives, Publisher, Pushes } from '../../deploy/index.ts';
import type { PushTickets } from '../../git-hosts/index.ts';
import { appNameProblem } from '../../model/app.ts';
import { PlatformError } from '../../protocol/errors.ts';
import type { ControlForGit, Credential } from '../../protocol/git-front.ts';
import type { RpcHandlers } from '../../protocol/rpc.ts';
import { newId } from '../../std/ids.ts';
import { ensureApp, findAppByName } from '../../store/apps.ts';
import type { Database } from '../../store/database.ts';
import type { Disks } from './disks.ts';

interface Deps {
  db: Database;
  access: Access;
  audit: Audit;
  pushes: Pushes;
  archives: Archives;
  tickets: Pick<PushTickets, 'find'>;
  routes: Pick<Publisher, 'publish'>;
  disks: Pick<Disks, 'requireRoom'>;
  onError: (error: unknown) => void;
}

const ACTIONS = { read: 'app.read', push: 'app.push' } as const satisfies Record<string, Action>;

/** Of who pushes for a connected repository, without a token. */
const GIT_HOST = 'git-host';

/** What control answers the git front: who may, and the two hooks. */
export function createGitMethods(deps: Deps): RpcHandlers<ControlForGit> {
  const { db, access, audit, pushes, archives } = deps;
  return {
    async authorize({ appName, action, from, ...credential }) {
      // Before a client sends anything, which would be in vain; /readyz tells it to everybody.
      if (action === 'push') await deps.disks.requireRoom();
      const ticket = 'token' in credential ? deps.tickets.find(credential.token) : null;
      if (ticket?.appName === appName) {
        return { principal: ticket.principal, app: { id: ticket.appId } };
      }
      const actor = await authenticate(access, credential, from);
      const { kind, tokenId, tokenName } = actor;
      const principal = { kind, tokenId, tokenName };
      const isNew = (await findAppByName(db, appName)) === null;
      if (isNew && action === 'push' && can(actor, 'app.create', null)) {
        refuseBadName(appName);
        return { principal, app: null };
      }
      const app = await access.requireApp(actor, ACTIONS[action], appName);
      return { principal, app: { id: app.id } };
    },

    async authenticateKey({ key, from }) {
      await access.authenticateKey(key, from);
      return null;
    },

    async keysFailed({ from }) {
      access.keysFailed(from);
      return null;
    },

    watchKey: ({ key }, { signal }) =>
      new Promise((resolve) => {
        const end = (): void => resolve(null);
        const cancel = access.watchKey(key, end);
        signal.addEventListener('abort', () => {
          cancel();
          end();
        });
      }),

    async createApp({ appName, from, ...credential }) {
      const actor = await authenticate(access, credential, from);
      access.require(actor, 'app.create');
      refuseBadName(appName);
      const id = newId('app');
      const event = {
        actor: { kind: actor.kind, id: actor.tokenId, name: actor.tokenName },
        action: 'createApp',
        app: { id, name: appName },
        from: { address: from, userAgent: null },
      };
      const rest = { target: null, requestId: null, before: null, after: null };
      return audit.run({ ...event, ...rest }, async () => {
        const app = await ensureApp(db, { id, name: appName });
        // Its host says so from now on, and the push need not wait for that.
        deps.routes.publish().catch(deps.onError);
        return { id: app.id };
      });
    },

    async preReceive(pushed, { progress, signal }) {
      const { principal, appId } = pushed;
      // All has come by now, which may have taken long; from here on it goes on to its end.
      if (principal.kind !== GIT_HOST) {
        await access.reconsider(principal.tokenId, ACTIONS.push, appId);
      }
      const report = (line: string): void => progress({ line });
      return { accept: await pushes.preReceive(pushed, report, signal) };
    },

    async postReceive(pushed, { progress }) {
      const report = (line: string): void => progress({ line });
      return { released: await pushes.postReceive(pushed, report) };
    },

    async endPush({ appId, pushId }) {
      pushes.end(appId, pushId);
      return null;
    },

    async archive({ ticket }, { body }) {
      await archives.deliver(ticket, body);
      return null;
    },
  };
}

function authenticate(access: Access, credential: Credential, from: string): Promise<Actor> {
  return 'token' in credential
    ? access.authenticate(credential.token, from)
    : access.authenticateKey(credential.key, from);
}

function refuseBadName(name: string): void {
  const problem = appNameProblem(name);
  if (problem === null) return;
  throw new PlatformError('bad-request', problem, { hint: 'choose another name: fn init NAME' });
}

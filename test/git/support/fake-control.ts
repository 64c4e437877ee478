import { once } from 'node:events';
import { buffer } from 'node:stream/consumers';
import type { Server } from 'node:http';
import { PlatformError } from '../../../src/protocol/errors.ts';
import type { ControlForGit, PushedRefs } from '../../../src/protocol/git-front.ts';
import { createRpcServer, type RpcHandlers } from '../../../src/protocol/rpc.ts';
import { roleIncludes, type Role } from '../../../src/model/role.ts';
import { newId } from '../../../src/std/ids.ts';

/** Who may do what: a token's role, for one app or for all. */
interface FakeToken {
  role: Role;
  app?: string;
}

type PreReceive = RpcHandlers<ControlForGit>['preReceive'];
type CreateApp = RpcHandlers<ControlForGit>['createApp'];
type PostReceive = RpcHandlers<ControlForGit>['postReceive'];

/** The control process as the git front knows it, with its decisions in the test's hands. */
export interface FakeControl {
  /** By the text, or by the fingerprint of a key. */
  tokens: Map<string, FakeToken>;
  /** Addresses whose connections offered no right key. */
  failedKeys: string[];
  /** Name → id. */
  apps: Map<string, string>;
  /** What the hooks reported, in order. */
  received: PushedRefs[];
  released: PushedRefs[];
  /** Ticket → tar. */
  archives: Map<string, Buffer>;
  /** Ids of pushes that have ended otherwise than they were accepted. */
  ended: string[];
  createApp: CreateApp;
  preReceive: PreReceive;
  postReceive: PostReceive;
  listen(): Promise<void>;
  close(): Promise<void>;
}

/** Its next push waits in pre-receive, and is accepted when it may go on. */
export function holdPush(control: FakeControl): { begun: Promise<void>; goOn: () => void } {
  const begun = Promise.withResolvers<void>();
  const goOn = Promise.withResolvers<void>();
  control.preReceive = async () => {
    begun.resolve();
    await goOn.promise;
    return { accept: true };
  };
  return { begun: begun.promise, goOn: goOn.resolve };
}

export function createFakeControl(socketPath: string): FakeControl {
  const control: FakeControl = {
    tokens: new Map(),
    failedKeys: [],
    apps: new Map(),
    received: [],
    released: [],
    archives: new Map(),
    ended: [],
    async createApp({ appName }) {
      const id = control.apps.get(appName) ?? newId('app');
      control.apps.set(appName, id);
      return { id };
    },
    preReceive: async () => ({ accept: true }),
    postReceive: async () => ({ released: true }),
    async listen() {
      server = createRpcServer(handlersOf(control), () => {});
      server.listen(socketPath);
      await once(server, 'listening');
    },
    async close() {
      server?.closeAllConnections();
      await new Promise((resolve) => (server === null ? resolve(null) : server.close(resolve)));
      server = null;
    },
  };
  let server: Server | null = null;
  return control;
}

function handlersOf(control: FakeControl): RpcHandlers<ControlForGit> {
  return {
    async authorize({ appName, action, ...credential }) {
      const name = 'token' in credential ? credential.token : credential.key;
      const known = control.tokens.get(name);
      if (known === undefined) throw new PlatformError('unauthenticated', 'this token is unknown');
      const id = control.apps.get(appName);
      const isForeign = known.app !== undefined && known.app !== appName;
      if (isForeign) throw new PlatformError('not-found', `no app "${appName}"`);
      const needed = action === 'read' ? 'viewer' : 'deployer';
      if (!roleIncludes(known.role, needed)) {
        throw new PlatformError('forbidden', 'this token may only read', {
          hint: 'use a token with the role "deployer"',
        });
      }
      if (id === undefined && action === 'read') {
        throw new PlatformError('not-found', `no app "${appName}"`);
      }
      const principal = { tokenId: 'tok-1', tokenName: name };
      return { principal, app: id === undefined ? null : { id } };
    },
    async authenticateKey({ key }) {
      if (control.tokens.has(key)) return null;
      throw new PlatformError('unauthenticated', 'this key is unknown');
    },
    async keysFailed({ from }) {
      control.failedKeys.push(from);
      return null;
    },
    watchKey: ({ key }, { signal }) =>
      new Promise((resolve) => {
        const timer = setInterval(() => {
          if (control.tokens.has(key) && !signal.aborted) return;
          clearInterval(timer);
          resolve(null);
        }, 50);
      }),
    createApp: (asked, call) => control.createApp(asked, call),
    preReceive(pushed, call) {
      control.received.push(pushed);
      return control.preReceive(pushed, call);
    },
    postReceive(pushed, call) {
      control.released.push(pushed);
      return control.postReceive(pushed, call);
    },
    async endPush({ pushId }) {
      control.ended.push(pushId);
      return null;
    },
    async archive({ ticket }, { body }) {
      control.archives.set(ticket, await buffer(body));
      return null;
    },
  };
}

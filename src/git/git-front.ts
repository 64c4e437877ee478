import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Server as SocketServer } from 'node:net';
import type { PublicAddress } from '../model/address.ts';
import { createRpcServer } from '../protocol/rpc.ts';
import type { Clock } from '../std/clock.ts';
import { createControlCalls } from './control-calls.ts';
import { createDirectEngine } from './direct-engine.ts';
import { serveGit, type ExchangeDeps } from './exchange.ts';
import type { GitEnvironment } from './git-environment.ts';
import { createGitRunner } from './git-runner.ts';
import { admit, type Guard } from './guard.ts';
import { createHookServer } from './hook-server.ts';
import type { GitLimits } from './limits.ts';
import { createNodeGitServerEngine } from './node-git-server-engine.ts';
import { Places } from './places.ts';
import type { ControlPort, LogPort } from './ports.ts';
import { Pushes } from './pushes.ts';
import { createReceiveHooks } from './receive-hooks.ts';
import { toRefusal } from './refusal.ts';
import { openRepositories } from './repositories.ts';
import { refuse } from './respond.ts';
import type { SshServer } from './ssh/ssh-server.ts';

interface Deps {
  control: ControlPort;
  clock: Clock;
  log: LogPort;
  environment: GitEnvironment;
}

interface Options {
  address: PublicAddress;
  repositoriesDir: string;
  stateDir: string;
  maxPackBytes: number;
  limits: GitLimits;
  /** In OpenSSH's format; null where nothing comes over SSH. */
  sshHostKey: string | null;
}

/** Servers that the caller makes listen, each on a socket of its own. */
export interface GitFront {
  /** git's smart HTTP protocol. */
  http: Server;
  /** The same over SSH, on a port of its own. */
  ssh: SocketServer | null;
  /** The hooks of the repositories. */
  hooks: SocketServer;
  /** GitForControl. */
  calls: Server;
  /** Accepts no more requests and resolves when those under way have ended. */
  drain(): Promise<void>;
}

/** A Slowloris has this long; bodies have a minimum rate instead. */
const HEADERS_MS = 10_000;
const MAX_HEADER_BYTES = 16 * 1024;

export async function createGitFront(deps: Deps, options: Options): Promise<GitFront> {
  const { control, clock, log } = deps;
  const { limits, maxPackBytes } = options;
  const git = createGitRunner(deps.environment);
  const repositories = await openRepositories(options);
  const pushes = new Pushes();
  const receiveHooks = createReceiveHooks({ control, git, clock, log }, limits);
  const guard = { control, address: options.address };
  const exchanging = {
    control,
    repositories,
    pushes,
    places: {
      'receive-pack': new Places(clock, limits.pushPlaces),
      'upload-pack': new Places(clock, limits.readPlaces),
    },
    limits,
    maxPackBytes,
  };
  const engine = createNodeGitServerEngine({ log }, limits);
  const http = createHttpServer(log, guard, { ...exchanging, engine });
  const { sshHostKey } = options;
  const ssh = sshHostKey === null ? null : await openSsh(deps, exchanging, sshHostKey);
  return {
    http,
    ssh: ssh?.server ?? null,
    hooks: createHookServer(pushes, (call) => receiveHooks.handle(call)),
    calls: createRpcServer(
      createControlCalls({ control, git, pushes, repositories }, limits),
      (method, error) => log.warn({ method, err: error }, 'a call failed'),
    ),
    async drain() {
      await Promise.all([new Promise((resolve) => http.close(resolve)), ssh?.drain()]);
      // Also those whose clients have gone: what was built and accepted is to move its refs and be told.
      await pushes.ended();
      await receiveHooks.settled();
    },
  };
}

/** What it stands on is loaded where it is wanted alone. */
async function openSsh(
  deps: Deps,
  exchanging: Omit<ExchangeDeps, 'engine'>,
  hostKey: string,
): Promise<SshServer> {
  const { createSshServer } = await import('./ssh/ssh-server.ts');
  const engine = createDirectEngine(deps, exchanging.limits);
  return createSshServer({ ...exchanging, engine, log: deps.log }, { hostKey });
}

function createHttpServer(log: LogPort, guard: Guard, deps: ExchangeDeps): Server {
  const server = createServer({
    headersTimeout: HEADERS_MS,
    requestTimeout: 0,
    maxHeaderSize: MAX_HEADER_BYTES,
  });
  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      await serveGit(deps, await admit(guard, request, response));
    } catch (error) {
      const refusal = toRefusal(error);
      if (refusal.status === 500) log.warn({ err: error }, 'a git request failed');
      refuse(request, response, refusal);
    }
  }
  server.on('request', (request, response) => {
    // A connection that breaks is the client's affair, and ends what it asked for by `close`.
    request.on('error', () => {});
    response.on('error', () => {});
    void answer(request, response);
  });
  return server;
}

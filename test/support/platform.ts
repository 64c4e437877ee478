import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chown, mkdtemp, readFile, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { TestNetwork } from './test-network.ts';

const PROJECT_DIR = dirname(dirname(import.meta.dirname));
const START_DEADLINE_MS = 60_000;
const STOP_DEADLINE_MS = 60_000;

interface StartPlatformOptions {
  /** Added to a minimal environment. */
  env?: Record<string, string>;
  /** After `fn server`. */
  args?: string[];
  /** Starts it under this uid instead; possible for root only. */
  asUid?: number;
  /** A temporary one otherwise, removed at the end. */
  dataDir?: string;
  /** Another copy of the project. */
  projectDir?: string;
  /** The machine that it runs on, instead of this one. */
  network?: Pick<TestNetwork, 'enter' | 'relay'>;
  /** For machines that are slow by nature. */
  startDeadlineMs?: number;
}

/** A whole server of its own on a temporary data folder and a free port of the loopback address. */
export interface Platform extends AsyncDisposable {
  /** Of the control host, by address: `http://127.0.0.1:<port>`. */
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  readonly dataDir: string;
  readonly adminToken: string;
  /** All that it has printed so far. */
  output(): string;
  /** SIGTERM; resolves with the exit code. */
  stop(): Promise<number | null>;
  /** Without another signal: its exit code, once whoever was told to end it has. */
  ended(): Promise<number | null>;
  kill9(): Promise<void>;
  /** Starts it again on the same folder and port, stopping it first when it runs. */
  restart(): Promise<void>;
}

/** Starts `fn server` and resolves when it is ready. Use `await using`, or call `stop()` and let the folder be. */
export async function startPlatform(options: StartPlatformOptions = {}): Promise<Platform> {
  const parent = await mkdtemp(join(await realpath(tmpdir()), 'gitfn-test-'));
  const dataDir = options.dataDir ?? join(parent, 'data');
  if (options.asUid !== undefined) await chown(parent, options.asUid, options.asUid);
  let server = await startServer(options, dataDir, 0);

  async function stop(): Promise<number | null> {
    return end(server.child, 'SIGTERM');
  }

  return {
    get url() {
      return `http://127.0.0.1:${server.port}`;
    },
    get port() {
      return server.port;
    },
    get pid() {
      return server.child.pid ?? 0;
    },
    get adminToken() {
      return server.adminToken;
    },
    dataDir,
    output: () => server.output(),
    stop,
    ended: () => ending(server.child),
    kill9: async () => void (await end(server.child, 'SIGKILL')),
    restart: async () => {
      await stop();
      server = await startServer(options, dataDir, options.network ? 0 : server.port);
    },
    async [Symbol.asyncDispose]() {
      await stop();
      await rm(parent, { recursive: true, force: true });
    },
  };
}

interface RunningServer {
  child: ChildProcess;
  port: number;
  adminToken: string;
  output: () => string;
}

async function startServer(
  options: StartPlatformOptions,
  dataDir: string,
  port: number,
): Promise<RunningServer> {
  const { child, output } = spawnServer({
    ...options,
    env: { PORT: String(port), FN_DATA_DIR: dataDir, ...options.env },
  });
  const endWithParent = (): void => void child.kill('SIGKILL');
  process.on('exit', endWithParent);
  child.once('exit', () => process.off('exit', endWithParent));
  await readiness(child, output, options.startDeadlineMs ?? START_DEADLINE_MS);
  const facts = JSON.parse(await readFile(join(dataDir, 'server.json'), 'utf8')) as {
    port: number;
  };
  const adminToken = (await readFile(join(dataDir, 'admin-token'), 'utf8')).trim();
  const reachable = (await options.network?.relay(facts.port)) ?? facts.port;
  return { child, port: reachable, adminToken, output };
}

/** On this machine it changes no firewall and forwards nothing: functions connect to nothing. */
function quiet({ network }: { network?: unknown }): Record<string, string> {
  return network === undefined ? { FN_EGRESS: 'none' } : {};
}

/** `fn server` with exactly these variables; for tests of a server that does not start. */
export function spawnServer(options: {
  env: Record<string, string>;
  args?: string[];
  asUid?: number;
  projectDir?: string;
  network?: Pick<TestNetwork, 'enter'>;
}): {
  child: ChildProcess;
  output: () => string;
} {
  const id = String(options.asUid);
  const asUser =
    options.asUid === undefined
      ? []
      : ['setpriv', '--reuid', id, '--regid', id, '--clear-groups', '--'];
  const enter = options.network?.enter ?? [];
  const bin = join(options.projectDir ?? PROJECT_DIR, 'bin/fn');
  const words = [...enter, ...asUser, bin, 'server', ...(options.args ?? [])];
  const [file = bin, ...args] = words;
  const child = spawn(file, args, {
    env: { PATH: process.env['PATH'], ...quiet(options), ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let printed = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => (printed += chunk.toString()));
  }
  return { child, output: () => printed };
}

async function readiness(
  child: ChildProcess,
  output: () => string,
  deadlineMs: number,
): Promise<void> {
  const deadline = AbortSignal.timeout(deadlineMs);
  while (!output().includes('gitfn is ready')) {
    if (child.exitCode !== null || child.signalCode !== null) {
      throw new Error(`the server ended with ${child.exitCode ?? child.signalCode}:\n${output()}`);
    }
    const events = child.stdout;
    if (events === null) throw new Error('a server has standard output');
    await Promise.race([once(events, 'data', { signal: deadline }), once(child, 'exit')]);
  }
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
  const ended = ending(child);
  child.kill(signal);
  return ended;
}

async function ending(child: ChildProcess): Promise<number | null> {
  if (child.exitCode === null && child.signalCode === null) {
    await once(child, 'exit', { signal: AbortSignal.timeout(STOP_DEADLINE_MS) });
  }
  return child.exitCode;
}

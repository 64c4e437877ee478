/**
 * The embedded database: PostgreSQL's own programs from an npm package that holds binaries only. It listens on a unix
 * socket that control alone can reach, and ends with the supervisor however that ends.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import {
  existsSync,
  readFileSync,
  renameSync,
  rmSync,
  mkdirSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { PlatformError } from '../../../protocol/errors.ts';
import type { HostTools } from '../machine/host-tools.ts';
import { isServerOf, readPidFile } from './postgres-pid-file.ts';

interface PostgresOptions {
  tools: HostTools;
  /** The package's `native` folder. */
  nativeDir: string;
  /** Parent of the cluster's folder, owned by `uid`. */
  dir: string;
  socketDir: string;
  /** A folder for the library links, remade at each start. */
  librariesDir: string;
  /** Null when the supervisor is not root. */
  uid: number | null;
  /** Its log goes to our standard error when verbose; otherwise only its last words are kept. */
  isVerbose: boolean;
  /** The server's process, at its beginning. */
  onSpawn: (child: ChildProcess) => void;
}

export interface PostgresServer {
  readonly url: string;
  /** Resolves when the server has ended, whoever ended it. */
  readonly exited: Promise<string>;
  /** Ends sessions, writes a checkpoint, and leaves a clean cluster. */
  stop(): Promise<void>;
}

const DATABASE_USER = 'gitfn';
const START_DEADLINE_MS = 60_000;
const STOP_DEADLINE_MS = 10_000;
const POLL_MS = 10;
const STALE_POLL_MS = 50;
const LOG_TAIL_BYTES = 4_096;

/** An idle platform stays small; a busy one has a handful of connections and tables that fit into memory. */
const SETTINGS: Record<string, string> = {
  listen_addresses: '',
  max_connections: '40',
  shared_buffers: '16MB',
  huge_pages: 'off',
  jit: 'off',
  // One process fewer for each: nothing replicates, nothing runs in parallel, reads are short.
  io_method: 'sync',
  wal_level: 'minimal',
  max_wal_senders: '0',
  max_logical_replication_workers: '0',
  max_parallel_workers: '0',
  autovacuum_max_workers: '1',
  max_wal_size: '256MB',
  log_min_messages: 'warning',
};

/** Makes the cluster at the first start, starts the server, and resolves when it accepts connections. */
export async function startPostgres(options: PostgresOptions): Promise<PostgresServer> {
  linkLibraries(options.nativeDir, options.librariesDir);
  const cluster = `${options.dir}/cluster`;
  await endStaleServer(cluster);
  if (!existsSync(cluster)) await createCluster(options, cluster);
  const child = spawnServer(options, cluster);
  options.onSpawn(child);
  const log = collectLog(child, options.isVerbose);
  const exited = new Promise<string>((resolve) => {
    child.once('exit', (code, signal) => resolve(`${signal ?? `code ${code}`}: ${log()}`));
    child.once('error', (error) => resolve(error.message));
  });
  await readiness(cluster, child, exited);
  const host = encodeURIComponent(options.socketDir);
  return {
    url: `postgresql://${DATABASE_USER}@localhost/postgres?host=${host}`,
    exited,
    stop: async () => {
      child.kill('SIGINT'); // "Fast" shutdown.
      const isDone = await Promise.race([
        exited.then(() => true),
        delay(STOP_DEADLINE_MS, false, { ref: false }),
      ]);
      if (!isDone) child.kill('SIGQUIT'); // "Immediate": the next start recovers from the log.
      await exited;
    },
  };
}

/** The package has its libraries under their full versions only; the loader looks for the short names. */
function linkLibraries(nativeDir: string, librariesDir: string): void {
  rmSync(librariesDir, { recursive: true, force: true });
  mkdirSync(librariesDir, { recursive: true, mode: 0o755 });
  const links = JSON.parse(readFileSync(`${nativeDir}/pg-symlinks.json`, 'utf8')) as {
    source: string;
    target: string;
  }[];
  for (const { source, target } of links) {
    symlinkSync(`${nativeDir}/lib/${basename(source)}`, `${librariesDir}/${basename(target)}`);
  }
}

/** Built aside and renamed: a cluster that exists is whole. */
async function createCluster(options: PostgresOptions, cluster: string): Promise<void> {
  const unfinished = `${options.dir}/unfinished`;
  rmSync(unfinished, { recursive: true, force: true });
  const args = [
    ...withUserName(options),
    `${options.nativeDir}/bin/initdb`,
    `--pgdata=${unfinished}`,
    `--username=${DATABASE_USER}`,
    // The folder of the socket decides who connects.
    '--auth=trust',
    '--encoding=UTF8',
    '--locale=C',
    '--locale-provider=builtin',
    '--builtin-locale=C.UTF-8',
    '--no-instructions',
  ];
  try {
    await promisify(execFile)(options.tools.setpriv, [...asDatabaseUser(options), ...args], {
      cwd: '/',
      env: postgresEnvironment(options),
    });
  } catch (error) {
    const { stderr = '' } = error as { stderr?: string };
    throw new PlatformError('database-down', 'the embedded database could not be made', {
      hint: stderr.trim().slice(-LOG_TAIL_BYTES) || 'see the cause with VERBOSE=1',
      cause: error,
    });
  }
  renameSync(unfinished, cluster);
}

function spawnServer(options: PostgresOptions, cluster: string): ChildProcess {
  const settings = { ...SETTINGS, unix_socket_directories: options.socketDir };
  const args = [
    ...asDatabaseUser(options),
    `${options.nativeDir}/bin/postgres`,
    '-D',
    cluster,
    ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
  ];
  return spawn(options.tools.setpriv, args, {
    cwd: '/',
    env: postgresEnvironment(options),
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
}

/** setpriv's arguments. Should the supervisor be killed, the kernel tells the server to end at once; it recovers at the next start. */
function asDatabaseUser({ uid }: PostgresOptions): string[] {
  const id = String(uid);
  const drop = uid === null ? [] : ['--reuid', id, '--regid', id, '--clear-groups'];
  return [...drop, '--no-new-privs', '--pdeathsig', 'QUIT', '--'];
}

/** initdb insists on a name for its uid. Root has covered /etc/passwd; a user without an entry gets one here. */
function withUserName({ tools, uid, librariesDir }: PostgresOptions): string[] {
  const own = process.getuid?.() ?? 0;
  const passwd = readFileSync('/etc/passwd', 'utf8');
  if (uid !== null || passwd.split('\n').some((line) => line.split(':')[2] === String(own))) {
    return [];
  }
  if (tools.bwrap === null) {
    throw new PlatformError('database-down', `the embedded database needs a name for uid ${own}`, {
      hint: `add one: echo ${DATABASE_USER}:x:${own}:${process.getgid?.()}::/:/bin/false | sudo tee -a /etc/passwd`,
    });
  }
  const file = `${librariesDir}/passwd`;
  writeFileSync(file, `${passwd}${DATABASE_USER}:x:${own}:${process.getgid?.()}::/:/bin/false\n`);
  return [tools.bwrap, '--dev-bind', '/', '/', '--ro-bind', file, '/etc/passwd', '--'];
}

function postgresEnvironment({ librariesDir, nativeDir }: PostgresOptions): NodeJS.ProcessEnv {
  return { LD_LIBRARY_PATH: `${librariesDir}:${nativeDir}/lib`, LC_ALL: 'C', TZ: 'UTC' };
}

function collectLog(child: ChildProcess, isVerbose: boolean): () => string {
  let tail = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    if (isVerbose) process.stderr.write(chunk);
    tail = (tail + chunk.toString()).slice(-LOG_TAIL_BYTES);
  });
  return () => tail.trim();
}

async function readiness(
  cluster: string,
  child: ChildProcess,
  exited: Promise<string>,
): Promise<void> {
  let end: string | null = null;
  void exited.then((reason) => (end = reason));
  const deadline = performance.now() + START_DEADLINE_MS;
  while (performance.now() < deadline) {
    const pidFile = readPidFile(cluster);
    if (pidFile !== null && pidFile.pid === child.pid && pidFile.status === 'ready') return;
    if (end !== null) throw databaseDown(end);
    await delay(POLL_MS);
  }
  child.kill('SIGQUIT');
  throw databaseDown(`not ready after ${START_DEADLINE_MS / 1000} s`);
}

function databaseDown(reason: string): PlatformError {
  return new PlatformError('database-down', 'the embedded database did not start', {
    hint: `${reason}\nuse a database of your own: DATABASE_URL=postgresql://… fn server`,
  });
}

/**
 * The lock on the data folder says that no other supervisor is there. A server that still runs on the cluster is one
 * that is about to end; a pid file of another process is left over from a crash, its number used again since.
 */
async function endStaleServer(cluster: string): Promise<void> {
  const deadline = performance.now() + START_DEADLINE_MS;
  for (;;) {
    const pid = readPidFile(cluster)?.pid;
    if (pid === undefined) return;
    if (!isServerOf(cluster, pid)) {
      rmSync(`${cluster}/postmaster.pid`, { force: true });
      return;
    }
    if (performance.now() > deadline) {
      throw databaseDown(`process ${pid} of an earlier server does not end`);
    }
    process.kill(pid, 'SIGQUIT');
    await delay(STALE_POLL_MS);
  }
}

/** A database server of a test's own, for DATABASE_URL, which can be harmed as an operator's may be. */
import type { ChildProcess } from 'node:child_process';
import { chmod, chown, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { readHostEnvironment } from '../../src/main/config/env.ts';
import {
  type PostgresServer,
  startPostgres,
} from '../../src/main/supervisor/database/embedded-postgres.ts';
import { provideTools } from '../../src/main/supervisor/machine/host-tools.ts';
import { packagedFile } from '../../src/main/supervisor/machine/packaged-files.ts';
import { descendantsOf } from './processes.ts';

const PROJECT = resolve(import.meta.dirname, '../..');
/** Nobody's: Postgres does not run as root. */
const DATABASE_UID = 65_534;

export interface ExternalDatabase extends AsyncDisposable {
  /** Stays the same over restarts. */
  readonly url: string;
  /** Made beforehand; the cluster's folder is inside. */
  readonly dir: string;
  start(): Promise<void>;
  stop(): Promise<void>;
  /** SIGKILL to the server and to the process of each connection. */
  kill(): Promise<void>;
  /** SIGSTOP to them; the returned function lets them go on. */
  pause(): () => void;
}

/** @param prepare gets the folder that the cluster will be in, before it is */
export async function openExternalDatabase(
  prepare: (dir: string) => void = () => {},
): Promise<ExternalDatabase> {
  const parent = await mkdtemp(join(tmpdir(), 'gitfn-external-'));
  const [dir, socketDir] = [join(parent, 'data'), join(parent, 'socket')];
  const uid = process.getuid?.() === 0 ? DATABASE_UID : null;
  await chmod(parent, 0o755); // Control has another uid.
  for (const path of [dir, socketDir]) await mkdir(path);
  prepare(dir);
  if (uid !== null) for (const path of [dir, socketDir]) await chown(path, uid, uid);
  await chmod(dir, 0o700);
  let child: ChildProcess | null = null;
  const begin = (): Promise<PostgresServer> =>
    startPostgres({
      tools: provideTools({ folders: readHostEnvironment().toolFolders, say: () => {} }),
      nativeDir: packagedFile(PROJECT, 'postgres'),
      dir,
      socketDir,
      librariesDir: join(parent, 'libraries'),
      uid,
      isVerbose: false,
      onSpawn: (spawned) => void (child = spawned),
    });
  let server: PostgresServer | null = await begin();
  const { url } = server;
  const all = (): number[] => {
    const pid = child?.pid;
    return pid === undefined ? [] : [pid, ...descendantsOf(pid).map((one) => one.pid)];
  };
  const end = async (how: (running: PostgresServer) => unknown): Promise<void> => {
    const running = server;
    server = null;
    if (running === null) return;
    await how(running);
    await running.exited;
  };
  const stop = (): Promise<void> => end((running) => running.stop());
  return {
    url,
    dir,
    start: async () => void (server ??= await begin()),
    stop,
    kill: () => end(() => all().forEach((pid) => process.kill(pid, 'SIGKILL'))),
    pause() {
      const stopped = all();
      for (const pid of stopped) process.kill(pid, 'SIGSTOP');
      return () => stopped.forEach((pid) => process.kill(pid, 'SIGCONT'));
    },
    async [Symbol.asyncDispose]() {
      await stop();
      await rm(parent, { recursive: true, force: true });
    },
  };
}

/**
 * Servers of others that a figure stands beside, each with its own configuration in bench/peers/. All answer the same
 * hello at `/`, and end with the stack that they are given.
 */
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, portOpens, startUntilReady, stopProcess } from './processes.ts';
import type { LoadTarget } from './wrk.ts';

const PEERS = join(import.meta.dirname, '../peers');
const HOST = 'localhost';

type Cleanup = AsyncDisposableStack;

/** A program of bench/peers/ that takes a port or the path of a socket, and prints `ready`. */
export async function startNodePeer(
  cleanup: Cleanup,
  program: string,
  listen: number | string,
): Promise<void> {
  const { child } = await startUntilReady(process.execPath, [join(PEERS, program), String(listen)]);
  cleanup.defer(() => stopProcess(child));
}

/** A server of Node by itself. */
export async function startAlone(cleanup: Cleanup, program: string): Promise<LoadTarget> {
  const port = await freePort();
  await startNodePeer(cleanup, program, port);
  return { port, host: HOST };
}

/** The same server on a unix socket, behind Debian's nginx. */
export async function startBehindNginx(cleanup: Cleanup, program: string): Promise<LoadTarget> {
  const folder = await temporaryFolder(cleanup);
  await startNodePeer(cleanup, program, join(folder, 'node.sock'));
  return startNginx(cleanup, 'nginx.conf', folder);
}

/** nginx with a configuration of bench/peers/ in which FOLDER and PORT are filled in. */
async function startNginx(cleanup: Cleanup, name: string, folder: string): Promise<LoadTarget> {
  const port = await freePort();
  const template = await readFile(join(PEERS, name), 'utf8');
  const conf = join(folder, 'nginx.conf');
  await writeFile(conf, template.replaceAll('FOLDER', folder).replaceAll('PORT', String(port)));
  // As root its workers would become another user, who cannot enter the folder of the socket.
  const user = process.getuid?.() === 0 ? ['-g', 'user root;'] : [];
  const child = spawn('/usr/sbin/nginx', ['-p', folder, '-c', conf, ...user], { stdio: 'inherit' });
  cleanup.defer(() => stopProcess(child));
  await portOpens(port);
  return { port, host: HOST };
}

async function temporaryFolder(cleanup: Cleanup): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'gitfn-peer-'));
  cleanup.defer(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

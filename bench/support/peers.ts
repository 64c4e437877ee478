/**
 * Servers of others that a figure stands beside, each with its own configuration in bench/peers/. All answer the same
 * hello at `/`, and end with the stack that they are given. Those that sleep are in sleeping-peers.ts.
 */
import { execFileSync, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestCertificate } from '../../test/support/certificates.ts';
import { provideDebianPackages } from './debian-packages.ts';
import { freePort, portOpens, startUntilReady, stopProcess } from './processes.ts';
import { temporaryFolder } from './temporary-folder.ts';
import type { LoadTarget } from './wrk.ts';

export const PEERS = join(import.meta.dirname, '../peers');
/** With a package.json and a lock of their own: they are large, and nothing else needs them. */
const PACKAGES = join(PEERS, 'packages');
const NGINX = '/usr/sbin/nginx';
const HOST = 'localhost';

type Cleanup = AsyncDisposableStack;
/** In bench/peers/; takes a port or the path of a socket, and prints `ready`. */
type NodeServer =
  | 'node-server.ts'
  | 'busy-server.ts'
  | 'payload-server.ts'
  | 'hono-server.ts'
  | 'spawning-server.ts';

/** A server of Node by itself. */
export async function startAlone(cleanup: Cleanup, program: NodeServer): Promise<LoadTarget> {
  const port = await freePort();
  await startNode(cleanup, program, String(port));
  return { port, host: HOST };
}

/** The same on a unix socket, behind Debian's nginx. */
export async function startBehindNginx(
  cleanup: Cleanup,
  program: NodeServer,
  location: `${string}.location` = 'node.location',
): Promise<LoadTarget> {
  const folder = await temporaryFolder(cleanup);
  await startNode(cleanup, program, join(folder, 'node.sock'));
  return startNginx(cleanup, { folder, location });
}

/** The same with HTTPS. */
export async function startBehindSecureNginx(
  cleanup: Cleanup,
  program: NodeServer,
  { served, key }: TestCertificate,
): Promise<LoadTarget> {
  const folder = await temporaryFolder(cleanup);
  await startNode(cleanup, program, join(folder, 'node.sock'));
  await writeFile(join(folder, 'cert.pem'), served.chain);
  await writeFile(join(folder, 'key.pem'), key, { mode: 0o600 });
  const nginx = { folder, location: 'node.location', file: 'nginx-tls.conf' } as const;
  return { ...(await startNginx(cleanup, nginx)), isSecure: true };
}

/** nginx before the server whose socket stands in the folder. */
export async function startNginx(
  cleanup: Cleanup,
  {
    folder,
    location,
    file = 'nginx.conf',
  }: { folder: string; location: `${string}.location`; file?: `nginx${string}.conf` },
): Promise<LoadTarget> {
  provideDebianPackages(NGINX, ['nginx-light']);
  const port = await freePort();
  const text = await readFile(join(PEERS, location), 'utf8');
  const conf = await fillIn(file, folder, { LOCATION: text, PORT: String(port) });
  // As root its workers would become another user, who cannot enter the folder of the socket.
  const user = process.getuid?.() === 0 ? ['-g', 'user root;'] : [];
  const child = spawn(NGINX, ['-p', folder, '-c', conf, ...user], { stdio: 'inherit' });
  cleanup.defer(() => stopProcess(child));
  await portOpens(port);
  return { port, host: HOST };
}

/** Cloudflare's runtime, with a Worker. */
export async function startWorkerd(cleanup: Cleanup): Promise<LoadTarget> {
  // The program itself: the script that workerd has in its place does not pass on that it shall end.
  const file = providePackage(
    `@cloudflare/workerd-linux-${process.arch === 'x64' ? '64' : 'arm64'}/bin/workerd`,
  );
  const port = await freePort();
  const args = ['serve', join(PEERS, 'workerd.capnp'), `--socket-addr=http=127.0.0.1:${port}`];
  return startOnPort(cleanup, [file, ...args], port);
}

/** Google's framework, which serves one function with Express. */
export async function startFunctionsFramework(cleanup: Cleanup): Promise<LoadTarget> {
  const main = '@google-cloud/functions-framework/build/src/main.js';
  const port = await freePort();
  const args = [`--source=${join(PEERS, 'functions')}`, '--target=hello', `--port=${port}`];
  return startOnPort(cleanup, [process.execPath, providePackage(main), ...args], port);
}

async function startNode(cleanup: Cleanup, program: NodeServer, listen: string): Promise<void> {
  const { child } = await startUntilReady(process.execPath, [join(PEERS, program), listen]);
  cleanup.defer(() => stopProcess(child));
}

/** For programs that do not say when they are ready. */
export async function startOnPort(
  cleanup: Cleanup,
  [file, ...args]: [string, ...string[]],
  port: number,
): Promise<LoadTarget> {
  const child = spawn(file, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  cleanup.defer(() => stopProcess(child));
  await portOpens(port);
  return { port, host: HOST };
}

/** Writes a configuration of bench/peers/ into the folder, with its capital words replaced; returns its path. */
export async function fillIn(
  name: string,
  folder: string,
  words: Readonly<Record<string, string>> = {},
): Promise<string> {
  let text = await readFile(join(PEERS, name), 'utf8');
  for (const [word, value] of Object.entries({ ...words, FOLDER: folder, PEERS })) {
    text = text.replaceAll(word, value);
  }
  const path = join(folder, name);
  await writeFile(path, text);
  return path;
}

/** Path of a file of a peer's package; the packages are installed with the first. */
function providePackage(path: string): string {
  const file = join(PACKAGES, 'node_modules', path);
  if (!existsSync(file)) {
    console.error('installing the packages of peers');
    execFileSync('npm', ['ci', '--ignore-scripts'], { cwd: PACKAGES, stdio: 'ignore' });
  }
  return file;
}

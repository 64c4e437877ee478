/**
 * What runs inside a runtime sandbox: first as a zygote that belongs to nobody, then, once specialised, as the
 * worker of one function of one deployment until it exits. It never serves a second function. Threads that the function
 * starts load this program, too, where their connections need it.
 *
 * Everything here shares its process with the tenant's code, so nothing here is trusted by the other end of the
 * socket. Read protocol/worker.ts first, then worker.ts, then conventions/conventions.ts.
 */
import net from 'node:net';
import { isMainThread } from 'node:worker_threads';
import { CHANNEL_ARGUMENT, WORKER_CHANNEL_FD } from '../protocol/egress-channel.ts';
import { WORKER_ENVIRONMENT_FD, WORKER_SOCKET_FD } from '../protocol/worker.ts';
import { readEnvironment } from './environment.ts';
import { sendConnectionsThrough } from './outgoing/outgoing.ts';
import { connectByMainThread } from './outgoing/thread-outgoing.ts';
import { provideWebClasses } from './web/globals.ts';
import { startWorker } from './worker.ts';

if (isMainThread) void startMainThread();
else connectByMainThread(__filename);

async function startMainThread(): Promise<void> {
  const isWithoutNetwork = process.argv[3] === CHANNEL_ARGUMENT;
  process.argv.length = 2; // What the function sees is as ever.
  provideWebClasses();
  const { retire, warn } = await startWorker(
    (onRead) => new net.Socket({ fd: WORKER_SOCKET_FD, onread: onRead }),
    () => readEnvironment(WORKER_ENVIRONMENT_FD),
  );
  if (!isWithoutNetwork) return;
  const channel = new net.Socket({ fd: WORKER_CHANNEL_FD });
  sendConnectionsThrough(channel, { closed: retire, warn, program: __filename });
}

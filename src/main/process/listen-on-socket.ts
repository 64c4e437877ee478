import { once } from 'node:events';
import type { Server } from 'node:net';

/**
 * Listens on a unix socket of the platform's own. The peer has another uid, so the socket itself is open to all: who
 * may connect is decided by the folder that it stands in. A socket file left by a crash is the supervisor's to remove.
 */
export async function listenOnSocket(server: Server, path: string): Promise<void> {
  server.listen({ path, readableAll: true, writableAll: true });
  await once(server, 'listening');
}

import type { Server } from 'node:tls';

/** Ends connections whose handshake has failed. Those that take too long would stay: Node only tells of them. */
export function endingFailed(server: Server): Server {
  return server.on('tlsClientError', (_error, socket) => socket.destroy());
}

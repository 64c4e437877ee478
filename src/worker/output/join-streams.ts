import type { Socket } from 'node:net';
import { endWithSocket, type RelayStream } from '../../protocol/relay-stream.ts';

/** Bytes go both ways until both ends are through, or one of them breaks. */
export function joinStreams(socket: Socket, relay: RelayStream): void {
  socket.unref(); // The other end, which the program has, decides what holds the event loop.
  endWithSocket(relay, socket);
  relay.on('close', () => (relay.readableEnded ? socket.destroySoon() : socket.resetAndDestroy()));
  if (socket.destroyed) return void relay.destroy(); // It has ended while the other one was made.
  socket.pipe(relay);
  relay.pipe(socket);
}

import type { Socket } from 'node:net';
import { endWithSocket, type RelayStream } from '../protocol/relay-stream.ts';
import { type ByteBound, type Holding, holdingOf } from './byte-bound.ts';

interface RelayBounds {
  /** What was received of the sandbox, taken when it came. */
  received: Holding;
  sent: ByteBound;
}

/**
 * Bytes go both ways until both ends are through, or one of them breaks. What the other end of `socket` says is read
 * while there is room for it, and counts until it was passed on as frames.
 */
export function relayConnection(relay: RelayStream, socket: Socket, bounds: RelayBounds): void {
  const sent = holdingOf(bounds.sent);
  relay.on('error', () => {});
  socket.on('timeout', () => socket.destroy());
  endWithSocket(relay, socket);
  relay.on('close', () => socket.destroy());
  socket.on('close', () => sent.end());
  passOn(relay, socket, bounds.received);

  let isWaiting = false;
  const readOn = (): void => {
    if (isWaiting || relay.writableNeedDrain) return; // Either calls again.
    if (!bounds.sent.isFull()) return void socket.resume();
    isWaiting = true;
    bounds.sent.whenRoom(() => {
      isWaiting = false;
      readOn();
    });
  };
  relay.on('drain', readOn);
  socket.on('data', (chunk: Buffer) => {
    sent.take(chunk.length);
    relay.write(chunk, () => sent.give(chunk.length));
    if (!relay.writableNeedDrain && !bounds.sent.isFull()) return;
    socket.pause();
    readOn();
  });
  socket.on('end', () => relay.end());
}

/** As `pipe` does, but tells what has left. */
function passOn(relay: RelayStream, socket: Socket, received: Holding): void {
  relay.on('data', (chunk: Buffer) => {
    if (socket.destroyed) return received.give(chunk.length); // It is read to its end all the same.
    if (!socket.write(chunk, () => received.give(chunk.length))) relay.pause();
  });
  socket.on('drain', () => relay.resume());
  relay.on('end', () => socket.end());
}

import type { Socket } from 'node:net';
import { type ClientHello, MAX_HELLO_BYTES, readClientHello } from './client-hello.ts';
import { HANDSHAKE_MS } from './tls-settings.ts';

/** Calls back when it is known what a client says first, with all that was read put back; never if it says nothing in time. */
export function readFirstMessage(socket: Socket, done: (hello: ClientHello) => void): void {
  let bytes: Buffer | null = null;
  const onData = (chunk: Buffer): void => {
    bytes = bytes === null ? chunk : Buffer.concat([bytes, chunk]);
    const hello = readClientHello(bytes);
    if (hello.kind === 'partial' && bytes.length < MAX_HELLO_BYTES) return;
    socket.off('data', onData);
    socket.off('error', onError);
    socket.off('close', onClose);
    clearTimeout(deadline);
    socket.pause();
    socket.unshift(bytes);
    done(hello);
  };
  const onError = (): void => {}; // 'close' follows and says all.
  const onClose = (): void => clearTimeout(deadline);
  const deadline = setTimeout(() => socket.destroy(), HANDSHAKE_MS);
  socket.on('data', onData);
  socket.on('error', onError);
  socket.on('close', onClose);
}

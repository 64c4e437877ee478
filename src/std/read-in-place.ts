import { Socket, type SocketConstructorOpts } from 'node:net';

/** A little more than the kernel keeps for a reader of a unix socket that is late. */
const READ_BYTES = 256 * 1024;
/** One for all: what is read is handed on before anything else is. */
const memory = Buffer.allocUnsafeSlow(READ_BYTES);

/**
 * The same socket, read without new memory for each read, which is half of what a busy reader costs. The chunks of its `data` events are
 * valid until their listeners return. The socket that was given is not to be used any more.
 *
 * Node has `onread` for sockets that it opens by themselves only; for one that came from another process it takes the handle, which is no
 * part of its interface. Where there is none the socket stays as it is, and its chunks with it.
 */
export function readInPlace(given: Socket): Socket {
  const internals = given as unknown as { _handle?: object | null };
  const handle = internals._handle ?? null;
  if (handle === null || given.destroyed || given.readableLength > 0) return given;
  internals._handle = null;
  const options = {
    handle,
    onread: {
      buffer: memory,
      callback: (bytes: number): boolean => {
        socket.emit('data', memory.subarray(0, bytes));
        return true;
      },
    },
  };
  const socket: Socket = new Socket(options as unknown as SocketConstructorOpts);
  return socket;
}

/** Whether the event loop still has anything to do that could change what a function is. */
import type { Socket } from 'node:net';

export const IDLE = Symbol('idle');

/**
 * What the promise resolves to, or IDLE when nothing is left that could settle it: no timer, no socket, no file.
 * Meanwhile the worker's own socket does not count; Node then tells by `beforeExit`.
 */
export async function settledOrIdle<T>(
  work: Promise<T>,
  socket: Pick<Socket, 'ref' | 'unref'>,
): Promise<T | typeof IDLE> {
  const idle = Promise.withResolvers<typeof IDLE>();
  const onIdle = (): void => {
    socket.ref(); // Or the process would end.
    idle.resolve(IDLE);
  };
  process.once('beforeExit', onIdle);
  socket.unref();
  try {
    return await Promise.race([work, idle.promise]);
  } finally {
    process.off('beforeExit', onIdle);
    socket.ref();
  }
}

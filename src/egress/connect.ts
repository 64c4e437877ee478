import net from 'node:net';
import type { Refusal } from '../protocol/egress-channel.ts';

const CONNECT_DEADLINE_MS = 10_000;
/** Database drivers keep connections for long without a word; the sandbox's end is the usual one. */
const IDLE_DEADLINE_MS = 60 * 60_000;
const MAX_ATTEMPTS = 4;

/** A connection to the first of the addresses that answers. */
export async function connectTo(
  addresses: readonly string[],
  port: number,
): Promise<net.Socket | Refusal> {
  let refusal: Refusal = { code: 'EHOSTUNREACH', message: 'connect EHOSTUNREACH' };
  for (const address of addresses.slice(0, MAX_ATTEMPTS)) {
    const made = await connect(address, port);
    if (made instanceof net.Socket) return made;
    refusal = made;
  }
  return refusal;
}

function connect(address: string, port: number): Promise<net.Socket | Refusal> {
  return new Promise((resolve) => {
    const socket = net.connect({ host: address, port, allowHalfOpen: true, noDelay: true });
    const fail = (code: string): void => {
      socket.destroy();
      resolve({ code, message: `connect ${code} ${address}:${port}` });
    };
    const onTimeout = (): void => fail('ETIMEDOUT');
    socket.setTimeout(CONNECT_DEADLINE_MS, onTimeout);
    socket.once('error', (error: NodeJS.ErrnoException) => fail(error.code ?? 'ECONNRESET'));
    socket.once('connect', () => {
      socket.off('timeout', onTimeout);
      socket.setTimeout(IDLE_DEADLINE_MS);
      resolve(socket);
    });
  });
}

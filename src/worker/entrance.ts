import net from 'node:net';
import type { RelayStream } from '../protocol/relay-stream.ts';
import { joinStreams } from './output/join-streams.ts';

export interface Entrance {
  /** Listens from its first call on. */
  port: () => number;
  /** The address that leads to this connection, once. */
  admit(relay: RelayStream): string;
  /** Its socket has ended before it came here, or long after. */
  forget(address: string): void;
}

/** 127.64.0.0/10: nobody else connects there. */
const FIRST_ADDRESS = 0x7f40_0001;
const ADDRESSES = 0x3f_fffe;

/**
 * Where sockets of this process connect to instead, by an address for each, and other processes, by any other
 * address, to find a proxy.
 */
export function createEntrance(serveProxy: (socket: net.Socket) => void): Entrance {
  const expected = new Map<string, RelayStream>();
  let server: net.Server | null = null;
  let count = 0;
  const listen = (): net.Server =>
    net
      .createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
        const address = (socket.localAddress ?? '').replace(/^::ffff:/, '');
        const relay = expected.get(address);
        expected.delete(address);
        if (relay !== undefined) joinStreams(socket, relay);
        else if (isExpected(address)) socket.destroy();
        else serveProxy(socket);
      })
      // Without a host it is bound before `listen` returns.
      .listen(0)
      .unref();
  return {
    port: () => {
      server ??= listen();
      return (server.address() as net.AddressInfo).port;
    },
    admit(relay) {
      const number = FIRST_ADDRESS + (count++ % ADDRESSES);
      const address = [24, 16, 8, 0].map((shift) => (number >>> shift) & 0xff).join('.');
      expected.set(address, relay);
      return address;
    },
    forget(address) {
      expected.get(address)?.destroy();
      expected.delete(address);
    },
  };
}

function isExpected(address: string): boolean {
  return /^127\.(?:6[4-9]|[7-9]\d|1[01]\d|12[0-7])\./.test(address);
}

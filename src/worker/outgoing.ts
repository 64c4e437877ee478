/**
 * Connections of a function whose sandbox has no network. What Node connects (node:net, tls, http, fetch, drivers of
 * databases) still has a socket of the system: it leads to this process's own loopback, from where its bytes go
 * through the channel. The one thing that is replaced is where `connect` looks its host up: the look-up answers when
 * the connection outside stands, with an address of the loopback that means this connection and no other, and fails
 * when that fails. So TLS, pipelining and back-pressure are Node's own.
 */
import dns from 'node:dns';
import { syncBuiltinESMExports } from 'node:module';
import net, { isIP } from 'node:net';
import type { RelayStream } from '../protocol/relay-stream.ts';
import { tellChildrenOfProxy } from './child-environment.ts';
import { createEgressClient, type EgressClient } from './egress-client.ts';
import { joinStreams } from './join-streams.ts';
import { isLoopback } from './loopback.ts';
import { createProxy } from './proxy.ts';

interface ConnectOptions {
  host?: string;
  port?: number | string;
  path?: string | null;
  lookup?: LookupFunction;
  [other: string]: unknown;
}

type Found = string | { address: string; family: number }[];
type Done = (error: Error | null, found?: Found, family?: number) => void;
type LookupFunction = (host: string, options: dns.LookupOptions, done: Done) => void;
type Connect = (this: net.Socket, ...parameters: unknown[]) => net.Socket;

interface Entrance {
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
/** Any name: an address as host would not be looked up. */
const STAND_IN = 'address.invalid';

/** Until the process ends. */
export function sendConnectionsThrough(
  channel: net.Socket,
  host: Parameters<typeof createEgressClient>[1],
): void {
  const client = createEgressClient(channel, host);
  const entrance = createEntrance(createProxy(client));
  replaceConnect(client, entrance);
  tellChildrenOfProxy(entrance.port);
  replaceLookups(client);
  syncBuiltinESMExports();
}

function replaceConnect(client: EgressClient, entrance: Entrance): void {
  const prototype = net.Socket.prototype as unknown as { connect: Connect };
  const original = prototype.connect;
  prototype.connect = function (...parameters) {
    const [options, callback] = connectOptions(parameters);
    const { host = 'localhost', path, lookup } = options;
    // node:http says that it means no path by null.
    const hasPath = path !== undefined && path !== null;
    if (hasPath || options.port === undefined || isLoopback(host)) {
      return original.apply(this, parameters);
    }
    const target = { host, port: Number(options.port) };
    const { localAddress: _, localPort: __, family: ___, ...rest } = options;
    const changed = {
      ...rest,
      host: isIP(host) === 0 ? host : STAND_IN,
      port: entrance.port(),
      autoSelectFamily: false,
      lookup: (name: string, how: dns.LookupOptions, done: Done) => {
        const reach = async (): Promise<string> => {
          const known = lookup !== undefined && isIP(host) === 0 ? await ask(lookup, host) : host;
          const { relay, address } = await client.connect({ ...target, host: known });
          const inside = entrance.admit(relay);
          tellPeer(this, address, target.port);
          this.once('close', () => entrance.forget(inside));
          return inside;
        };
        callBack(reach(), {
          found: (inside) => done(null, inside, 4),
          failed: (error) => done(Object.assign(error, { syscall: 'connect' })),
        });
      },
    };
    return original.call(this, changed, callback);
  };
}

/** `(options, done?)`, `(port, host?, done?)`, `(path, done?)`, or Node's own list of the first of these. */
function connectOptions(parameters: unknown[]): [ConnectOptions, unknown] {
  const [first, second] = parameters;
  const callback = parameters.findLast((parameter) => typeof parameter === 'function');
  if (Array.isArray(first)) return connectOptions(first.filter((part) => part !== null));
  if (typeof first === 'object' && first !== null) return [first as ConnectOptions, callback];
  const isPort = typeof first === 'number' || /^\d+$/.test(String(first));
  if (!isPort) return [{ path: String(first) }, callback];
  const host = typeof second === 'string' ? { host: second } : {};
  return [{ port: Number(first), ...host }, callback];
}

/** The program's own way of finding an address. */
function ask(lookup: LookupFunction, host: string): Promise<string> {
  return new Promise((resolve, reject) => {
    lookup(host, {}, (error, found) => {
      const address = Array.isArray(found) ? found[0]?.address : found;
      if (error !== null || address === undefined) reject(error ?? new Error('no address'));
      else resolve(address);
    });
  });
}

/** A program that looks whom it is connected to shall not find the loopback. */
function tellPeer(socket: net.Socket, address: string, port: number): void {
  const family = isIP(address) === 6 ? 'IPv6' : 'IPv4';
  const values = { remoteAddress: address, remotePort: port, remoteFamily: family };
  for (const [name, value] of Object.entries(values)) {
    Object.defineProperty(socket, name, { value, configurable: true });
  }
}

/**
 * Where sockets of this process connect to instead, by an address for each, and other processes, by any other
 * address, to find a proxy.
 */
function createEntrance(serveProxy: (socket: net.Socket) => void): Entrance {
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

/** Of names, what a sandbox without name servers can say: its addresses. */
function replaceLookups(client: EgressClient): void {
  const lookup = async (host: string, options: dns.LookupOptions): Promise<dns.LookupAddress[]> => {
    const wanted = familyOf(options.family);
    const addresses = isLoopback(host)
      ? [isIP(host) === 0 ? '127.0.0.1' : host]
      : isIP(host) === 0
        ? await client.lookUp(host)
        : [host];
    const found = addresses
      .map((address) => ({ address, family: isIP(address) }))
      .filter(({ family }) => wanted === 0 || family === wanted);
    if (found.length > 0) return found;
    throw Object.assign(new Error(`getaddrinfo ENOTFOUND ${host}`), { code: 'ENOTFOUND' });
  };
  const told = (host: string) => (error: Error) =>
    Object.assign(error, { syscall: 'getaddrinfo', hostname: host });

  dns.lookup = ((host: string, second: unknown, third?: unknown) => {
    const done = (third ?? second) as Done;
    const options = lookupOptions(third === undefined ? {} : second);
    callBack(lookup(host, options), {
      found: (found) => {
        if (options.all === true) done(null, found);
        else done(null, found[0]?.address, found[0]?.family);
      },
      failed: (error) => done(told(host)(error)),
    });
  }) as typeof dns.lookup;
  dns.promises.lookup = (async (host: string, second?: unknown) => {
    const options = lookupOptions(second ?? {});
    const found = await lookup(host, options).catch((error: Error) => {
      throw told(host)(error);
    });
    return options.all === true ? found : found[0];
  }) as typeof dns.promises.lookup;
}

/** Outside of the promise, so that what a callback throws is an error that nothing caught, as ever. */
function callBack<Value>(
  promise: Promise<Value>,
  { found, failed }: { found: (value: Value) => void; failed: (error: Error) => void },
): void {
  promise.then(
    (value) => process.nextTick(found, value),
    (error: Error) => process.nextTick(failed, error),
  );
}

function lookupOptions(given: unknown): dns.LookupOptions {
  return typeof given === 'number' ? { family: given } : (given as dns.LookupOptions);
}

function familyOf(family: dns.LookupOptions['family']): number {
  if (typeof family === 'string') return family === 'IPv6' ? 6 : 4;
  return family ?? 0;
}

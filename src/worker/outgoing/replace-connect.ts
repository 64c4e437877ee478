/**
 * Sends what Node connects through a WayOut. The one thing that is replaced is where `connect` looks its host up: the
 * look-up answers when the connection outside stands, with an address of the loopback that means this connection and
 * no other, and fails when that fails. So TLS, pipelining and back-pressure are Node's own.
 */
import type dns from 'node:dns';
import net, { isIP } from 'node:net';
import { callBack } from '../conventions/call-back.ts';
import { isLoopback } from './loopback.ts';
import type { WayOut } from './way-out.ts';

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

/** Any name: an address as host would not be looked up. */
const STAND_IN = 'address.invalid';

/** Until the thread ends. */
export function replaceConnect(way: WayOut): void {
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
      port: way.port(),
      autoSelectFamily: false,
      lookup: (name: string, how: dns.LookupOptions, done: Done) => {
        const reach = async (): Promise<string> => {
          const known = lookup !== undefined && isIP(host) === 0 ? await ask(lookup, host) : host;
          const { inside, address } = await way.reach({ ...target, host: known });
          tellPeer(this, address, target.port);
          this.once('close', () => way.forget(inside));
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

/**
 * Answers node:dns in a sandbox without name servers: `lookup`, which asks the system, by the WayOut itself; all that
 * speaks to name servers (`resolve*`, `reverse`, Resolver) by pointing it at one on the sandbox's loopback.
 */
import dns from 'node:dns';
import { isIP } from 'node:net';
import { callBack } from '../conventions/call-back.ts';
import { isLoopback } from './loopback.ts';
import type { WayOut } from './way-out.ts';

type Done = (error: Error | null, found?: string | dns.LookupAddress[], family?: number) => void;

const Original = dns.Resolver;

/** Until the thread ends. */
export function replaceLookUps(way: WayOut): void {
  replaceLookup(way);
  const server = way.nameServer();
  const setServers = dns.setServers.bind(dns);
  dns.promises.setServers([server]);
  setServers([server]);
  const choose = (servers: readonly string[]): void => setServers(chosen(servers, server));
  Object.assign(dns.promises, {
    setServers: choose,
    Resolver: pointed(dns.promises.Resolver, server),
  });
  Object.assign(dns, { setServers: choose, Resolver: pointed(dns.Resolver, server) });
}

/** Queries to others would leave by UDP, for which there is no way. @throws what Node says of servers that are none */
function chosen(servers: readonly string[], server: string): readonly string[] {
  new Original().setServers(servers);
  return servers.every(isOwnServer) ? servers : [server];
}

type AnyResolver = typeof dns.Resolver | typeof dns.promises.Resolver;
type PlainResolver = new (options?: dns.ResolverOptions) => {
  setServers(servers: readonly string[]): void;
};

/** The same class, whose queries go to one server. */
function pointed<Base extends AnyResolver>(base: Base, server: string): Base {
  class Resolver extends (base as PlainResolver) {
    constructor(options?: dns.ResolverOptions) {
      super(options);
      super.setServers([server]);
    }

    override setServers(servers: readonly string[]): void {
      super.setServers(chosen(servers, server));
    }
  }
  return Resolver as unknown as Base;
}

function isOwnServer(server: string): boolean {
  const [, inBrackets] = /^\[(.*)\](?::\d+)?$/.exec(server) ?? [];
  return isLoopback(inBrackets ?? (isIP(server) === 6 ? server : (server.split(':')[0] ?? '')));
}

function replaceLookup(way: WayOut): void {
  const lookup = async (host: string, options: dns.LookupOptions): Promise<dns.LookupAddress[]> => {
    const wanted = familyOf(options.family);
    const addresses = isLoopback(host)
      ? [isIP(host) === 0 ? '127.0.0.1' : host]
      : isIP(host) === 0
        ? await way.lookUp(host)
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

function lookupOptions(given: unknown): dns.LookupOptions {
  return typeof given === 'number' ? { family: given } : (given as dns.LookupOptions);
}

function familyOf(family: dns.LookupOptions['family']): number {
  if (typeof family === 'string') return family === 'IPv6' ? 6 : 4;
  return family ?? 0;
}

/** Asks the name servers of a zone themselves, each at its own addresses: resolvers may keep an older answer for long. */
import { createDnsLookup, type DnsLookup } from '../../std/dns-lookup.ts';
import { classifyAddress } from '../../std/ip-address.ts';

/** What one name server says about a value. An address that it cannot be reached at says nothing. */
export type AuthorityState = 'has-it' | 'lacks-it' | 'silent';

export interface Authority {
  nameServer: string;
  addresses: string[];
}

/** RFC 1035's thirteen of the root are the most that fit into a classic answer; real zones have eight at most. */
const MAX_SERVERS = 13;
const MAX_ADDRESSES = 4;
const DNS_PORT = 53;
const DEADLINE_MS = 5_000;

export interface AuthorityOptions {
  ownAddresses: () => ReadonlySet<string>;
  port?: number;
}

/** Servers without an address are left out: nobody can ask them. */
export async function findAuthorities(
  lookup: DnsLookup,
  nameServers: readonly string[],
  { ownAddresses }: AuthorityOptions,
  signal: AbortSignal,
): Promise<Authority[]> {
  const own = ownAddresses();
  const all = nameServers.slice(0, MAX_SERVERS).map(async (nameServer): Promise<Authority> => {
    const answer = await lookup.addresses(nameServer, signal);
    const addresses = answer.kind === 'found' ? answer.values : [];
    const usable = addresses.filter((address) => own.has(address) || mayBeAsked(address));
    return { nameServer, addresses: usable.slice(0, MAX_ADDRESSES) };
  });
  return (await Promise.all(all)).filter(({ addresses }) => addresses.length > 0);
}

/** An owner of a domain could otherwise have questions sent to what a cloud tells its machines, or to a whole network. */
function mayBeAsked(address: string): boolean {
  const is = classifyAddress(address);
  return is === 'public' || is === 'private' || is === 'shared' || is === 'unique-local';
}

/** All of its addresses at once: of an anycast or a failover pair one may lag behind. */
export async function askAuthority(
  { addresses }: Authority,
  record: { name: string; value: string },
  { port = DNS_PORT }: AuthorityOptions,
  signal: AbortSignal,
): Promise<AuthorityState> {
  const states = await Promise.all(
    addresses.map(async (address): Promise<AuthorityState> => {
      const server = address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
      const lookup = createDnsLookup({ servers: [server], deadlineMs: DEADLINE_MS });
      const answer = await lookup.txt(record.name, signal);
      if (answer.kind === 'failed') return 'silent';
      return answer.kind === 'found' && answer.values.includes(record.value)
        ? 'has-it'
        : 'lacks-it';
    }),
  );
  if (states.includes('lacks-it')) return 'lacks-it';
  return states.includes('has-it') ? 'has-it' : 'silent';
}

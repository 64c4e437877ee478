import { type Authority, findAuthorities } from '../../certs/checks/dns-authorities.ts';
import { findZone } from '../../certs/checks/dns-zone.ts';
import type { NameServersPort } from '../../domains/index.ts';
import { createDnsLookup, type DnsLookup } from '../../std/dns-lookup.ts';
import { ownAddresses } from '../../std/own-addresses.ts';

const DNS_PORT = 53;
const DEADLINE_MS = 4_000;

/** The name servers of zones, found by `lookup`. */
export function createNameServers(lookup: DnsLookup, port = DNS_PORT): NameServersPort {
  const at = ({ addresses }: Authority): DnsLookup => {
    const servers = addresses.map((address) =>
      address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`,
    );
    return createDnsLookup({ servers, deadlineMs: DEADLINE_MS });
  };

  return {
    async find(name, signal) {
      const search = await findZone(lookup, name, signal);
      // Those of a top-level domain know nothing of a name below it.
      if (search.kind !== 'zone' || !search.zone.includes('.')) return [];
      return findAuthorities(lookup, search.nameServers, { ownAddresses }, signal);
    },
    txt: (server, name, signal) => at(server).txt(name, signal),
    cname: (server, name, signal) => at(server).cname(name, signal),
  };
}

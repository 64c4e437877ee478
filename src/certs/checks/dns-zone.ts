import type { DnsLookup } from '../../std/dns-lookup.ts';

export type ZoneSearch =
  | { kind: 'zone'; zone: string; nameServers: string[] }
  | { kind: 'none' }
  | { kind: 'failed'; at: string; reason: string };

/** The zone in which a name is kept: the closest name, upwards, that has name servers. */
export async function findZone(
  lookup: DnsLookup,
  name: string,
  signal: AbortSignal,
): Promise<ZoneSearch> {
  const labels = name.split('.');
  for (let start = 0; start < labels.length; start++) {
    const zone = labels.slice(start).join('.');
    const answer = await lookup.nameServers(zone, signal);
    if (answer.kind === 'failed') return { kind: 'failed', at: zone, reason: answer.reason };
    if (answer.kind !== 'found') continue;
    // An alias has the name servers of what it stands for, and is no zone itself (RFC 1034 section 3.6.2).
    const alias = await lookup.cname(zone, signal);
    if (alias.kind !== 'found') return { kind: 'zone', zone, nameServers: answer.values };
  }
  return { kind: 'none' };
}

export type AliasSearch =
  | { kind: 'name'; name: string }
  | { kind: 'failed'; at: string; reason: string };

/** Longer chains are loops. */
const MAX_ALIASES = 8;

/** Where the records of a name are kept that may be an alias: a challenge can be delegated so to another zone. */
export async function followAliases(
  lookup: DnsLookup,
  name: string,
  signal: AbortSignal,
): Promise<AliasSearch> {
  let at = name;
  for (let step = 0; step <= MAX_ALIASES; step++) {
    const answer = await lookup.cname(at, signal);
    if (answer.kind === 'failed') return { kind: 'failed', at, reason: answer.reason };
    const [target] = answer.kind === 'found' ? answer.values : [];
    if (target === undefined) return { kind: 'name', name: at };
    at = target.toLowerCase().replace(/\.$/, '');
  }
  const reason = `its CNAMEs have no end after ${MAX_ALIASES} steps`;
  return { kind: 'failed', at: name, reason };
}

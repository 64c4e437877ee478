/**
 * Answers dns-01 (RFC 8555 section 8.4): the provider sets the record, and the authority is told when every name server
 * of the zone has it. An authority that looks too early counts a failure, of which it grants few.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { PlatformError } from '../../protocol/errors.ts';
import type { DnsLookup } from '../../std/dns-lookup.ts';
import {
  askAuthority,
  type Authority,
  type AuthorityState,
  findAuthorities,
} from '../checks/dns-authorities.ts';
import { findZone, followAliases } from '../checks/dns-zone.ts';
import type { DnsProvider, TxtRecord } from '../ports.ts';

export interface DnsChallenges {
  /** The given one, but at the end of aliases: `_acme-challenge.example.com` may be a CNAME to a zone of the operator's. */
  provider: DnsProvider;
  /** Resolves when every name server has the record. @throws PlatformError that says which has it not */
  seen: (record: TxtRecord, signal: AbortSignal) => Promise<void>;
}

interface DnsChallengeDeps {
  provider: DnsProvider;
  lookup: DnsLookup;
  ownAddresses: () => ReadonlySet<string>;
}

export interface DnsChallengeOptions {
  /** Until all name servers have a value. */
  deadlineMs: number;
  /** For servers that do not answer at all, where others do. */
  silenceMs: number;
  pollMs: number;
  /** Of name servers. */
  port: number;
}

const DEFAULTS: DnsChallengeOptions = {
  deadlineMs: 5 * 60_000,
  silenceMs: 30_000,
  pollMs: 2_000,
  port: 53,
};

export function createDnsChallenges(
  { provider, lookup, ownAddresses }: DnsChallengeDeps,
  options: Partial<DnsChallengeOptions> = {},
): DnsChallenges {
  const settings = { ...DEFAULTS, ...options };

  async function atEndOfAliases(record: TxtRecord, signal: AbortSignal): Promise<TxtRecord> {
    const found = await followAliases(lookup, record.name, signal);
    if (found.kind === 'name') return { name: found.name, value: record.value };
    throw new PlatformError('unavailable', `${found.at} could not be looked up: ${found.reason}`, {
      hint: `See what "dig CNAME ${found.at}" says; it is tried again by itself.`,
    });
  }

  async function authoritiesOf(name: string, signal: AbortSignal): Promise<Authority[]> {
    const zone = await findZone(lookup, name, signal);
    if (zone.kind !== 'zone') return [];
    return findAuthorities(lookup, zone.nameServers, { ownAddresses }, signal);
  }

  async function statesOf(
    authorities: readonly Authority[],
    record: TxtRecord,
    signal: AbortSignal,
  ): Promise<AuthorityState[]> {
    const { port } = settings;
    const asked = authorities.map((one) =>
      askAuthority(one, record, { ownAddresses, port }, signal),
    );
    return Promise.all(asked);
  }

  /** Where no name server answers this machine, the resolver has to do. */
  async function isResolved({ name, value }: TxtRecord, signal: AbortSignal): Promise<boolean> {
    const answer = await lookup.txt(name, signal);
    return answer.kind === 'found' && answer.values.includes(value);
  }

  async function whenServed(record: TxtRecord, signal: AbortSignal): Promise<void> {
    const start = performance.now();
    const authorities = await authoritiesOf(record.name, signal);
    for (;;) {
      const states = await statesOf(authorities, record, signal);
      const waitedMs = performance.now() - start;
      const isEverywhere = states.length > 0 && states.every((state) => state === 'has-it');
      if (isEverywhere) return;
      const isAnyAsked = states.length > 0 && waitedMs < settings.silenceMs;
      if (!isAnyAsked && !states.includes('lacks-it')) {
        if (states.includes('has-it') || (await isResolved(record, signal))) return;
      }
      if (waitedMs >= settings.deadlineMs)
        throw notServed(provider, record, { authorities, states, waitedMs });
      await delay(settings.pollMs, undefined, { signal });
    }
  }

  return {
    provider: {
      name: provider.name,
      add: async (record, signal) => provider.add(await atEndOfAliases(record, signal), signal),
      remove: async (record, signal) =>
        provider.remove(await atEndOfAliases(record, signal), signal),
    },
    seen: async (record, signal) => whenServed(await atEndOfAliases(record, signal), signal),
  };
}

export function challengeName(name: string): string {
  return `_acme-challenge.${name}`;
}

function notServed(
  provider: DnsProvider,
  { name, value }: TxtRecord,
  found: { authorities: readonly Authority[]; states: readonly AuthorityState[]; waitedMs: number },
): PlatformError {
  const { authorities, states, waitedMs } = found;
  const late = authorities.filter((_, index) => states[index] !== 'has-it');
  const who =
    late.length === 0
      ? 'no name server of it could be found'
      : `${late.map(({ nameServer }) => nameServer).join(', ')} did not answer it`;
  const seconds = Math.round(waitedMs / 1_000);
  return new PlatformError(
    'unavailable',
    `${provider.name} took the TXT record of ${name}, and ${who} within ${seconds} s`,
    {
      hint: `See that the zone is the one that the domain is delegated to: "dig NS" of the domain, and "dig TXT ${name}" at each server must say "${value}".`,
    },
  );
}

/**
 * Looks before an order whether the authority will find what it wants to find. Authorities count what fails (Let's
 * Encrypt grants five failures of a name in an hour), and say less about it than can be said here.
 */
import type { DnsAnswer, DnsLookup } from '../std/dns-lookup.ts';
import { isPublicAddress, parseIpAddress } from '../std/ip-address.ts';
import { caaAgainst, type CaaRequest, findCaa } from './caa.ts';
import { askAuthority, findAuthorities } from './dns-authorities.ts';
import { challengeName } from './dns-challenge.ts';
import { findZone, followAliases } from './dns-zone.ts';
import type { ChallengeKind, OpenProbe, PreCheck, PreCheckFinding } from './ports.ts';
import {
  caaForbids,
  judgeProbes,
  lookUpFailed,
  type OurPlace,
  silentZone,
  unknownName,
  withoutAddress,
} from './pre-check-findings.ts';
import type { ProbePorts } from './probe.ts';
import { canonical, probeAddresses } from './reachability.ts';

/** Those that an authority comes to an address of the name for. */
type AddressChallenge = Exclude<ChallengeKind, 'dns-01'>;

export interface PreCheckDeps {
  lookup: DnsLookup;
  /** Has a challenge of our own answered for the host until it is closed. */
  openProbe: (host: string, challenge: AddressChallenge) => Promise<OpenProbe>;
  /** Of this machine's interfaces. */
  ownAddresses: () => ReadonlySet<string>;
}

export interface PreCheckOptions {
  /** What it leads to is this server, also where that is the address of a router before it. */
  controlHost: string;
  /** Addresses that the operator says are this server's. */
  ipAddresses: readonly string[];
  /** As authorities have them; tests have others. */
  ports?: ProbePorts;
  dnsPort?: number;
}

const DNS_PORT = 53;
const PORTS: ProbePorts = { http: 80, https: 443 };
/** Of all names of one order: a hundred may be in one. */
const DEADLINE_MS = 120_000;

export function createPreCheck(deps: PreCheckDeps, options: PreCheckOptions): PreCheck {
  const looks = { ...deps, ...options };
  return {
    async check(names, challenge, { caaNames, accountUrl = null }, signal) {
      const bounded = AbortSignal.any([signal, AbortSignal.timeout(DEADLINE_MS)]);
      for (const name of names) {
        const request = { caaNames, accountUrl, challenge, isWildcard: name.startsWith('*.') };
        const finding = await lookAt(looks, name, request, bounded);
        if (finding !== null) return finding;
      }
      return null;
    },
  };
}

type Looks = PreCheckDeps & PreCheckOptions;

async function lookAt(
  looks: Looks,
  name: string,
  request: CaaRequest,
  signal: AbortSignal,
): Promise<PreCheckFinding | null> {
  const host = name.replace(/^\*\./, '');
  const { challenge } = request;
  if (challenge === 'dns-01') {
    return (
      (await lookAtZone(looks, host, signal)) ??
      (await lookAtCaa(looks.lookup, host, request, signal))
    );
  }
  const isAddress = parseIpAddress(host) !== null;
  const answer: DnsAnswer<string> = isAddress
    ? { kind: 'found', values: [host] }
    : await looks.lookup.addresses(host, signal);
  if (answer.kind === 'failed') return lookUpFailed(host, 'A', answer.reason);
  const ours = await ourAddresses(looks, signal);
  if (answer.kind === 'unknown-name') return unknownName(host, placeOf(looks, ours));
  if (answer.kind === 'none') return withoutAddress(host, placeOf(looks, ours));
  const caa = isAddress ? null : await lookAtCaa(looks.lookup, host, request, signal);
  return caa ?? lookAtReach(looks, { host, challenge, addresses: answer.values, ours }, signal);
}

/** For dns-01 the name needs no address: its zone has to answer for the record. */
async function lookAtZone(
  looks: Looks,
  host: string,
  signal: AbortSignal,
): Promise<PreCheckFinding | null> {
  const { lookup, ownAddresses, dnsPort: port = DNS_PORT } = looks;
  const record = await followAliases(lookup, challengeName(host), signal);
  if (record.kind === 'failed') return lookUpFailed(record.at, 'CNAME', record.reason);
  const found = await findZone(lookup, record.name, signal);
  if (found.kind === 'failed') return lookUpFailed(found.at, 'NS', found.reason);
  const isTop = found.kind === 'none' || !found.zone.includes('.');
  if (isTop && (await lookup.addresses(host, signal)).kind === 'unknown-name') {
    return unknownName(host, placeOf(looks, await ourAddresses(looks, signal)));
  }
  // A resolver of the operator's that tells of no zone at all: the provider may know better.
  if (found.kind === 'none') return null;
  const { zone, nameServers } = found;
  const servers = await findAuthorities(lookup, nameServers, { ownAddresses, port }, signal);
  const asked = servers.map((server) =>
    askAuthority(server, { name: record.name, value: '' }, { ownAddresses, port }, signal),
  );
  if ((await Promise.all(asked)).some((state) => state !== 'silent')) return null;
  // A network may let nobody ask but its own resolver.
  const resolved = await lookup.txt(record.name, signal);
  return resolved.kind === 'failed' ? silentZone(zone, nameServers) : null;
}

async function lookAtCaa(
  lookup: DnsLookup,
  host: string,
  request: CaaRequest,
  signal: AbortSignal,
): Promise<PreCheckFinding | null> {
  if (request.caaNames.length === 0) return null;
  const found = await findCaa(lookup, host, signal);
  if (found.kind === 'failed') return lookUpFailed(found.at, 'CAA', found.reason);
  if (found.kind === 'none') return null;
  const against = caaAgainst(found.records, request);
  return against === null ? null : caaForbids(found.at, against, request);
}

async function lookAtReach(
  { lookup, openProbe, ports = PORTS, ...looks }: Looks,
  wanted: { host: string; challenge: AddressChallenge; addresses: string[]; ours: Set<string> },
  signal: AbortSignal,
): Promise<PreCheckFinding | null> {
  const { host, challenge, addresses, ours } = wanted;
  const probe = await openProbe(host, challenge);
  try {
    const probes = await probeAddresses(addresses, probe, { lookup, ours, ports }, signal);
    const isOurs = (address: string): boolean => ours.has(canonical(address));
    return judgeProbes(host, probes, { isOurs, place: placeOf(looks, ours) });
  } finally {
    await probe.close();
  }
}

/** Those of the control host count as well: behind a router the public ones are on no interface of this machine. */
async function ourAddresses(
  { lookup, controlHost, ipAddresses, ownAddresses }: Looks,
  signal: AbortSignal,
): Promise<Set<string>> {
  const answer = await lookup.addresses(controlHost, signal);
  const led = answer.kind === 'found' ? answer.values : [];
  return new Set([...ownAddresses(), ...ipAddresses, ...led].map(canonical));
}

function placeOf({ controlHost }: Pick<Looks, 'controlHost'>, ours: ReadonlySet<string>): OurPlace {
  return { controlHost, addresses: [...ours].filter(isPublicAddress) };
}

/**
 * Looks before an order whether the authority will find what it wants to find. Authorities count what fails (Let's
 * Encrypt grants five failures of a name in an hour), and say less about it than can be said here.
 */
import type { AcmeChallenge } from '../../protocol/certificates.ts';
import type { DnsLookup } from '../../std/dns-lookup.ts';
import { isPublicAddress, parseIpAddress } from '../../std/ip-address.ts';
import { caaAgainst, type CaaRequest, findCaa } from './caa.ts';
import { askAuthority, findAuthorities } from './dns-authorities.ts';
import { challengeName } from '../challenges/dns-challenge.ts';
import { findZone, followAliases } from './dns-zone.ts';
import type { OpenProbes, WantedProbe } from './open-probes.ts';
import type { PreCheck, PreCheckFinding } from '../ports.ts';
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

export interface PreCheckDeps {
  lookup: DnsLookup;
  /**
   * Has challenges of our own answered, one for each host, until whoever orders takes away all that the schedule's row
   * `name` has.
   */
  openProbes: OpenProbes;
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
  return {
    async check(planned, { caaNames, accountUrl }, signal) {
      const bounded = AbortSignal.any([signal, AbortSignal.timeout(DEADLINE_MS)]);
      const looks = { ...deps, ...options, ours: await ourAddresses(deps, options, bounded) };
      const reached: ReachableHost[] = [];
      for (const { name, challenge } of planned) {
        const request = { caaNames, accountUrl, challenge, isWildcard: name.startsWith('*.') };
        const found = await lookAtDns(looks, name, request, bounded);
        if ('code' in found) return found;
        if (challenge !== 'dns-01') reached.push({ ...found, kind: challenge });
      }
      if (reached.length === 0) return null;
      const probes = await deps.openProbes(planned[0]?.name ?? '', reached);
      return lookAtProbes(looks, { reached, probes }, bounded);
    },
  };
}

interface Looks extends PreCheckDeps, PreCheckOptions {
  /** Addresses of this server. */
  ours: ReadonlySet<string>;
}

interface FoundHost {
  host: string;
  /** Empty for dns-01, which needs none. */
  addresses: string[];
}

type ReachableHost = FoundHost & WantedProbe;

async function lookAtDns(
  looks: Looks,
  name: string,
  request: CaaRequest,
  signal: AbortSignal,
): Promise<PreCheckFinding | FoundHost> {
  const { lookup } = looks;
  const host = name.replace(/^\*\./, '');
  if (parseIpAddress(host) !== null) return { host, addresses: [host] };
  if (request.challenge === 'dns-01') {
    const finding = await lookAtZone(looks, host, signal);
    return finding ?? (await lookAtCaa(lookup, host, request, signal)) ?? { host, addresses: [] };
  }
  const answer = await lookup.addresses(host, signal);
  if (answer.kind === 'failed') return lookUpFailed(host, 'A', answer.reason);
  if (answer.kind === 'unknown-name') return unknownName(host, placeOf(looks));
  if (answer.kind === 'none') return withoutAddress(host, placeOf(looks));
  const caa = await lookAtCaa(lookup, host, request, signal);
  return caa ?? { host, addresses: answer.values };
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
    return unknownName(host, placeOf(looks));
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

async function lookAtProbes(
  looks: Looks,
  { reached, probes }: { reached: readonly ReachableHost[]; probes: readonly AcmeChallenge[] },
  signal: AbortSignal,
): Promise<PreCheckFinding | null> {
  const { lookup, ours, ports = PORTS } = looks;
  const isOurs = (address: string): boolean => ours.has(canonical(address));
  for (const { host, addresses } of reached) {
    const challenge = probes.find((one) => one.host === host);
    if (challenge === undefined) continue;
    const results = await probeAddresses(addresses, challenge, { lookup, ours, ports }, signal);
    const finding = judgeProbes(host, results, { isOurs, place: placeOf(looks) });
    if (finding !== null) return finding;
  }
  return null;
}

/** Those of the control host count as well: behind a router the public ones are on no interface of this machine. */
async function ourAddresses(
  { lookup, ownAddresses }: PreCheckDeps,
  { controlHost, ipAddresses }: PreCheckOptions,
  signal: AbortSignal,
): Promise<Set<string>> {
  const answer = await lookup.addresses(controlHost, signal);
  const led = answer.kind === 'found' ? answer.values : [];
  return new Set([...ownAddresses(), ...ipAddresses, ...led].map(canonical));
}

function placeOf({ controlHost, ours }: Looks): OurPlace {
  return { controlHost, addresses: [...ours].filter(isPublicAddress) };
}

/** Whether the addresses that a name has lead to this server, found out by asking them for a challenge of our own. */
import { formatIpAddress, isPublicAddress, parseIpAddress } from '../../std/ip-address.ts';
import { printableLine } from '../../std/printable.ts';
import type { AcmeChallenge } from '../../protocol/certificates.ts';
import type { DnsLookup } from '../../std/dns-lookup.ts';
import { challengeUrl, getFrom, type ProbePorts, type ProbeResult, probeTls } from './probe.ts';

/** As many as an authority would try of one name, and then some. */
const MAX_ADDRESSES = 6;
const MAX_REDIRECTS = 5;
const SHOWN_CHARACTERS = 60;
const REDIRECTS: readonly number[] = [301, 302, 303, 307, 308];

export interface AddressProbe {
  address: string;
  result: ProbeResult | { kind: 'not-public' };
}

export interface Reach {
  lookup: DnsLookup;
  /** Addresses of this server: they may be asked, though they be private. */
  ours: ReadonlySet<string>;
  ports: ProbePorts;
}

export async function probeAddresses(
  addresses: readonly string[],
  challenge: AcmeChallenge,
  reach: Reach,
  signal: AbortSignal,
): Promise<AddressProbe[]> {
  return Promise.all(
    addresses.slice(0, MAX_ADDRESSES).map(async (address): Promise<AddressProbe> => {
      if (!mayAsk(address, reach.ours)) return { address, result: { kind: 'not-public' } };
      if (challenge.kind === 'tls-alpn-01') {
        const port = reach.ports.https;
        return { address, result: await probeTls(address, { challenge, port }, signal) };
      }
      const first = challengeUrl(challenge, reach.ports.http);
      const result = await probeHttp(
        address,
        { url: first, wanted: challenge.keyAuthorization },
        reach,
        signal,
      );
      return { address, result };
    }),
  );
}

/** Who owns a name could otherwise have this server call what stands in its own network. */
function mayAsk(address: string, ours: ReadonlySet<string>): boolean {
  return isPublicAddress(address) || ours.has(canonical(address));
}

export function canonical(address: string): string {
  const parsed = parseIpAddress(address);
  return parsed === null ? address : formatIpAddress(parsed);
}

/** The first request goes to the address that is tried; where it redirects to is looked up and looked at anew. */
async function probeHttp(
  first: string,
  { url: begin, wanted }: { url: URL; wanted: string },
  reach: Reach,
  signal: AbortSignal,
): Promise<ProbeResult> {
  let [address, url] = [first, begin];
  for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects++) {
    let step;
    try {
      step = await getFrom(address, url, signal);
    } catch (error) {
      return { kind: 'unreachable', why: reasonOf(error) };
    }
    if (!REDIRECTS.includes(step.status) || step.location === null) {
      if (step.status === 200 && step.body.trimEnd() === wanted) return { kind: 'ours' };
      const body = printableLine(step.body.trim().replaceAll(/\s+/g, ' '), SHOWN_CHARACTERS);
      return { kind: 'other', what: `${step.status}${body === '' ? '' : ` "${body}"`}` };
    }
    const next = await followRedirect(step.location, url, reach, signal);
    if (next.kind !== 'go') return next;
    ({ address, url } = next);
  }
  return { kind: 'other', what: `more than ${MAX_REDIRECTS} redirects` };
}

async function followRedirect(
  location: string,
  from: URL,
  reach: Reach,
  signal: AbortSignal,
): Promise<ProbeResult | { kind: 'go'; address: string; url: URL }> {
  const url = URL.parse(location, from);
  const shown = printableLine(location, SHOWN_CHARACTERS);
  if (url === null || !hasPublicPort(url, reach.ports)) {
    return { kind: 'other', what: `a redirect to "${shown}", which no authority follows` };
  }
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  const answer =
    parseIpAddress(host) === null
      ? await reach.lookup.addresses(host, signal)
      : { kind: 'found' as const, values: [host] };
  const addresses = answer.kind === 'found' ? answer.values : [];
  const address = addresses.find((one) => mayAsk(one, reach.ours));
  if (address === undefined) {
    return { kind: 'other', what: `a redirect to "${shown}", which leads nowhere` };
  }
  return { kind: 'go', address, url };
}

function hasPublicPort({ protocol, port }: URL, ports: ProbePorts): boolean {
  if (protocol === 'http:') return Number(port || 80) === ports.http;
  return protocol === 'https:' && Number(port || 443) === ports.https;
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const isLate = error.name === 'AbortError' || error.name === 'TimeoutError';
  return isLate ? 'no answer in time' : error.message;
}

/** What a look before an order has found, in words: what is there, and the exact record to put in its place. */
import type { CaaRecord } from '../../std/dns-lookup.ts';
import { parseIpAddress } from '../../std/ip-address.ts';
import { type CaaRequest, formatCaa, namesCa } from './caa.ts';
import type { PreCheckFinding } from '../ports.ts';
import type { AddressProbe } from './reachability.ts';
import { registeredDomain } from '../registered-domain.ts';

/** Where names have to lead. */
export interface OurPlace {
  controlHost: string;
  /** Addresses that the internet may come to; may be none that is known. */
  addresses: readonly string[];
}

/** Of a list that somebody else has written. */
const MAX_SHOWN = 5;

export function unknownName(name: string, place: OurPlace): PreCheckFinding {
  return {
    code: 'unknown-name',
    message: `${name} does not exist: DNS answers NXDOMAIN`,
    hint: recordToMake(name, place),
  };
}

export function withoutAddress(name: string, place: OurPlace): PreCheckFinding {
  return {
    code: 'points-elsewhere',
    message: `${name} has neither an A nor an AAAA record`,
    hint: recordToMake(name, place),
  };
}

export function lookUpFailed(name: string, type: string, reason: string): PreCheckFinding {
  return {
    code: 'dns-failed',
    message: `the ${type} records of ${name} could not be looked up: ${reason}`,
    hint: `Authorities refuse what they cannot look up. See what "dig ${type} ${name}" says; FN_DNS_SERVERS names other resolvers.`,
  };
}

export function silentZone(zone: string, nameServers: readonly string[]): PreCheckFinding {
  return {
    code: 'dns-failed',
    message: `no name server of the zone ${zone} answers (${nameServers.slice(0, MAX_SHOWN).join(', ')})`,
    hint: `Where the domain was moved, correct its name servers at its registrar: "dig NS ${zone}" must name those that have the zone.`,
  };
}

export function caaForbids(
  at: string,
  against: readonly CaaRecord[],
  request: CaaRequest,
): PreCheckFinding {
  const records = against.slice(0, MAX_SHOWN).map((record) => `${at}. ${formatCaa(record)}`);
  const [first] = against;
  const [ca = ''] = request.caaNames;
  const found = `${records.join(', ')} ${against.length === 1 ? 'does' : 'do'} not let ${ca} sign`;
  if (first !== undefined && first.tag !== 'issue' && first.tag !== 'issuewild') {
    return {
      code: 'caa-forbids',
      message: `${found}: it is critical and of a kind that authorities do not know`,
      hint: 'Remove this record, or write it with the flags 0.',
    };
  }
  const isForOthers = against.some((record) => namesCa(record, request.caaNames));
  const account = ` of the account ${request.accountUrl}`;
  const why = isForOthers ? ` by ${request.challenge}${account}` : '';
  return {
    code: 'caa-forbids',
    message: `${found}${why}`,
    hint: `Add the record: ${at}. CAA 0 ${first?.tag ?? 'issue'} "${ca}"`,
  };
}

/** Null when all that was found speaks for the order, or when only the authority can know. */
export function judgeProbes(
  name: string,
  probes: readonly AddressProbe[],
  { isOurs, place }: { isOurs: (address: string) => boolean; place: OurPlace },
): PreCheckFinding | null {
  // One wrong address of several is enough: the authority asks one, and prefers IPv6 (RFC 8555 section 8.3 leaves it free).
  const wrong = probes.find(
    ({ result }) => result.kind === 'other' || result.kind === 'not-public',
  );
  if (wrong !== undefined) return elsewhere(name, wrong, place);
  if (probes.some(({ result }) => result.kind === 'ours')) return null;
  // Many networks do not let a machine come to itself by its public address.
  const stranger = probes.find(({ address }) => !isOurs(address));
  return stranger === undefined ? null : elsewhere(name, stranger, place);
}

function elsewhere(
  name: string,
  { address, result }: AddressProbe,
  place: OurPlace,
): PreCheckFinding {
  const at = name === address ? name : `${name} leads to ${address}, which`;
  const code = 'points-elsewhere';
  if (result.kind === 'not-public') {
    const message = `${at} is no address of the internet, nor of this server`;
    return { code, message, hint: recordToMake(name, place) };
  }
  if (result.kind === 'unreachable') {
    return {
      code,
      message: `${at} does not answer: ${result.why}`,
      hint: `If it is this server's, let its ports 80 and 443 be reached from the internet. Else: ${recordToMake(name, place)}`,
    };
  }
  const what = result.kind === 'other' ? result.what : '';
  return {
    code,
    message: `${at} is another server: asked for a challenge of this one it answered ${what}`,
    hint: recordToMake(name, place),
  };
}

/** An alias, but for the name at the top of a zone, which cannot be one (RFC 1034 section 3.6.2). */
function recordToMake(name: string, { controlHost, addresses }: OurPlace): string {
  const isApex = registeredDomain(name) === name;
  if (
    !isApex &&
    parseIpAddress(name) === null &&
    controlHost.includes('.') &&
    controlHost !== name
  ) {
    return `Make the record: ${name}. CNAME ${controlHost}.`;
  }
  const records = addresses.slice(0, MAX_SHOWN).map((address) => {
    return `${name}. ${address.includes(':') ? 'AAAA' : 'A'} ${address}`;
  });
  if (records.length > 0) return `Make the record, and no other address: ${records.join(', ')}`;
  return `Make an A or AAAA record of ${name} with the address of this server, and no other.`;
}

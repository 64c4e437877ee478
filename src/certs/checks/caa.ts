/**
 * Which CA the owner of a name lets sign for it (CAA, RFC 8659), and for which account and by which challenge (RFC
 * 8657). The CA looks itself: to look before it saves an order that must fail, and can say what to change.
 */
import type { CaaRecord, DnsLookup } from '../../std/dns-lookup.ts';
import type { ChallengeKind } from '../ports.ts';

/**
 * What was found for a name. Its own records count; where it has none, those of the name above it, and so on: `at` is the
 * name that has them (RFC 8659 section 3).
 */
export type CaaSearch =
  | { kind: 'none' }
  | { kind: 'found'; at: string; records: CaaRecord[] }
  | { kind: 'failed'; at: string; reason: string };

/** Who wants to issue what. */
export interface CaaRequest {
  /** The names under which the CA is allowed (`caaIdentities` of its directory). */
  caaNames: readonly string[];
  /** The account's URL. */
  accountUrl: string;
  challenge: ChallengeKind;
  isWildcard: boolean;
}

/** Tags that change nothing for certificates of servers; a critical record with any other forbids (RFC 8659 section 4.1). */
const OTHER_TAGS: ReadonlySet<string> = new Set([
  'iodef',
  'contactemail',
  'contactphone',
  'issuemail',
  'issuevmc',
]);

/** Climbs from the name to the last one below the root (RFC 8659 section 3). */
export async function findCaa(
  lookup: DnsLookup,
  name: string,
  signal: AbortSignal,
): Promise<CaaSearch> {
  const labels = name.split('.');
  for (let start = 0; start < labels.length; start++) {
    const at = labels.slice(start).join('.');
    const answer = await lookup.caa(at, signal);
    if (answer.kind === 'found') return { kind: 'found', at, records: answer.values };
    // A CA that is not told treats it as forbidden.
    if (answer.kind === 'failed') return { kind: 'failed', at, reason: answer.reason };
  }
  return { kind: 'none' };
}

/** Null when the CA may issue; else the records that stand against it. */
export function caaAgainst(records: readonly CaaRecord[], request: CaaRequest): CaaRecord[] | null {
  const unknown = records.filter((record) => record.isCritical && !isKnown(record));
  if (unknown.length > 0) return unknown;
  const relevant = relevantRecords(records, request.isWildcard);
  if (relevant.length === 0) return null;
  return relevant.some((record) => allows(record, request)) ? null : relevant;
}

function isKnown({ tag }: CaaRecord): boolean {
  return tag === 'issue' || tag === 'issuewild' || OTHER_TAGS.has(tag);
}

/** `issuewild` takes the place of `issue` for wildcards, where there is one (RFC 8659 section 4.3). */
function relevantRecords(records: readonly CaaRecord[], isWildcard: boolean): CaaRecord[] {
  const wild = isWildcard ? records.filter(({ tag }) => tag === 'issuewild') : [];
  return wild.length > 0 ? wild : records.filter(({ tag }) => tag === 'issue');
}

function allows({ value }: CaaRecord, request: CaaRequest): boolean {
  const issuer = parseIssueValue(value);
  if (issuer === null || !request.caaNames.includes(issuer.domain)) return false;
  const accounts = issuer.parameters.filter(({ name }) => name === 'accounturi');
  const methods = issuer.parameters.filter(({ name }) => name === 'validationmethods');
  const isOurs = accounts.every(({ value: uri }) => uri === request.accountUrl);
  // "If a property has multiple accounturi parameters", it allows nobody (RFC 8657 section 3); so for methods.
  if (!isOurs || accounts.length > 1 || methods.length > 1) return false;
  return methods.every(({ value: list }) => list.split(',').includes(request.challenge));
}

/** Whether the record allows the CA as such; its parameters may still not. */
export function namesCa({ value }: CaaRecord, caaNames: readonly string[]): boolean {
  const issuer = parseIssueValue(value);
  return issuer !== null && caaNames.includes(issuer.domain);
}

interface Issuer {
  /** Empty allows nobody. */
  domain: string;
  parameters: { name: string; value: string }[];
}

/** RFC 8659 section 4.2; null for what does not keep to it, which allows nobody. */
function parseIssueValue(text: string): Issuer | null {
  const [domain = '', ...parts] = text.split(';').map((part) => part.trim());
  const given = parts.filter((part, index) => part !== '' || index < parts.length - 1);
  const parameters = given.map((part) => /^([a-z0-9]+)\s*=\s*([!-:<-~]*)$/i.exec(part));
  if (parameters.includes(null)) return null;
  return {
    domain: domain.toLowerCase(),
    parameters: parameters.map((match) => {
      return { name: (match?.[1] ?? '').toLowerCase(), value: match?.[2] ?? '' };
    }),
  };
}

/** As in a zone file. */
export function formatCaa({ isCritical, tag, value }: CaaRecord): string {
  return `CAA ${isCritical ? 128 : 0} ${tag === '' ? '?' : tag} ${JSON.stringify(value)}`;
}

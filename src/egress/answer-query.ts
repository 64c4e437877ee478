/**
 * What a sandbox learns of names. An address that it may not connect to is no answer; one that a rule opens is opened
 * for that sandbox before it is told.
 */
import {
  canonicalAddress,
  type EgressPolicy,
  isReachablePublic,
  mayNameLeadTo,
  networkRulesFor,
  normaliseName,
  rulesForName,
} from '../model/egress-rule.ts';
import { openSeconds } from '../protocol/egress.ts';
import { parseIpAddress } from '../std/ip-address.ts';
import {
  addressData,
  addressOf,
  DNS_CODE,
  DNS_REASON,
  DNS_TYPE,
  type DnsMessage,
  type DnsQuestion,
  type DnsRecord,
  type DnsResponse,
} from './dns-message.ts';
import type { Upstream } from './upstream.ts';

/** Makes connections to an address possible; false when it was refused. */
export type OpenAddress = (
  address: string,
  port: number | null,
  seconds: number,
) => Promise<boolean>;

export interface AnswerDeps {
  upstream: Upstream;
  /** Addresses of /etc/hosts, by name in lower case. */
  hosts: () => ReadonlyMap<string, readonly string[]>;
  ownAddresses: () => ReadonlySet<string>;
}

type Answer = Pick<DnsResponse, 'code' | 'answers' | 'authority' | 'reason'>;

/** For what is not refused by its kind. ANY, zone transfers and the like are nobody's daily need. */
const ANSWERED_TYPES: ReadonlySet<number> = new Set(
  Object.values(DNS_TYPE).filter((type) => type !== DNS_TYPE.OPT && type !== DNS_TYPE.SOA),
);
/** Names that mean something on this machine's own networks only (RFC 6761, RFC 8375; `internal` is ICANN's). */
const LOCAL_DOMAINS =
  /(?:^|\.)(?:localhost|local|internal|intranet|private|corp|home|lan|home\.arpa|invalid|test|onion)$/;
/** Each is a change of the packet filter. */
const MAX_OPENED = 16;
const HOSTS_TTL = 60;

/** What one sandbox is answered. */
export async function answerQuery(
  { name: asked, type }: DnsQuestion,
  policy: EgressPolicy,
  deps: AnswerDeps & { open: OpenAddress },
): Promise<Answer> {
  if (!ANSWERED_TYPES.has(type)) return refusal(DNS_CODE.REFUSED, 'not a type that is answered');
  const name = normaliseName(asked);
  if (name === null) return refusal(DNS_CODE.NO_NAME, 'not the name of a host');
  const rules = rulesForName(policy.rules, name);
  if (rules.length === 0 && !mayAsk(name, type, policy)) {
    return refusal(DNS_CODE.NO_NAME, 'no rule of this app names it');
  }
  const known = rules.length === 0 ? undefined : deps.hosts().get(name);
  const found =
    known === undefined ? await deps.upstream({ name, type }) : answerOf(known, { name, type });
  if (found === null) return { ...NOTHING, code: DNS_CODE.SERVER };
  const answers = await filter(found.answers, { rules, policy, deps });
  const isFiltered = answers.length < found.answers.length;
  return {
    code:
      found.code === DNS_CODE.OK || found.code === DNS_CODE.NO_NAME ? found.code : DNS_CODE.SERVER,
    answers: answers.map((record) => ({ ...record, name: withCaseOf(asked, record.name) })),
    authority: found.authority,
    reason: isFiltered
      ? { code: DNS_REASON.FILTERED, text: 'functions may not connect to an address of it' }
      : null,
  };
}

const NOTHING: Answer = { code: DNS_CODE.OK, answers: [], authority: [], reason: null };

function refusal(code: number, text: string): Answer {
  return { ...NOTHING, code, reason: { code: DNS_REASON.PROHIBITED, text } };
}

/** Whether a name that no rule has is looked up at all. */
function mayAsk(name: string, type: number, { publicAllowed, rules }: EgressPolicy): boolean {
  // A network that is open is also reached by names of it.
  if (!publicAllowed && !rules.some(({ host }) => /^[\d.]+(?:\/|$)|:/.test(host))) return false;
  if (type === DNS_TYPE.PTR) return isPublicReverse(name, rules);
  return name.includes('.') && !LOCAL_DOMAINS.test(name);
}

/** Names of the machine's neighbours are not for strangers. */
function isPublicReverse(name: string, rules: EgressPolicy['rules']): boolean {
  const address = reverseAddress(name);
  if (address === null) return false;
  return isReachablePublic(address, new Set()) || networkRulesFor(rules, address).length > 0;
}

function reverseAddress(name: string): string | null {
  const labels = name.split('.').toReversed();
  if (name.endsWith('.in-addr.arpa') && labels.length === 6) return labels.slice(2).join('.');
  if (!name.endsWith('.ip6.arpa') || labels.length !== 34) return null;
  return canonicalAddress((labels.slice(2).join('').match(/.{4}/g) ?? []).join(':'));
}

function answerOf(
  addresses: readonly string[],
  { name, type }: DnsQuestion,
): Pick<DnsMessage, 'code' | 'answers' | 'authority'> {
  const answers = addresses.flatMap((text) => {
    const address = parseIpAddress(text);
    const isAsked = type === (address?.family === 4 ? DNS_TYPE.A : DNS_TYPE.AAAA);
    if (address === null || !isAsked) return [];
    return { name, type, ttl: HOSTS_TTL, data: addressData(address) };
  });
  return { code: DNS_CODE.OK, answers, authority: [] };
}

interface FilterContext {
  /** Of the name. */
  rules: EgressPolicy['rules'];
  policy: EgressPolicy;
  deps: AnswerDeps & { open: OpenAddress };
}

async function filter(records: readonly DnsRecord[], context: FilterContext): Promise<DnsRecord[]> {
  let opened = 0;
  const checked = records.map(async (record): Promise<DnsRecord | null> => {
    const address = addressOf(record);
    if (address === null) return record;
    if (isOpen(address, context)) return record;
    const own = context.deps.ownAddresses();
    if (context.rules.length === 0 || !mayNameLeadTo(address, own)) return null;
    if (++opened > MAX_OPENED) return null;
    const seconds = openSeconds(record.ttl);
    const ports = [...new Set(context.rules.map(({ port }) => port))];
    const plain = canonicalAddress(address);
    const isDone = await Promise.all(ports.map((port) => context.deps.open(plain, port, seconds)));
    return isDone.every(Boolean) ? { ...record, ttl: Math.min(record.ttl, seconds) } : null;
  });
  return (await Promise.all(checked)).filter((record) => record !== null);
}

function isOpen(address: string, { policy, deps }: FilterContext): boolean {
  if (networkRulesFor(policy.rules, address).length > 0) return true;
  return policy.publicAllowed && isReachablePublic(address, deps.ownAddresses());
}

/** Clients that vary the case of what they ask look whether it comes back. */
function withCaseOf(asked: string, name: string): string {
  return name.toLowerCase() === asked.toLowerCase() ? asked : name;
}

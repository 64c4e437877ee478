import {
  classifyAddress,
  formatIpAddress,
  type IpNetwork,
  isInNetwork,
  parseIpAddress,
  unwrapIpAddress,
  widthOf,
} from '../std/ip-address.ts';

/**
 * Where functions may connect to beyond what everybody may: `db.internal:5432`, `*.partner.com:443`,
 * `10.1.0.0/16:5432`, `10.1.2.3:*`, `[fd00::1]:443`. A port of `*` is any.
 */
export interface EgressRule {
  /** A host name, `*.domain` for every name below a domain, an IP address or a CIDR range; lower case, no brackets. */
  host: string;
  /** Null is every port. */
  port: number | null;
}

/** What the operator lets all functions do, and what those of one app do beyond it. */
export interface EgressPolicy {
  /** Public addresses, at any port. */
  publicAllowed: boolean;
  rules: readonly EgressRule[];
}

/** Of one app, and of the operator. */
export const MAX_EGRESS_RULES = 100;
export const MAX_EGRESS_RULE_CHARACTERS = 300;
const MAX_NAME_CHARACTERS = 253;
const MAX_PORT = 65_535;

/** A label of DNS as names of hosts have it, and `_`, which service names use. */
const LABEL = /^(?!-)[a-z0-9_-]{1,63}(?<!-)$/;

/** What a rule looks like, for messages. */
export const EGRESS_RULE_FORMS =
  '"host:port", "*.domain:port", "10.0.0.0/8:port" or "[fd00::1]:port", where the port "*" is any';

/** Null when it is not such a rule. The host is taken without its final dot, in lower case. */
export function parseEgressRule(text: string): EgressRule | null {
  const match = /^(?:\[([^\]]+)\](\/\d{1,3})?|([^:[\]]+)):(\*|\d{1,5})$/.exec(text.trim());
  if (match === null) return null;
  const [, bracketed, prefix = '', plain = '', portText] = match;
  const port = portText === '*' ? null : Number(portText);
  if (port !== null && (port < 1 || port > MAX_PORT)) return null;
  if (bracketed !== undefined) return networkRule(bracketed + prefix, 6, port);
  // What ends with a number is an address or a mistake, to every URL parser (WHATWG URL, "ends in a number").
  if (/^[\d./]+$/.test(plain)) return networkRule(plain, 4, port);
  const star = plain.startsWith('*.') ? '*.' : '';
  const name = normaliseName(plain.slice(star.length));
  return name === null ? null : { host: star + name, port };
}

/** A host's name in lower case and without its final dot, or null. */
export function normaliseName(text: string): string | null {
  const name = text.toLowerCase().replace(/\.$/, '');
  if (name.length === 0 || name.length > MAX_NAME_CHARACTERS) return null;
  const labels = name.split('.');
  if (!labels.every((label) => LABEL.test(label))) return null;
  return /^(?:\d+|0x[0-9a-f]*)$/.test(labels.at(-1) ?? '') ? null : name;
}

function networkRule(text: string, family: 4 | 6, port: number | null): EgressRule | null {
  const [address = '', prefixText, ...rest] = text.split('/');
  const parsed = parseIpAddress(address);
  if (parsed === null || parsed.family !== family || rest.length > 0) return null;
  const plain = unwrapIpAddress(parsed);
  // A wrapped IPv4 network would be another one than it says.
  if (plain.family !== family && prefixText !== undefined) return null;
  const width = widthOf(plain.family);
  const prefix = prefixText === undefined ? width : Number(prefixText);
  if (prefixText === '' || prefix > width) return null;
  const shift = BigInt(width - prefix);
  const first = { family: plain.family, bits: (plain.bits >> shift) << shift };
  return { host: formatIpAddress(first) + (prefix === width ? '' : `/${prefix}`), port };
}

/** The one spelling of a rule: rules that mean the same are written alike. */
export function formatEgressRule({ host, port }: EgressRule): string {
  const [address, prefix] = host.split('/');
  const bracketed = `[${address}]${prefix === undefined ? '' : `/${prefix}`}`;
  return `${host.includes(':') ? bracketed : host}:${port ?? '*'}`;
}

/** The rules among these texts; what is none is left out. */
export function readEgressRules(texts: readonly string[]): EgressRule[] {
  return texts.flatMap((text) => parseEgressRule(text) ?? []);
}

/** Whether all that the rule allows is allowed by one of the others. */
export function isWithin(rule: EgressRule, others: readonly EgressRule[]): boolean {
  return others.some(
    (other) => (other.port === null || other.port === rule.port) && isHostWithin(rule, other),
  );
}

function isHostWithin(rule: EgressRule, other: EgressRule): boolean {
  const network = networkOf(rule);
  const around = networkOf(other);
  if (network !== null && around !== null) {
    return network.prefix >= around.prefix && isInNetwork(network, around);
  }
  if (network !== null || around !== null) return false;
  return rule.host === other.host || (isWild(other) && rule.host.endsWith(other.host.slice(1)));
}

export interface EgressTarget {
  /** As it was asked for, normalised; null when an address was named. */
  name: string | null;
  address: string;
  port: number;
}

/**
 * Whether a connection may be made. A rule that names a host leads to public and private networks only: whoever
 * answers for the name could otherwise point it at this machine, or at what a cloud tells its machines; such an
 * address has to be named itself.
 */
export function allowsConnection(
  { publicAllowed, rules }: EgressPolicy,
  target: EgressTarget,
  ownAddresses: ReadonlySet<string>,
): boolean {
  if (publicAllowed && isReachablePublic(target.address, ownAddresses)) return true;
  if (networkRulesFor(rules, target.address).some((rule) => hasPort(rule, target.port)))
    return true;
  if (target.name === null || !mayNameLeadTo(target.address, ownAddresses)) return false;
  return rulesForName(rules, target.name).some((rule) => hasPort(rule, target.port));
}

/** Public, and not this machine's own. */
export function isReachablePublic(address: string, ownAddresses: ReadonlySet<string>): boolean {
  return classifyAddress(address) === 'public' && !ownAddresses.has(canonicalAddress(address));
}

/** Whether a rule that names a host may open this address for it. */
export function mayNameLeadTo(address: string, ownAddresses: ReadonlySet<string>): boolean {
  if (ownAddresses.has(canonicalAddress(address))) return false;
  const is = classifyAddress(address);
  return is === 'public' || is === 'private' || is === 'shared' || is === 'unique-local';
}

/** Rules that name the host, by itself or by a domain above it. */
export function rulesForName(rules: readonly EgressRule[], name: string): EgressRule[] {
  return rules.filter(
    (rule) => rule.host === name || (isWild(rule) && name.endsWith(rule.host.slice(1))),
  );
}

export function networkRulesFor(rules: readonly EgressRule[], address: string): EgressRule[] {
  const parsed = parseIpAddress(address);
  if (parsed === null) return [];
  const plain = unwrapIpAddress(parsed);
  return rules.filter((rule) => {
    const network = networkOf(rule);
    return network !== null && isInNetwork(plain, network);
  });
}

/** One spelling for each address, and IPv4 for what only wraps it; what is no address stays as it is. */
export function canonicalAddress(text: string): string {
  const parsed = parseIpAddress(text);
  return parsed === null ? text : formatIpAddress(unwrapIpAddress(parsed));
}

function hasPort(rule: EgressRule, port: number): boolean {
  return rule.port === null || rule.port === port;
}

function isWild({ host }: EgressRule): boolean {
  return host.startsWith('*.');
}

/** Null for a rule that names a host. One address is a network of its whole length. */
function networkOf({ host }: EgressRule): IpNetwork | null {
  const [address = '', prefix] = host.split('/');
  const parsed = parseIpAddress(address);
  return (
    parsed && { ...parsed, prefix: prefix === undefined ? widthOf(parsed.family) : Number(prefix) }
  );
}

import { createHash } from 'node:crypto';
import { SLUG_SEPARATOR } from './slug.ts';

/**
 * A domain is a host name of somebody's own, or `*.` and one, at which an app answers beside its hosts below the base
 * domain. This file holds its states, who may have which, and what proves it; the database CHECK in migrations/ lists
 * the same words. Names are as `readDomainName` gives them.
 */

/**
 * pending → verified → removed, and from there back to pending when the same app adds it again. One that was never
 * verified is forgotten when it is removed: nobody has relied on it.
 */
export const DOMAIN_STATES = ['pending', 'verified', 'removed'] as const;
export type DomainState = (typeof DOMAIN_STATES)[number];

export type DomainEvent = 'proved' | 'removed' | 'added-again';

/** The state after `event`, or null when the event makes no sense in `state`. */
export function nextDomainState(state: DomainState, event: DomainEvent): DomainState | null {
  switch (state) {
    case 'pending':
      if (event === 'proved') return 'verified';
      return event === 'removed' ? 'removed' : null;
    case 'verified':
      return event === 'removed' ? 'removed' : null;
    case 'removed':
      return event === 'added-again' ? 'pending' : null;
    default:
      return state satisfies never;
  }
}

/** What shows that the app's people rule the name in DNS: a TXT record, or that the name is an alias of the app's host. */
export const DOMAIN_PROOFS = ['txt', 'cname'] as const;
export type DomainProof = (typeof DOMAIN_PROOFS)[number];

/** For so long nobody else gets a name that was removed: links, cookies and resolvers still lead to whoever had it. */
export const DOMAIN_QUARANTINE_MS = 7 * 24 * 3600 * 1000;

/** What another app has of a name, or had until it was removed. */
export interface OtherClaim {
  name: string;
  state: Exclude<DomainState, 'pending'>;
  /** Milliseconds since 1970; null while it has it. */
  removedAt: number | null;
}

export type ClaimTerms =
  /** Either proof will do. */
  | { kind: 'open' }
  /**
   * `wildcard`: no one alias speaks for all names below a domain. `covered`: another app has the wildcard above it.
   * `had-before`: an alias that its last owner left behind may lead to a host whose app has changed hands since.
   */
  | { kind: 'txt-only'; because: 'wildcard' | 'covered' | 'had-before' }
  /** Another app has it. */
  | { kind: 'taken' }
  | { kind: 'quarantined'; untilMs: number };

/**
 * How an app may come to have a name. A wildcard of another app takes nothing from whoever proves an exact name below it
 * by TXT, and takes over no exact name that another app has: exact names go before wildcards, here and in routing.
 */
export function claimTerms(name: string, others: readonly OtherClaim[], nowMs: number): ClaimTerms {
  const same = others.filter((other) => other.name === name);
  if (same.some(({ state }) => state === 'verified')) return { kind: 'taken' };
  const removedAt = Math.max(...same.map((other) => other.removedAt ?? 0));
  const untilMs = removedAt + DOMAIN_QUARANTINE_MS;
  if (same.length > 0 && nowMs < untilMs) return { kind: 'quarantined', untilMs };
  if (isWildcard(name)) return { kind: 'txt-only', because: 'wildcard' };
  if (same.length > 0) return { kind: 'txt-only', because: 'had-before' };
  const above = wildcardAbove(name);
  const isCovered = others.some((other) => other.name === above);
  return isCovered ? { kind: 'txt-only', because: 'covered' } : { kind: 'open' };
}

export function isWildcard(name: string): boolean {
  return name.startsWith('*.');
}

/** `*.example.com` of `www.example.com`: a wildcard stands for one label, as in certificates (RFC 6125, 6.4.3). */
export function wildcardAbove(host: string): string {
  return `*${host.slice(host.indexOf('.'))}`;
}

/** The name without its star. */
export function domainBase(name: string): string {
  return isWildcard(name) ? name.slice(2) : name;
}

const CHALLENGE_LABEL = '_gitfn-challenge';
const CHALLENGE_CHARACTERS = 32;
const MAX_NAME_CHARACTERS = 253; // RFC 1035 section 2.3.4
/** A longer name leaves no room for the name of its TXT record. */
export const MAX_DOMAIN_CHARACTERS = MAX_NAME_CHARACTERS - CHALLENGE_LABEL.length - 1;

/** Where the TXT record stands that proves a name, and `*.` of it. */
export function challengeHost(name: string): string {
  return `${CHALLENGE_LABEL}.${domainBase(name)}`;
}

/**
 * What the TXT record says: the same for all names of an app, of no use to another one, and no secret. App ids are
 * random and never used again, so neither is this.
 */
export function challengeValue(appId: string): string {
  const hash = createHash('sha256').update(`gitfn domain challenge ${appId}`).digest('hex');
  return `gitfn=${hash.slice(0, CHALLENGE_CHARACTERS)}`;
}

/** Whether a host is one of the app's own: `<app>.<base>` or `<slug>--<app>.<base>`. */
export function isHostOfApp(host: string, appName: string, baseDomain: string): boolean {
  const suffix = `.${baseDomain}`;
  if (!host.endsWith(suffix)) return false;
  const label = host.slice(0, -suffix.length);
  const cut = label.indexOf(SLUG_SEPARATOR);
  return (cut === -1 ? label : label.slice(cut + SLUG_SEPARATOR.length)) === appName;
}

/** A record that somebody has to create. `both`: it proves the name and leads it here. */
export interface DomainRecord {
  type: 'TXT' | 'CNAME' | 'A' | 'AAAA' | 'ALIAS';
  name: string;
  value: string;
  purpose: 'proof' | 'pointing' | 'both';
}

/** Where the name leads. */
export type DomainPointing = 'here' | 'elsewhere' | 'nowhere' | 'unknown';

/** What one question about a domain was answered with. */
export interface DomainFinding {
  type: 'TXT' | 'CNAME' | 'A';
  /** What was asked for. */
  name: string;
  /** The name server of the zone that was asked; null for what the resolver says. */
  server: string | null;
  /** `expected` is what proves the name, or leads here; `none`: the name has no such record. */
  outcome: 'expected' | 'other' | 'none' | 'unknown-name' | 'failed';
  /** The records that were found, or why none could be asked for. */
  values: string[];
}

/** What the last look into DNS saw. */
export interface DomainReport {
  proof: DomainProof | null;
  pointing: DomainPointing;
  findings: DomainFinding[];
  /** Addresses of the app's own host; empty when they could not be found out. */
  own: string[];
}

/** What a domain needs and what is amiss with it, as records and sentences that its owner can act on. Pure. */
import { isIPv6 } from 'node:net';
import {
  challengeHost,
  challengeValue,
  isWildcard,
  type ClaimTerms,
  type DomainFinding,
  type DomainRecord,
} from '../model/domain.ts';
import type { Domain } from '../store/domains.ts';

export interface DescribedFinding extends DomainFinding {
  /** A sentence without its full stop. */
  message: string;
}

/**
 * What to create in DNS. Where one record does both it comes first; a TXT record beside it is the other way to prove the
 * name.
 * @param host the app's own host that the domain stands for
 */
export function recordsOf(
  domain: Pick<Domain, 'name' | 'appId' | 'report'>,
  { host, terms, isApex }: { host: string; terms: ClaimTerms; isApex: boolean },
): DomainRecord[] {
  if (terms.kind === 'taken' || terms.kind === 'quarantined') return [];
  const { name, appId, report } = domain;
  const txt = {
    type: 'TXT',
    name: challengeHost(name),
    value: challengeValue(appId),
    purpose: 'proof',
  } as const;
  if (!isApex || isWildcard(name)) {
    const purpose = terms.kind === 'open' ? 'both' : 'pointing';
    const alias = { type: 'CNAME', name, value: host, purpose } as const;
    return purpose === 'both' ? [alias, txt] : [txt, alias];
  }
  const own = report?.own ?? [];
  if (own.length === 0) return [txt, { type: 'ALIAS', name, value: host, purpose: 'pointing' }];
  const addresses = own.map((value): DomainRecord => {
    return { type: isIPv6(value) ? 'AAAA' : 'A', name, value, purpose: 'pointing' };
  });
  return [txt, ...addresses];
}

/** What keeps a domain from being verified, or from being reached; null when nothing does. */
export function problemOf(
  { state, report }: Pick<Domain, 'state' | 'report'>,
  terms: ClaimTerms,
): string | null {
  if (state === 'verified') return pointingProblem(report);
  const claim = claimProblem(terms);
  if (claim !== null) return claim;
  if (report === null) return 'DNS was not asked yet';
  const asked = report.findings.filter(({ type, server }) => type !== 'A' && server === null);
  const told = asked.map((finding) => describeFinding(finding, terms));
  return told.map(({ name, message }) => `${name} ${message}`).join('; ');
}

/** Why no proof helps; null when one does. */
export function claimProblem(terms: ClaimTerms): string | null {
  switch (terms.kind) {
    case 'taken':
      return 'another app of this server has this name';
    case 'quarantined': {
      const until = new Date(terms.untilMs).toISOString().slice(0, 16).replace('T', ' ');
      return `another app of this server had this name until lately, and no other gets it before ${until} UTC`;
    }
    case 'open':
    case 'txt-only':
      return null;
    default:
      return terms satisfies never;
  }
}

function pointingProblem(report: Domain['report']): string | null {
  const address = report?.findings.find(({ type }) => type === 'A');
  if (report === null || address === undefined) return null;
  if (report.pointing === 'elsewhere') {
    return `${address.name} leads to ${address.values.join(', ')}, which is not this server (${report.own.join(', ')}), unless a proxy stands there`;
  }
  return report.pointing === 'nowhere' ? `${address.name} leads nowhere: it has no address` : null;
}

export function describeFinding(finding: DomainFinding, terms: ClaimTerms): DescribedFinding {
  return { ...finding, message: messageOf(finding, terms) };
}

function messageOf({ type, outcome, values }: DomainFinding, terms: ClaimTerms): string {
  const listed = values.join(', ');
  switch (outcome) {
    case 'unknown-name':
      return 'does not exist (NXDOMAIN)';
    case 'failed':
      return `could not be asked for: ${listed}`;
    case 'none':
      return { TXT: 'has no TXT record', CNAME: 'is no alias', A: 'has no address' }[type];
    case 'other':
      if (type === 'TXT')
        return `has another text: ${values.map((value) => `"${value}"`).join(', ')}`;
      return type === 'CNAME' ? `is an alias of ${listed}` : `leads to ${listed}`;
    case 'expected':
      if (type === 'TXT') return 'has the text that proves it';
      if (type === 'A') return `leads here (${listed})`;
      return `is an alias of ${listed}${terms.kind === 'txt-only' ? noProof(terms.because) : ''}`;
    default:
      return outcome satisfies never;
  }
}

function noProof(because: Extract<ClaimTerms, { kind: 'txt-only' }>['because']): string {
  switch (because) {
    case 'wildcard':
      return ', which proves no wildcard: that takes the TXT record';
    case 'covered':
      return ', which is no proof below the wildcard of another app: that takes the TXT record';
    case 'had-before':
      return ', which is no proof of a name that another app had before: that takes the TXT record';
    default:
      return because satisfies never;
  }
}

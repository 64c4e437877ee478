/** What the answers of DNS mean for a domain. Pure. */
import {
  challengeHost,
  challengeValue,
  domainBase,
  isHostOfApp,
  isWildcard,
  type ClaimTerms,
  type DomainFinding,
  type DomainPointing,
  type DomainProof,
  type DomainReport,
} from '../model/domain.ts';
import type { DnsAnswer } from '../std/dns-lookup.ts';
import { printableLine } from '../std/printable.ts';

export interface DomainQuestion {
  name: string;
  appId: string;
  appName: string;
  baseDomain: string;
  terms: ClaimTerms;
}

export interface DomainAnswers {
  txt: DnsAnswer<string>;
  cname: DnsAnswer<string>;
  addresses: DnsAnswer<string>;
  /** Addresses of the app's own host: what those of the domain are compared with. */
  own: DnsAnswer<string>;
}

/** What one name server of the zone says. */
export interface ServerAnswers {
  nameServer: string;
  txt: DnsAnswer<string>;
  cname: DnsAnswer<string>;
}

/** Kept of one answer: whoever rules the name may have as many records as a message holds. */
const MAX_VALUES = 10;
const MAX_VALUE_CHARACTERS = 200;

/** The host that is asked for whether a domain leads here: of a wildcard any name below it. */
export function hostToAskFor(name: string): string {
  return isWildcard(name) ? `gitfn-check.${domainBase(name)}` : name;
}

export function judgeAnswers(question: DomainQuestion, answers: DomainAnswers): DomainReport {
  const { txt, cname } = proofFindings(question, answers, null);
  const own = answers.own.kind === 'found' ? answers.own.values.slice(0, MAX_VALUES) : [];
  const addresses = findingOf(answers.addresses, {
    type: 'A',
    name: hostToAskFor(question.name),
    server: null,
    isExpected: (value) => own.includes(value),
  });
  const isAlias = cname.outcome === 'expected';
  return {
    proof: proofOf(question.terms, txt, cname),
    pointing: isAlias ? 'here' : pointingOf(addresses.outcome, own.length > 0),
    findings: [txt, cname, addresses],
    own,
  };
}

/**
 * The same with what the name servers of the zone say. They prove a name when all that answer do so in the same way: one
 * that lags behind, or that was taken over, is not overruled by the others.
 */
export function judgeServers(
  question: DomainQuestion,
  report: DomainReport,
  servers: readonly ServerAnswers[],
): DomainReport {
  const asked = servers.map((server) => proofFindings(question, server, server.nameServer));
  const heard = asked.filter(
    ({ txt, cname }) => txt.outcome !== 'failed' && cname.outcome !== 'failed',
  );
  const proofs = new Set(heard.map(({ txt, cname }) => proofOf(question.terms, txt, cname)));
  const [proof = null] = proofs.size === 1 ? proofs : [];
  const findings = asked.flatMap(({ txt, cname }) => [txt, cname]);
  return { ...report, proof: report.proof ?? proof, findings: [...report.findings, ...findings] };
}

function proofOf(terms: ClaimTerms, txt: DomainFinding, cname: DomainFinding): DomainProof | null {
  const mayBeTaken = terms.kind === 'open' || terms.kind === 'txt-only';
  if (mayBeTaken && txt.outcome === 'expected') return 'txt';
  return terms.kind === 'open' && cname.outcome === 'expected' ? 'cname' : null;
}

function proofFindings(
  { name, appId, appName, baseDomain }: DomainQuestion,
  { txt, cname }: Pick<DomainAnswers, 'txt' | 'cname'>,
  server: string | null,
): { txt: DomainFinding; cname: DomainFinding } {
  const challenge = challengeValue(appId);
  return {
    txt: findingOf(txt, {
      type: 'TXT',
      name: challengeHost(name),
      server,
      isExpected: (value) => value.trim() === challenge,
    }),
    cname: findingOf(cname, {
      type: 'CNAME',
      name: hostToAskFor(name),
      server,
      isExpected: (value) => isHostOfApp(plainName(value), appName, baseDomain),
    }),
  };
}

/** Servers keep the case in which a name was written, and may write its final dot. */
function plainName(written: string): string {
  return written.toLowerCase().replace(/\.$/, '');
}

interface Expectation extends Pick<DomainFinding, 'type' | 'name' | 'server'> {
  isExpected: (value: string) => boolean;
}

function findingOf(answer: DnsAnswer<string>, expectation: Expectation): DomainFinding {
  const { isExpected, ...asked } = expectation;
  if (answer.kind === 'failed') {
    return {
      ...asked,
      outcome: 'failed',
      values: [printableLine(answer.reason, MAX_VALUE_CHARACTERS)],
    };
  }
  if (answer.kind !== 'found') return { ...asked, outcome: answer.kind, values: [] };
  const values = answer.values
    .slice(0, MAX_VALUES)
    .map((value) => printableLine(value, MAX_VALUE_CHARACTERS));
  return { ...asked, outcome: answer.values.some(isExpected) ? 'expected' : 'other', values };
}

function pointingOf(outcome: DomainFinding['outcome'], isOwnKnown: boolean): DomainPointing {
  switch (outcome) {
    case 'expected':
      return 'here';
    case 'other':
      return isOwnKnown ? 'elsewhere' : 'unknown';
    case 'none':
    case 'unknown-name':
      return 'nowhere';
    case 'failed':
      return 'unknown';
    default:
      return outcome satisfies never;
  }
}

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
  type DomainReport,
} from '../model/domain.ts';
import { printableLine } from '../std/printable.ts';
import type { DnsAnswer } from './ports.ts';

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

/** Kept of one answer: whoever rules the name may have as many records as a message holds. */
const MAX_VALUES = 10;
const MAX_VALUE_CHARACTERS = 200;

/** The host that is asked for whether a domain leads here: of a wildcard any name below it. */
export function hostToAskFor(name: string): string {
  return isWildcard(name) ? `gitfn-check.${domainBase(name)}` : name;
}

export function judgeAnswers(question: DomainQuestion, answers: DomainAnswers): DomainReport {
  const { name, appId, appName, baseDomain, terms } = question;
  const host = hostToAskFor(name);
  const challenge = challengeValue(appId);
  const txt = findingOf(answers.txt, {
    type: 'TXT',
    name: challengeHost(name),
    isExpected: (value) => value.trim() === challenge,
  });
  const cname = findingOf(answers.cname, {
    type: 'CNAME',
    name: host,
    isExpected: (value) => isHostOfApp(plainName(value), appName, baseDomain),
  });
  const isAlias = cname.outcome === 'expected';
  const own = answers.own.kind === 'found' ? answers.own.values.slice(0, MAX_VALUES) : [];
  const addresses = findingOf(answers.addresses, {
    type: 'A',
    name: host,
    isExpected: (value) => own.includes(value),
  });
  const mayBeTaken = terms.kind === 'open' || terms.kind === 'txt-only';
  const isProvedByTxt = mayBeTaken && txt.outcome === 'expected';
  const isProvedByAlias = terms.kind === 'open' && isAlias;
  return {
    proof: isProvedByTxt ? 'txt' : isProvedByAlias ? 'cname' : null,
    pointing: isAlias ? 'here' : pointingOf(addresses.outcome, own.length > 0),
    findings: [txt, cname, addresses],
    own,
  };
}

/** Servers keep the case in which a name was written, and may write its final dot. */
function plainName(written: string): string {
  return written.toLowerCase().replace(/\.$/, '');
}

interface Expectation extends Pick<DomainFinding, 'type' | 'name'> {
  isExpected: (value: string) => boolean;
}

function findingOf(
  answer: DnsAnswer<string>,
  { type, name, isExpected }: Expectation,
): DomainFinding {
  if (answer.kind === 'failed') {
    return {
      type,
      name,
      outcome: 'failed',
      values: [printableLine(answer.reason, MAX_VALUE_CHARACTERS)],
    };
  }
  if (answer.kind !== 'found') return { type, name, outcome: answer.kind, values: [] };
  const values = answer.values
    .slice(0, MAX_VALUES)
    .map((value) => printableLine(value, MAX_VALUE_CHARACTERS));
  return { type, name, outcome: answer.values.some(isExpected) ? 'expected' : 'other', values };
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

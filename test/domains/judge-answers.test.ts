import { describe, expect, it } from 'vitest';
import { describeFinding, problemOf, recordsOf } from '../../src/domains/describe-domain.ts';
import {
  hostToAskFor,
  judgeAnswers,
  judgeServers,
  type DomainAnswers,
  type DomainQuestion,
  type ServerAnswers,
} from '../../src/domains/judge-answers.ts';
import type { DnsAnswer } from '../../src/std/dns-lookup.ts';
import { challengeValue, type ClaimTerms } from '../../src/model/domain.ts';

const APP = { appId: 'app-1', appName: 'hello', baseDomain: 'fn.dev' };
const TEXT = challengeValue('app-1');
const OPEN: ClaimTerms = { kind: 'open' };
const NONE: DnsAnswer<string> = { kind: 'none' };
const found = (...values: string[]): DnsAnswer<string> => ({ kind: 'found', values });

const SILENT: DomainAnswers = {
  txt: { kind: 'unknown-name' },
  cname: { kind: 'unknown-name' },
  addresses: { kind: 'unknown-name' },
  own: found('192.0.2.1'),
};

function judge(answers: Partial<DomainAnswers>, question: Partial<DomainQuestion> = {}) {
  const asked = { ...APP, name: 'shop.com', terms: OPEN, ...question };
  const report = judgeAnswers(asked, { ...SILENT, ...answers });
  const problem = problemOf({ state: 'pending', report }, asked.terms);
  return { ...report, problem };
}

describe('the proof of a domain', () => {
  const covered: ClaimTerms = { kind: 'txt-only', because: 'covered' };
  it.each<[string, Partial<DomainAnswers>, ClaimTerms, 'txt' | 'cname' | null]>([
    ['its text', { txt: found(TEXT) }, OPEN, 'txt'],
    ['its text among others', { txt: found('v=spf1 -all', ` ${TEXT} `) }, OPEN, 'txt'],
    ['the text of another app', { txt: found(challengeValue('app-2')) }, OPEN, null],
    ['its text in part', { txt: found(TEXT.slice(0, -1)) }, OPEN, null],
    ['an alias of the app', { cname: found('hello.fn.dev') }, OPEN, 'cname'],
    ['an alias of the app as people write it', { cname: found('Hello.FN.dev.') }, OPEN, 'cname'],
    ['an alias of its branch', { cname: found('topic--hello.fn.dev') }, OPEN, 'cname'],
    ['an alias of another app', { cname: found('other.fn.dev') }, OPEN, null],
    ['an alias of the base domain', { cname: found('fn.dev') }, OPEN, null],
    ['an alias of elsewhere', { cname: found('hello.fn.dev.evil.com') }, OPEN, null],
    ['the address of the server', { addresses: found('192.0.2.1') }, OPEN, null],
    ['an alias below the wildcard of another app', { cname: found('hello.fn.dev') }, covered, null],
    ['a text below the wildcard of another app', { txt: found(TEXT) }, covered, 'txt'],
    ['a text while another app has it', { txt: found(TEXT) }, { kind: 'taken' }, null],
    ['a text too early', { txt: found(TEXT) }, { kind: 'quarantined', untilMs: 1 }, null],
    ['nothing', {}, OPEN, null],
  ])('%s', (_, answers, terms, proof) => {
    expect(judge(answers, { terms }).proof).toBe(proof);
  });
});

describe('what the name servers of the zone say', () => {
  const OPEN_QUESTION = { ...APP, name: 'shop.com', terms: OPEN };
  const server = (nameServer: string, answers: Partial<ServerAnswers> = {}): ServerAnswers => ({
    nameServer,
    txt: NONE,
    cname: NONE,
    ...answers,
  });
  const failed: DnsAnswer<string> = { kind: 'failed', reason: 'no name server answered in time' };
  const silent = server('ns3', { txt: failed, cname: failed });
  const byText = (name: string): ServerAnswers => server(name, { txt: found(TEXT) });

  it.each<[string, ServerAnswers[], 'txt' | 'cname' | null]>([
    ['nothing, for want of any', [], null],
    ['all of them the text', [byText('ns1'), byText('ns2')], 'txt'],
    ['the text, where one is silent', [byText('ns1'), silent], 'txt'],
    ['nothing, all being silent', [silent], null],
    ['the text, where one lags behind', [byText('ns1'), server('ns2')], null],
    ['an alias', [server('ns1', { cname: found('hello.fn.dev') })], 'cname'],
    [
      'the one text and the other an alias',
      [byText('ns1'), server('ns2', { cname: found('hello.fn.dev') })],
      null,
    ],
  ])('%s', (_, servers, proof) => {
    const report = judgeServers(OPEN_QUESTION, judge({}), servers);
    expect(report.proof).toBe(proof);
    expect(report.findings).toHaveLength(3 + 2 * servers.length);
    expect(report.findings.slice(3).map((finding) => finding.server)).toEqual(
      servers.flatMap(({ nameServer }) => [nameServer, nameServer]),
    );
  });

  it('proves nothing that may not be taken', () => {
    const question = { ...OPEN_QUESTION, terms: { kind: 'taken' } as const };
    expect(judgeServers(question, judge({}), [byText('ns1')]).proof).toBeNull();
  });
});

describe('where a domain leads', () => {
  it.each<[string, Partial<DomainAnswers>, string]>([
    ['here by address', { addresses: found('198.51.100.9', '192.0.2.1') }, 'here'],
    ['here by alias', { cname: found('hello.fn.dev'), own: NONE }, 'here'],
    ['elsewhere', { addresses: found('198.51.100.9') }, 'elsewhere'],
    ['nowhere', {}, 'nowhere'],
    ['nowhere by name', { addresses: NONE }, 'nowhere'],
    ['who knows: DNS fails', { addresses: { kind: 'failed', reason: 'ETIMEOUT' } }, 'unknown'],
    ['who knows: of the server', { addresses: found('198.51.100.9'), own: NONE }, 'unknown'],
  ])('%s', (_, answers, pointing) => {
    expect(judge(answers).pointing).toBe(pointing);
  });

  it('is told of a verified domain that leads elsewhere, or nowhere', () => {
    const verified = (answers: Partial<DomainAnswers>): string | null =>
      problemOf({ state: 'verified', report: judge(answers) }, OPEN);
    expect(verified({ addresses: found('192.0.2.1') })).toBeNull();
    expect(verified({ addresses: { kind: 'failed', reason: 'ETIMEOUT' } })).toBeNull();
    expect(verified({ addresses: found('198.51.100.9') })).toBe(
      'shop.com leads to 198.51.100.9, which is not this server (192.0.2.1), unless a proxy stands there',
    );
    expect(verified({})).toBe('shop.com leads nowhere: it has no address');
  });
});

describe('what was found', () => {
  it.each<[string, Partial<DomainAnswers>, ClaimTerms, string]>([
    [
      'no name',
      {},
      OPEN,
      '_gitfn-challenge.shop.com does not exist (NXDOMAIN); shop.com does not exist (NXDOMAIN)',
    ],
    [
      'no record',
      { txt: NONE, cname: NONE },
      OPEN,
      '_gitfn-challenge.shop.com has no TXT record; shop.com is no alias',
    ],
    [
      'other records',
      { txt: found('hi', '\u001b[2Jx'), cname: found('a.net') },
      OPEN,
      '_gitfn-challenge.shop.com has another text: "hi", "x"; shop.com is an alias of a.net',
    ],
    [
      'a failure',
      { txt: { kind: 'failed', reason: 'ETIMEOUT' }, cname: NONE },
      OPEN,
      '_gitfn-challenge.shop.com could not be asked for: ETIMEOUT; shop.com is no alias',
    ],
    [
      'an alias that is no proof',
      { cname: found('hello.fn.dev') },
      { kind: 'txt-only', because: 'had-before' },
      '_gitfn-challenge.shop.com does not exist (NXDOMAIN); shop.com is an alias of hello.fn.dev, ' +
        'which is no proof of a name that another app had before: that takes the TXT record',
    ],
    [
      'another owner',
      { txt: found(TEXT) },
      { kind: 'taken' },
      'another app of this server has this name',
    ],
    [
      'a quarantine',
      {},
      { kind: 'quarantined', untilMs: Date.parse('2026-02-03T04:05:06Z') },
      'another app of this server had this name until lately, and no other gets it before 2026-02-03 04:05 UTC',
    ],
  ])('%s', (_, answers, terms, problem) => {
    expect(judge(answers, { terms }).problem).toBe(problem);
  });

  it('is bounded, however much DNS answers with', () => {
    const many = Array.from({ length: 500 }, (_, index) => `${index}`.padEnd(4_000, 'x'));
    const { findings } = judge({ txt: found(...many, TEXT) });
    const [txt] = findings;
    expect(txt?.outcome).toBe('expected');
    expect(JSON.stringify(findings).length).toBeLessThan(5_000);
    expect(
      describeFinding(
        { type: 'TXT', name: 'x', server: null, outcome: 'other', values: ['a'] },
        OPEN,
      ).message,
    ).toBe('has another text: "a"');
  });

  it('is asked for below a wildcard', () => {
    expect(hostToAskFor('*.shop.com')).toBe('gitfn-check.shop.com');
    const { findings } = judge({}, { name: '*.shop.com' });
    expect(findings.map(({ name }) => name)).toEqual([
      '_gitfn-challenge.shop.com',
      'gitfn-check.shop.com',
      'gitfn-check.shop.com',
    ]);
  });
});

describe('the records to create', () => {
  const report = judge({});
  const records = (name: string, terms: ClaimTerms, isApex: boolean, own = report.own): string[] =>
    recordsOf(
      { name, appId: 'app-1', report: { ...report, own } },
      { host: 'hello.fn.dev', terms, isApex },
    ).map(({ type, name: at, value, purpose }) => `${type} ${at} ${value} ${purpose}`);
  const txt = (name: string): string => `TXT _gitfn-challenge.${name} ${TEXT} proof`;

  it.each<[string, string[], string[]]>([
    [
      'an alias',
      records('www.a.de', OPEN, false),
      ['CNAME www.a.de hello.fn.dev both', txt('www.a.de')],
    ],
    ['an apex', records('a.de', OPEN, true), [txt('a.de'), 'A a.de 192.0.2.1 pointing']],
    [
      'an apex, by both families',
      records('a.de', OPEN, true, ['192.0.2.1', '2001:db8::1']),
      [txt('a.de'), 'A a.de 192.0.2.1 pointing', 'AAAA a.de 2001:db8::1 pointing'],
    ],
    [
      'an apex, of a server whose address nobody knows',
      records('a.de', OPEN, true, []),
      [txt('a.de'), 'ALIAS a.de hello.fn.dev pointing'],
    ],
    [
      'a wildcard',
      records('*.a.de', { kind: 'txt-only', because: 'wildcard' }, false),
      [txt('a.de'), 'CNAME *.a.de hello.fn.dev pointing'],
    ],
    ['none while another app has it', records('www.a.de', { kind: 'taken' }, false), []],
  ])('of %s', (_, given, expected) => {
    expect(given).toEqual(expected);
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  allowsConnection,
  type EgressRule,
  formatEgressRule,
  isWithin,
  parseEgressRule,
  readEgressRules,
} from '../../src/model/egress-rule.ts';
import { canonicalAddress } from '../../src/model/egress-rule.ts';

const OWN = new Set(['10.0.0.5', '93.184.216.7']);

describe('a rule', () => {
  it.each([
    ['db.internal:5432', 'db.internal:5432'],
    ['DB.Internal.:5432', 'db.internal:5432'],
    ['*.partner.com:443', '*.partner.com:443'],
    ['_pg._tcp.db:5432', '_pg._tcp.db:5432'],
    ['10.1.2.3/8:*', '10.0.0.0/8:*'],
    ['10.1.2.3:5432', '10.1.2.3:5432'],
    ['0.0.0.0/0:25', '0.0.0.0/0:25'],
    ['[fd00::1]:443', '[fd00::1]:443'],
    ['[FD00:0::1]/8:443', '[fd00::]/8:443'],
    ['[::ffff:10.1.2.3]:80', '10.1.2.3:80'],
  ])('%s means %s', (text, canonical) => {
    const rule = parseEgressRule(text);
    expect(rule && formatEgressRule(rule)).toBe(canonical);
  });

  it.each([
    '',
    ':80',
    'db.internal',
    'db.internal:',
    'db.internal:0',
    'db.internal:65536',
    'db.internal:5432:1',
    'db.internal:05432x',
    'http://db:80',
    '*:443',
    '*.:443',
    'a.*.com:443',
    '**.com:443',
    'db..internal:1',
    '-db:1',
    'db-:1',
    'd b:1',
    'dé:1',
    '127.1:80',
    '1.2.3:80',
    '0x7f.1:80',
    'host.123:80',
    '10.0.0.0/33:80',
    '10.0.0.0/:80',
    '10.0.0.0/8/8:80',
    '[10.0.0.1]:80',
    '[fe80::1%eth0]:80',
    '[::ffff:10.0.0.0]/104:80',
    '[fd00::1]:',
    'fd00::1:443',
    `${'a'.repeat(64)}.com:1`,
    `${'a.'.repeat(127)}com:1`,
  ])('is not %j', (text) => {
    expect(parseEgressRule(text)).toBeNull();
  });

  it('is read again from its one spelling', () => {
    fc.assert(
      fc.property(ruleText(), (text) => {
        const rule = parseEgressRule(text);
        if (rule === null) throw new Error(`${text} is a rule`);
        expect(parseEgressRule(formatEgressRule(rule))).toEqual(rule);
      }),
    );
  });

  it('is never made of arbitrary text in a way that cannot be read again', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom(...'ab.*:[]/0129fF%-_ '.split('')) }),
        (text) => {
          const rule = parseEgressRule(text);
          if (rule !== null) expect(parseEgressRule(formatEgressRule(rule))).toEqual(rule);
        },
      ),
      { numRuns: 2_000 },
    );
  });
});

describe("the operator's rules", () => {
  it.each([
    ['db.internal:5432', 'db.internal:5432', true],
    ['db.internal:5432', 'db.internal:*', true],
    ['db.internal:*', 'db.internal:5432', false],
    ['db.internal:5432', '*.internal:5432', true],
    ['a.db.internal:5432', '*.internal:5432', true],
    ['internal:5432', '*.internal:5432', false],
    ['evilinternal:5432', '*.internal:5432', false],
    ['*.db.internal:1', '*.internal:1', true],
    ['*.internal:1', '*.internal:1', true],
    ['*.internal:1', '*.db.internal:1', false],
    ['*.internal:1', 'db.internal:1', false],
    ['10.1.2.3:80', '10.0.0.0/8:80', true],
    ['10.0.0.0/8:80', '10.0.0.0/16:80', false],
    ['[::ffff:10.1.2.3]:80', '10.0.0.0/8:80', true],
    ['[fd00::1]:80', '[fd00::]/8:*', true],
    ['10.1.2.3:80', '[::]/0:*', false],
    ['db.internal:80', '0.0.0.0/0:*', false],
    ['10.1.2.3:80', '*.3:80', false],
  ])('%s is within %s: %s', (text, other, expected) => {
    expect(isWithin(readEgressRules([text])[0] as EgressRule, readEgressRules([other]))).toBe(
      expected,
    );
  });

  it('allow whatever is within them', () => {
    fc.assert(
      fc.property(
        ruleText(),
        ruleText(),
        fc.ipV4(),
        fc.integer({ min: 1, max: 65_535 }),
        (...drawn) => {
          const [one, other, address, port] = drawn;
          const [rule, allowed] = readEgressRules([one, other]) as [EgressRule, EgressRule];
          if (!isWithin(rule, [allowed])) return;
          const target = { name: nameOf(rule), address, port };
          const allows = (rules: EgressRule[]): boolean =>
            allowsConnection({ publicAllowed: false, rules }, target, OWN);
          if (allows([rule])) expect(allows([allowed])).toBe(true);
        },
      ),
    );
  });
});

describe('a connection', () => {
  const nothing = { publicAllowed: true, rules: [] };
  it.each([
    ['8.8.8.8', true],
    ['2606:4700::1111', true],
    ['93.184.216.7', false],
    ['::ffff:93.184.216.7', false],
    ['127.0.0.1', false],
    ['10.0.0.1', false],
    ['169.254.169.254', false],
    ['::1', false],
    ['::ffff:8.8.8.8', true],
    ['nonsense', false],
  ])('to %s without a rule: %s', (address, expected) => {
    expect(allowsConnection(nothing, { name: null, address, port: 80 }, OWN)).toBe(expected);
    expect(allowsConnection(nothing, { name: 'db.internal', address, port: 80 }, OWN)).toBe(
      expected,
    );
  });

  it('goes nowhere where public addresses are off and no rule is', () => {
    const off = { publicAllowed: false, rules: [] };
    expect(allowsConnection(off, { name: 'a.com', address: '8.8.8.8', port: 80 }, OWN)).toBe(false);
  });

  it.each([
    ['db.internal:5432', 'db.internal', '10.0.0.9', 5432, true],
    ['db.internal:5432', 'db.internal', '10.0.0.9', 5433, false],
    ['db.internal:5432', null, '10.0.0.9', 5432, false],
    ['db.internal:5432', 'other.internal', '10.0.0.9', 5432, false],
    ['db.internal:5432', 'db.internal', '127.0.0.1', 5432, false],
    ['db.internal:5432', 'db.internal', '::1', 5432, false],
    ['db.internal:5432', 'db.internal', '169.254.169.254', 5432, false],
    ['db.internal:5432', 'db.internal', '10.0.0.5', 5432, false],
    ['db.internal:5432', 'db.internal', '198.18.0.9', 5432, false],
    ['db.internal:5432', 'db.internal', '8.8.8.8', 5432, true],
    ['10.0.0.5:5432', null, '10.0.0.5', 5432, true],
    ['10.0.0.5:5432', null, '::ffff:10.0.0.5', 5432, true],
    ['127.0.0.1:5432', null, '127.0.0.1', 5432, true],
    ['127.0.0.1:5432', 'db.internal', '127.0.0.1', 5432, true],
    ['10.0.0.0/8:*', null, '10.9.9.9', 1, true],
  ])('with %s to %s at %s port %i: %s', (rule, name, address, port, expected) => {
    const policy = { publicAllowed: false, rules: readEgressRules([rule]) };
    expect(allowsConnection(policy, { name, address, port }, OWN)).toBe(expected);
  });
});

it('an address has one spelling', () => {
  expect(canonicalAddress('::FFFF:10.0.0.1')).toBe('10.0.0.1');
  expect(canonicalAddress('FD00:0:0::1')).toBe('fd00::1');
  expect(canonicalAddress('eth0')).toBe('eth0');
});

function ruleText(): fc.Arbitrary<string> {
  const port = fc.oneof(fc.constant('*'), fc.integer({ min: 1, max: 65_535 }).map(String));
  const name = fc.constantFrom('a', 'b.a', 'c.b.a', 'db.internal', 'x-y.z');
  const host = fc.oneof(
    name,
    name.map((domain) => `*.${domain}`),
    fc.ipV4(),
    fc.tuple(fc.ipV4(), fc.integer({ min: 0, max: 32 })).map((parts) => parts.join('/')),
    fc.ipV6().map((address) => `[${address}]`),
  );
  return fc.tuple(host, port).map((parts) => parts.join(':'));
}

function nameOf({ host }: EgressRule): string | null {
  if (/^\d|[:/]/.test(host)) return null;
  return host.replace('*', 'any');
}

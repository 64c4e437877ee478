import { expect, it } from 'vitest';
import { parseOidcRule, rulesFor } from '../../src/model/oidc-rule.ts';

it.each([
  ['Ada@Example.com=admin', { kind: 'email', value: 'ada@example.com', role: 'admin', apps: null }],
  ['@example.com=viewer', { kind: 'domain', value: 'example.com', role: 'viewer', apps: null }],
  ['group:Ops=deployer:a+b', { kind: 'group', value: 'Ops', role: 'deployer', apps: ['a', 'b'] }],
])('reads %s', (text, rule) => {
  expect(parseOidcRule(text)).toEqual(rule);
});

it.each(['', '*=admin', '@=admin', 'ada=admin', 'ada@example.com', 'ada@example.com=root'])(
  'takes no %s',
  (text) => {
    expect(parseOidcRule(text)).toBeNull();
  },
);

it.each([
  'ada@example.com=admin:',
  'ada@example.com=viewer:Shop',
  'group:=viewer',
  '@localhost=viewer',
])('nor %s', (text) => {
  expect(parseOidcRule(text)).toBeNull();
});

it('names nobody by an address that is not verified, nor by one that only looks alike', () => {
  const rules = ['ada@example.com=admin', '@example.com=viewer', 'group:ops=deployer'].flatMap(
    (text) => parseOidcRule(text) ?? [],
  );
  const met = (email: string | null, groups: string[] = []) =>
    rulesFor(rules, { email, groups }).map(({ role }) => role);
  expect(met('ADA@example.com')).toEqual(['admin', 'viewer']);
  expect(met('eve@example.com', ['ops'])).toEqual(['viewer', 'deployer']);
  expect(met('eve@sub.example.com')).toEqual([]);
  expect(met('eve@notexample.com')).toEqual([]);
  expect(met('ada@example.com@evil.com')).toEqual([]);
  expect(met(null, ['Ops'])).toEqual([]);
});

import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import {
  challengeHost,
  challengeValue,
  claimTerms,
  DOMAIN_PROOFS,
  DOMAIN_QUARANTINE_MS,
  DOMAIN_STATES,
  isHostOfApp,
  MAX_DOMAIN_CHARACTERS,
  nextDomainState,
  wildcardAbove,
  type DomainEvent,
  type DomainState,
  type OtherClaim,
} from '../../src/model/domain.ts';

const EVENTS: DomainEvent[] = ['proved', 'removed', 'added-again'];
const NOW = Date.parse('2026-01-31T12:00:00Z');

const verified = (name: string): OtherClaim => ({ name, state: 'verified', removedAt: null });
const removed = (name: string, agoMs: number): OtherClaim => ({
  name,
  state: 'removed',
  removedAt: NOW - agoMs,
});

describe('the states of a domain', () => {
  it.each<[DomainState, DomainEvent, DomainState | null]>([
    ['pending', 'proved', 'verified'],
    ['pending', 'removed', 'removed'],
    ['pending', 'added-again', null],
    ['verified', 'proved', null],
    ['verified', 'removed', 'removed'],
    ['verified', 'added-again', null],
    ['removed', 'proved', null],
    ['removed', 'removed', null],
    ['removed', 'added-again', 'pending'],
  ])('%s and %s → %s', (state, event, expected) => {
    expect(nextDomainState(state, event)).toBe(expected);
  });

  it('lead to verified by a proof alone, and never from removed', () => {
    for (const state of DOMAIN_STATES) {
      for (const event of EVENTS) {
        if (nextDomainState(state, event) !== 'verified') continue;
        expect([state, event]).toEqual(['pending', 'proved']);
      }
    }
  });

  it('have the same words as the database', async () => {
    const file = new URL('../../migrations/0007_domains.sql', import.meta.url);
    const sql = await readFile(file, 'utf8');
    const words = (list: readonly string[]): string => `(${list.map((w) => `'${w}'`).join(', ')})`;
    expect(sql).toContain(`state IN ${words(DOMAIN_STATES)}`);
    expect(sql).toContain(`proof IN ${words(DOMAIN_PROOFS)}`);
  });
});

describe('who may have a name', () => {
  const long = DOMAIN_QUARANTINE_MS;
  it.each<[string, string, OtherClaim[], unknown]>([
    ['is open', 'shop.com', [], { kind: 'open' }],
    ['of another app is taken', 'shop.com', [verified('shop.com')], { kind: 'taken' }],
    ['a wildcard of another app is taken', '*.a.de', [verified('*.a.de')], { kind: 'taken' }],
    [
      'was removed a moment ago',
      'shop.com',
      [removed('shop.com', 1)],
      { kind: 'quarantined', untilMs: NOW - 1 + long },
    ],
    [
      'was removed long ago',
      'shop.com',
      [removed('shop.com', long)],
      { kind: 'txt-only', because: 'had-before' },
    ],
    [
      'was removed twice, the last time a moment ago',
      'shop.com',
      [removed('shop.com', 3 * long), removed('shop.com', 5)],
      { kind: 'quarantined', untilMs: NOW - 5 + long },
    ],
    [
      'was removed by one and is of another now',
      'shop.com',
      [removed('shop.com', 1), verified('shop.com')],
      { kind: 'taken' },
    ],
    [
      'is below a wildcard of another app',
      'a.shop.com',
      [verified('*.shop.com')],
      { kind: 'txt-only', because: 'covered' },
    ],
    [
      'is below a wildcard that was removed',
      'a.shop.com',
      [removed('*.shop.com', 1)],
      { kind: 'txt-only', because: 'covered' },
    ],
    ['is two labels below a wildcard', 'b.a.shop.com', [verified('*.shop.com')], { kind: 'open' }],
    ['is the domain of a wildcard', 'shop.com', [verified('*.shop.com')], { kind: 'open' }],
    [
      'is a wildcard above an exact name of another app',
      '*.shop.com',
      [verified('a.shop.com')],
      { kind: 'txt-only', because: 'wildcard' },
    ],
    ['is a wildcard', '*.shop.com', [], { kind: 'txt-only', because: 'wildcard' }],
  ])('%s', (_, name, others, expected) => {
    expect(claimTerms(name, others, NOW)).toEqual(expected);
  });
});

describe('the proof of a name', () => {
  it('stands at one place for a domain and its wildcard, and says the app', () => {
    expect(challengeHost('*.shop.com')).toBe('_gitfn-challenge.shop.com');
    expect(challengeHost('shop.com')).toBe('_gitfn-challenge.shop.com');
    expect(challengeValue('app-a')).toMatch(/^gitfn=[0-9a-f]{32}$/);
    expect(challengeValue('app-a')).not.toBe(challengeValue('app-b'));
    expect(challengeHost('a'.repeat(MAX_DOMAIN_CHARACTERS))).toHaveLength(253);
  });

  it.each([
    ['hello.fn.dev', true],
    ['topic--hello.fn.dev', true],
    ['0123abc--hello.fn.dev', true],
    ['hello.fn.dev.evil.com', false],
    ['other.fn.dev', false],
    ['hello--other.fn.dev', false],
    ['a.hello.fn.dev', false],
    ['xhello.fn.dev', false],
    ['hello', false],
    ['.fn.dev', false],
    ['fn.dev', false],
  ])('by an alias: %s is a host of the app: %s', (host, expected) => {
    expect(isHostOfApp(host, 'hello', 'fn.dev')).toBe(expected);
  });

  it('is asked one label above by a wildcard', () => {
    expect(wildcardAbove('www.shop.com')).toBe('*.shop.com');
  });
});

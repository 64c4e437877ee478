import { describe, expect, it } from 'vitest';
import { backoffMs } from '../../src/certs/backoff.ts';
import { budgetOpensAt, BUDGET_WINDOW_MS } from '../../src/certs/budget.ts';
import { possibleChallenges } from '../../src/certs/challenges/choose-challenge.ts';
import { chooseDirectory } from '../../src/certs/orders/choose-directory.ts';
import { clockError, isInLastThird, momentIn, renewalTime } from '../../src/certs/renewal-plan.ts';
import { parseRetryAfter } from '../../src/certs/orders/retry-after.ts';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

describe('a renewal', () => {
  it.each([90 * DAY, 64 * DAY, 45 * DAY, 6 * DAY, 60 * SECOND])(
    'is due after two thirds of %d ms',
    (lifetime) => {
      const validity = { notBefore: 1_000, notAfter: 1_000 + lifetime };
      const due = renewalTime(validity, null);
      expect(due).toBeCloseTo(1_000 + (lifetime * 2) / 3);
      expect(isInLastThird(validity, due - 1)).toBe(false);
      expect(isInLastThird(validity, due)).toBe(true);
    },
  );

  it('is hastened by its authority, and never put off', () => {
    const validity = { notBefore: 0, notAfter: 90 * DAY };
    expect(renewalTime(validity, 10 * DAY)).toBe(10 * DAY);
    expect(renewalTime(validity, 80 * DAY)).toBe(60 * DAY);
  });

  it('takes any moment of the window', () => {
    const window = { start: 100, end: 200 };
    expect([0, 0.5, 0.999].map((random) => momentIn(window, random))).toEqual([100, 150, 200]);
  });

  it('waits for a clock that is an hour off or more', () => {
    expect(clockError(0, 59 * MINUTE)).toBeNull();
    expect(clockError(0, 365 * DAY)).toBe(365 * DAY);
    expect(clockError(365 * DAY, 0)).toBe(-365 * DAY);
  });
});

describe('after a failure', () => {
  it('waits for longer each time, and for six hours at most', () => {
    const waits = Array.from({ length: 40 }, (_, index) => backoffMs(index + 1, 0));
    expect(waits.slice(0, 5)).toEqual([1, 1, 2, 5, 10].map((minutes) => minutes * MINUTE));
    expect([...waits].sort((a, b) => a - b)).toEqual(waits);
    expect(waits.at(-1)).toBe(6 * HOUR);
    expect(backoffMs(1_000_000, 0.999)).toBeLessThan(7 * HOUR);
  });

  const now = Date.parse('2026-11-22T12:00:00Z');
  it.each([
    ['0', now],
    ['120', now + 2 * MINUTE],
    [' 7 ', now + 7 * SECOND],
    ['10000000', now + 10_000_000 * SECOND],
    ['99999999999999999999', now + 365 * DAY],
    ['Sun, 22 Nov 2026 13:00:00 GMT', now + HOUR],
    ['Sun, 22 Nov 2020 13:00:00 GMT', now],
    ['Mon, 01 Jan 2300 00:00:00 GMT', now + 365 * DAY],
    ['soon', null],
    ['-5', null],
    ['1.5', null],
    ['7 apples', null],
    ['Sunday', null],
    ['', null],
    [undefined, null],
  ])('reads Retry-After: %s', (header, at) => {
    expect(parseRetryAfter(header, now)).toBe(at);
  });
});

describe('the choice of an authority', () => {
  const directories = ['a', 'b', 'c'].map((url) => ({ url, stagingUrl: null }));
  const choose = (failures: number, waits: Record<string, number> = {}) => {
    const choice = chooseDirectory(directories, { failures, waits }, 1_000);
    return choice.kind === 'ask' ? choice.directory.url : choice.until;
  };

  it('goes on to the next after three failures, and round', () => {
    expect([0, 2, 3, 5, 6, 8, 9].map((failures) => choose(failures))).toEqual([
      'a',
      'a',
      'b',
      'b',
      'c',
      'c',
      'a',
    ]);
  });

  it('passes over who has asked for patience', () => {
    expect(choose(0, { a: 2_000 })).toBe('b');
    expect(choose(0, { a: 1_000 })).toBe('a');
    expect(choose(0, { a: 9_000, b: 2_000, c: 3_000 })).toBe(2_000);
  });
});

describe('the budget', () => {
  const now = 100 * DAY;
  const opensAt = (ages: number[], perWeek: number) =>
    budgetOpensAt(
      ages.map((age) => now - age),
      { now, perWeek },
    );

  it('opens when enough of the older ones are a week old', () => {
    expect(opensAt([], 1)).toBe(now);
    expect(opensAt([DAY, 2 * DAY], 3)).toBe(now);
    expect(opensAt([DAY, 3 * DAY, 2 * DAY], 3)).toBe(now - 3 * DAY + BUDGET_WINDOW_MS);
    expect(opensAt([DAY, 3 * DAY, 2 * DAY], 2)).toBe(now - 2 * DAY + BUDGET_WINDOW_MS);
    expect(opensAt([8 * DAY, DAY], 2)).toBe(now);
  });
});

describe('a challenge', () => {
  const means = { hasDnsProvider: true, isOwn: true, failures: 0 };
  it('for a wildcard needs DNS, for an address has none', () => {
    expect(possibleChallenges('*.example.com', means)).toEqual(['dns-01']);
    expect(possibleChallenges('*.example.com', { ...means, hasDnsProvider: false })).toEqual([]);
    expect(possibleChallenges('192.0.2.7', means)).toEqual(['http-01', 'tls-alpn-01']);
    expect(possibleChallenges('a.example.com', means)[0]).toBe('dns-01');
    expect(possibleChallenges('a.example.net', { ...means, isOwn: false })).toEqual([
      'http-01',
      'tls-alpn-01',
    ]);
  });

  it('takes the other port after a failure', () => {
    const without = { hasDnsProvider: false, isOwn: true, failures: 1 };
    expect(possibleChallenges('a.example.com', without)).toEqual(['tls-alpn-01', 'http-01']);
  });
});

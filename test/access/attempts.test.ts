import { expect, it } from 'vitest';
import { createAttempts } from '../../src/access/attempts.ts';
import { hashToken } from '../../src/access/token-text.ts';

const MINUTE_MS = 60_000;

function start() {
  let nowMs = 0;
  const attempts = createAttempts(() => nowMs);
  const attemptOf = (from: string, token: string) => ({ from, token, hash: hashToken(token) });
  /** What becomes of a token that is unknown. */
  function fail(from: string, token: string): 'unknown' | number {
    try {
      attempts.admit(attemptOf(from, token));
      attempts.failed(attemptOf(from, token));
      return 'unknown';
    } catch (error) {
      expect(error).toMatchObject({ code: 'too-many-requests', hint: expect.any(String) });
      return (error as { retryAfterS: number }).retryAfterS;
    }
  }
  function isAdmitted(from: string, token: string): boolean {
    try {
      attempts.admit(attemptOf(from, token));
      return true;
    } catch {
      return false;
    }
  }
  return {
    fail,
    isAdmitted,
    succeed: (from: string, token: string) => attempts.succeeded(attemptOf(from, token)),
    pass: (ms: number) => void (nowMs += ms),
    attempts,
  };
}

const tokenOf = (number: number): string => `fn_${number.toString(32).padStart(40, 'a')}`;
/** Another beginning each time. */
const guess = (number: number): string => `fn_${number.toString(32).padEnd(40, 'b')}`;

it('holds off an address of a thousand failures a minute, and tells it for how long', () => {
  const { fail, pass, isAdmitted } = start();
  const answers = Array.from({ length: 1_000 }, (_, number) => {
    pass(MINUTE_MS / 2_000);
    return fail('192.0.2.1', guess(number));
  });
  expect(answers.filter((answer) => answer === 'unknown').length).toBeLessThan(100);
  expect(answers.at(-1)).toBe(31);
  expect(isAdmitted('192.0.2.2', tokenOf(1))).toBe(true);
  expect(isAdmitted('192.0.2.1', tokenOf(1))).toBe(false);
  pass(MINUTE_MS);
  expect(isAdmitted('192.0.2.1', tokenOf(1))).toBe(true);
});

it('holds off nobody behind the same address whose token was right before', () => {
  const { fail, succeed, isAdmitted } = start();
  succeed('192.0.2.1', tokenOf(1));
  succeed('192.0.2.9', tokenOf(2));
  for (let number = 0; number < 200; number++) fail('192.0.2.1', guess(number));
  expect(isAdmitted('192.0.2.1', tokenOf(1))).toBe(true);
  expect(isAdmitted('192.0.2.1', tokenOf(2))).toBe(false);
  expect(isAdmitted('::ffff:192.0.2.1', tokenOf(2))).toBe(false);
});

it('takes all addresses of an IPv6 network for one', () => {
  const { fail, isAdmitted } = start();
  for (let number = 0; number < 200; number++) {
    fail(`2001:db8:0:1::${number.toString(16)}`, guess(number));
  }
  expect(isAdmitted('2001:db8:0:1:ffff::1', tokenOf(1))).toBe(false);
  expect(isAdmitted('2001:db8:0:2::1', tokenOf(1))).toBe(true);
});

it('answers guesses of one beginning from many addresses alike, and admits the token that has it', () => {
  const { fail, isAdmitted } = start();
  const answers = Array.from({ length: 200 }, (_, number) =>
    fail(`192.0.2.${number}`, tokenOf(number)),
  );
  expect(answers.filter((answer) => answer === 'unknown').length).toBeLessThan(100);
  expect(answers.at(-1)).toBe(60);
  expect(isAdmitted('198.51.100.1', tokenOf(7))).toBe(true);
});

it('counts what can be no token by its address alone', () => {
  const { attempts, isAdmitted } = start();
  for (let number = 0; number < 60; number++) {
    attempts.failed({ from: '192.0.2.1', token: 'x', hash: null });
  }
  expect(isAdmitted('192.0.2.1', tokenOf(1))).toBe(false);
  expect(() => attempts.failed({ from: '192.0.2.2', token: 'x', hash: null })).not.toThrow();
});

it('remembers no more than it may, whoever comes', () => {
  const { fail, isAdmitted } = start();
  for (let number = 0; number < 100; number++) fail('192.0.2.1', guess(number));
  for (let number = 0; number < 10_000; number++) {
    fail(`2001:db8:${number.toString(16)}::1`, guess(number));
  }
  // It was forgotten for those that came after it.
  expect(isAdmitted('192.0.2.1', tokenOf(1))).toBe(true);
});

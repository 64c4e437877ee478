import { expect, it } from 'vitest';
import { FailuresElsewhere } from '../../src/pool/failures-elsewhere.ts';
import { systemClock } from '../../src/std/clock.ts';

it('remembers what is left of a back-off until it is taken, succeeded elsewhere or gone', () => {
  const clock = { ...systemClock, nowMs: 0, monotonicMs: () => clock.nowMs };
  const elsewhere = new FailuresElsewhere(clock);
  const none = { failures: 0, forMs: 0 };
  for (const name of ['taken', 'mended', 'gone']) {
    elsewhere.note({ of: `dep-${name}/main`, failures: 4, forMs: 500 });
  }
  clock.nowMs = 200;
  elsewhere.note({ of: 'dep-mended/main', failures: 0, forMs: 0 });
  elsewhere.forget((deployment) => deployment === 'dep-gone');
  expect(elsewhere.take('dep-taken/main')).toEqual({ failures: 4, forMs: 300 });
  for (const name of ['taken', 'mended', 'gone']) {
    expect(elsewhere.take(`dep-${name}/main`)).toEqual(none);
  }
});

it('forgets those that failed longest ago when there are too many', () => {
  const elsewhere = new FailuresElsewhere(systemClock);
  for (let number = 0; number <= 1_000; number++) {
    elsewhere.note({ of: `dep-${number}/main`, failures: 1, forMs: 0 });
  }
  expect(elsewhere.take('dep-0/main').failures).toBe(0);
  expect(elsewhere.take('dep-1/main').failures).toBe(1);
});

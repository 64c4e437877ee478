import { describe, expect, it } from 'vitest';
import { StartBudget, startsSpentText } from '../../src/pool/start-budget.ts';
import { systemClock } from '../../src/std/clock.ts';

const RATE = { atOnce: 4, perMinute: 120 };

function createBudget() {
  const clock = { ...systemClock, nowMs: 0, monotonicMs: () => clock.nowMs };
  return { clock, budget: new StartBudget(clock, RATE) };
}

describe('the starts of an app', () => {
  it('come at once up to a number, and then at a rate', () => {
    const { clock, budget } = createBudget();
    budget.spend(4);
    expect([budget.left, budget.opensInMs]).toEqual([0, 500]);
    clock.nowMs = 499;
    expect([budget.left, budget.opensInMs]).toEqual([0, 1]);
    clock.nowMs = 1_000;
    expect([budget.left, budget.opensInMs]).toEqual([2, 0]);
    clock.nowMs = 60_000;
    expect([budget.left, budget.isFull]).toEqual([4, true]);
  });

  it('are promised one after the other, and none that is too far', () => {
    const { clock, budget } = createBudget();
    budget.spend(3);
    expect([1, 2, 3, 4].map(() => budget.reserve(1_000))).toEqual([0, 500, 1_000, null]);
    expect(budget.left).toBe(0);
    clock.nowMs = 1_000;
    expect([budget.left, budget.opensInMs]).toEqual([0, 500]);
  });

  it('count when nobody asked as well', () => {
    const { budget } = createBudget();
    budget.spend(6);
    expect([budget.left, budget.opensInMs]).toEqual([0, 1_500]);
  });

  it('say how many there may be, and when the next is', () => {
    expect(startsSpentText(RATE, 1_400)).toContain(
      'than they may (4 at once, then 120 a minute): the next in 2 s',
    );
  });
});

import { describe, expect, it } from 'vitest';
import type { Invocation } from '../../src/pool/ports.ts';
import { WaitingLine } from '../../src/pool/waiting-line.ts';
import type { Clock } from '../../src/std/clock.ts';

function createLine(waitMs: number) {
  let timer: { delayMs: number; callback: () => void } | null = null;
  const clock: Clock & { nowMs: number } = {
    nowMs: 1_000,
    now: () => clock.nowMs,
    monotonicMs: () => clock.nowMs,
    after: (delayMs, callback) => {
      timer = { delayMs, callback };
      return () => (timer = null);
    },
  };
  const expired: Invocation[] = [];
  const line = new WaitingLine(clock, {
    length: 10,
    waitMs,
    onTimeout: (invocation) => expired.push(invocation),
  });
  return { clock, line, expired, timer: () => timer };
}

/** The line never looks into them. */
function newInvocation(): Invocation {
  return {} as Invocation;
}

describe('WaitingLine', () => {
  it('puts one back to its place, with the time that it has waited', () => {
    const { clock, line } = createLine(500);
    const [first, second, third] = [newInvocation(), newInvocation(), newInvocation()];
    for (const one of [first, second, third]) {
      line.push(one);
      clock.nowMs += 10;
    }
    const taken = [line.shift(), line.shift()];
    for (const next of taken) if (next !== null) line.putBack(next.invocation, next.sinceMs);
    const order = [line.shift(), line.shift(), line.shift()];
    expect(order.map((next) => next?.sinceMs)).toEqual([1_000, 1_010, 1_020]);
    expect(order.map((next) => next?.invocation)).toEqual([first, second, third]);
  });

  it('times one out that was put back when it would have without', () => {
    const { clock, line, expired, timer } = createLine(500);
    clock.nowMs = 1_400;
    line.push(newInvocation());
    const back = newInvocation();
    line.putBack(back, 1_000);
    expect(timer()?.delayMs).toBe(100);
    clock.nowMs = 1_500;
    timer()?.callback();
    expect(expired).toEqual([back]);
    expect([line.length, timer()?.delayMs]).toEqual([1, 400]);
  });
});

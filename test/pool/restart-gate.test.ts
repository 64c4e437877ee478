import { describe, expect, it } from 'vitest';
import { RestartGate } from '../../src/pool/restart-gate.ts';
import type { Clock } from '../../src/std/clock.ts';

/** A clock whose timers fire when the test says so, whatever time it is then. */
function createHandClock() {
  const timers = new Set<{ delayMs: number; callback: () => void }>();
  const clock: Clock & { nowMs: number } = {
    nowMs: 0,
    now: () => clock.nowMs,
    monotonicMs: () => clock.nowMs,
    after: (delayMs, callback) => {
      const timer = { delayMs, callback };
      timers.add(timer);
      return () => timers.delete(timer);
    },
  };
  const fire = (): void => {
    for (const timer of timers) {
      timers.delete(timer);
      timer.callback();
      return;
    }
  };
  return { clock, timers, fire };
}

describe('RestartGate', () => {
  it('opens, and says so, also when its timer fires before the time', () => {
    const { clock, fire } = createHandClock();
    let opened = 0;
    const gate = new RestartGate(clock, () => opened++);
    for (let times = 0; times < 3; times++) gate.failed();
    expect(gate.opensInMs).toBe(250);
    clock.nowMs = 249.4;
    fire();
    expect([opened, gate.opensInMs > 0]).toEqual([0, true]);
    clock.nowMs = 250.1;
    fire();
    expect([opened, gate.opensInMs]).toEqual([1, 0]);
  });

  it('keeps a single timer however often workers fail', () => {
    const { clock, timers } = createHandClock();
    const gate = new RestartGate(clock, () => {});
    for (let times = 0; times < 1000; times++) gate.failed();
    expect(timers.size).toBe(1);
    expect(gate.opensInMs).toBe(30_000);
  });

  it('counts failures of other data processes with its own, and tells its own', () => {
    const { clock } = createHandClock();
    const told: number[][] = [];
    const gate = new RestartGate(
      clock,
      () => {},
      (...failures) => told.push(failures),
    );
    gate.failedElsewhere(2, 0);
    expect(gate.opensInMs).toBe(0);
    gate.failed();
    expect(gate.opensInMs).toBe(250);
    gate.failedElsewhere(5, 1_000);
    expect(gate.opensInMs).toBe(1_000);
    gate.succeeded();
    gate.succeeded();
    expect(told).toEqual([
      [3, 250],
      [0, 0],
    ]);
    gate.failedElsewhere(2, 0);
    gate.failedElsewhere(0, 0);
    gate.failed();
    expect(told.at(-1)).toEqual([1, 0]);
  });

  it('pauses without counting a failure', () => {
    const { clock, fire } = createHandClock();
    let opened = 0;
    const gate = new RestartGate(clock, () => opened++);
    for (let times = 0; times < 100; times++) gate.pause(500);
    expect([gate.opensInMs, gate.backsOffForMs]).toEqual([500, 0]);
    clock.nowMs = 500;
    fire();
    expect(opened).toBe(1);
    gate.failed();
    expect(gate.opensInMs).toBe(0);
  });
});

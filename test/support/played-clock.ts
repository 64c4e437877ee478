import type { Clock } from '../../src/std/clock.ts';

/** A clock that stands until it is moved; what is due then runs, and all that follows from it. */
export function playedClock() {
  let nowMs = 0;
  const timers = new Set<{ dueMs: number; callback: () => void }>();
  const clock: Clock = {
    now: () => nowMs,
    monotonicMs: () => nowMs,
    after(delayMs, callback) {
      const timer = { dueMs: nowMs + delayMs, callback };
      timers.add(timer);
      return () => void timers.delete(timer);
    },
  };
  async function pass(ms: number): Promise<void> {
    for (const endMs = nowMs + ms; nowMs < endMs; nowMs += 100) {
      for (const timer of timers) {
        if (timer.dueMs > nowMs + 100) continue;
        timers.delete(timer);
        timer.callback();
      }
      await new Promise(setImmediate);
    }
  }
  return { clock, pass, pending: () => timers.size };
}

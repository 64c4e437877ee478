import type { Clock } from '../../src/std/clock.ts';

export interface ShiftedClock extends Clock {
  /** Moves it, and calls what waits. */
  shift(ms: number): void;
}

/** The machine's clock, moved; its timers are the machine's own, all of which a shift calls at once. */
export function shiftedClock(byMs: number): ShiftedClock {
  let shiftMs = byMs;
  let monotonicShiftMs = 0;
  const waiting = new Set<() => void>();
  return {
    now: () => Date.now() + shiftMs,
    monotonicMs: () => performance.now() + monotonicShiftMs,
    after(delayMs, callback) {
      const run = (): void => {
        clearTimeout(timer);
        if (waiting.delete(run)) callback();
      };
      const timer = setTimeout(run, delayMs);
      waiting.add(run);
      return () => {
        clearTimeout(timer);
        waiting.delete(run);
      };
    },
    shift(ms) {
      shiftMs += ms;
      monotonicShiftMs += Math.abs(ms);
      for (const run of waiting) run();
    },
  };
}

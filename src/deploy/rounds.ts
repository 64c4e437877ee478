import type { Clock } from '../std/clock.ts';

/** A round of work now and then, one at a time; and one soon where the last left something open, or somebody asks for it. */
export interface Rounds {
  /** The first at once; none any more when the signal aborts. */
  start(signal: AbortSignal): void;
  /** One that begins from now on. Before `start` it is the first. */
  soon(): void;
}

export interface RoundTimes {
  roundMs: number;
  soonMs: number;
}

/** @param round says whether nothing is left open; must not reject */
export function createRounds(
  round: (signal: AbortSignal) => Promise<boolean>,
  clock: Clock,
  { roundMs, soonMs }: RoundTimes,
): Rounds {
  let stopping: AbortSignal | null = null;
  let cancel: (() => void) | null = null;
  /** The next round is a soon one already, or is to be. */
  let isSoon = false;

  function plan(delayMs: number): void {
    if (stopping === null || stopping.aborted) return;
    cancel = clock.after(delayMs, () => void run(stopping as AbortSignal));
  }

  async function run(signal: AbortSignal): Promise<void> {
    cancel = null;
    isSoon = false;
    const isWhole = await round(signal);
    isSoon ||= !isWhole;
    plan(isSoon ? soonMs : roundMs);
  }

  return {
    start(signal) {
      stopping = signal;
      signal.addEventListener('abort', () => cancel?.(), { once: true });
      void run(signal);
    },
    soon() {
      if (isSoon) return;
      isSoon = true;
      // Without one that waits, a round runs, which looks at its end.
      if (cancel === null) return;
      cancel();
      plan(soonMs);
    },
  };
}

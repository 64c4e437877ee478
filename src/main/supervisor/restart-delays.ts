/** How long to wait before a process that ended by itself is started again. */
export interface RestartDelays {
  /** The next delay, after a run of `ranForMs`. */
  next(ranForMs: number): number;
}

const FIRST_DELAY_MS = 100;
const LAST_DELAY_MS = 10_000;
/** A run of this length was a success: whatever ended it has nothing to do with the failures before. */
const HEALTHY_RUN_MS = 60_000;

export function createRestartDelays(): RestartDelays {
  let delayMs = FIRST_DELAY_MS;
  return {
    next: (ranForMs) => {
      if (ranForMs >= HEALTHY_RUN_MS) delayMs = FIRST_DELAY_MS;
      const current = delayMs;
      delayMs = Math.min(delayMs * 2, LAST_DELAY_MS);
      return current;
    },
  };
}

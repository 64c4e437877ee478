const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** How often each wait comes before the next longer one: quick while a mistake is being mended, then a few times a day. */
const STEPS: readonly (readonly [times: number, waitMs: number])[] = [
  [2, MINUTE_MS],
  [1, 2 * MINUTE_MS],
  [1, 5 * MINUTE_MS],
  [3, 10 * MINUTE_MS],
  [4, 20 * MINUTE_MS],
  [6, 30 * MINUTE_MS],
  [3, HOUR_MS],
  [2, 2 * HOUR_MS],
  [2, 3 * HOUR_MS],
];
const LAST_WAIT_MS = 6 * HOUR_MS;
/** Names that failed together come back apart. */
const JITTER = 0.1;

/** How long to wait after so many failures in a row (1 for the first); `random` from 0 up to 1. */
export function backoffMs(failures: number, random: number): number {
  return Math.round(waitOf(failures) * (1 + JITTER * random));
}

function waitOf(failures: number): number {
  let left = failures;
  for (const [times, waitMs] of STEPS) {
    if (left <= times) return waitMs;
    left -= times;
  }
  return LAST_WAIT_MS;
}

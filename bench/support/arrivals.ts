/** When the requests of an open loop are sent: decided before the first of them, whatever becomes of any. */

export interface Phase {
  perSecond: number;
  seconds: number;
}

/** Any will do; with the same one each subject of a bench meets the same arrivals. */
const SEED = 0x9e3779b9;

/**
 * Milliseconds from the start, ascending. The gaps are exponential, as between people who know nothing of each other:
 * even gaps would never let two requests meet.
 */
export function planArrivals(phases: readonly Phase[]): Float64Array {
  const random = seededRandom(SEED);
  const dueMs: number[] = [];
  let beginsAtMs = 0;
  for (const { perSecond, seconds } of phases) {
    const endsAtMs = beginsAtMs + seconds * 1_000;
    const gapMs = (): number => (-Math.log(1 - random()) * 1_000) / perSecond;
    for (let at = beginsAtMs + gapMs(); at < endsAtMs; at += gapMs()) dueMs.push(at);
    beginsAtMs = endsAtMs;
  }
  return Float64Array.from(dueMs);
}

/** Numbers from 0 up to 1, the same for the same seed (Marsaglia, Xorshift RNGs, 2003). */
function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

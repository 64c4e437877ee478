import type { Clock } from '../std/clock.ts';

/**
 * When to try releases again that the platform itself could not make, of refs and of environments. Each try takes a version,
 * so they come after longer and longer.
 */
export interface ReleaseRetries {
  /** Whether the time for the next try has come. */
  isDue(key: string): boolean;
  failed(key: string): void;
  /** It was made, or is not wanted any more. */
  settled(key: string): void;
}

const FIRST_MS = 1_000;
const LONGEST_MS = 30_000;

export function createReleaseRetries(clock: Pick<Clock, 'monotonicMs'>): ReleaseRetries {
  const failing = new Map<string, { waitMs: number; dueAt: number }>();
  return {
    isDue: (key) => clock.monotonicMs() >= (failing.get(key)?.dueAt ?? 0),
    failed(key) {
      const before = failing.get(key)?.waitMs;
      const waitMs = before === undefined ? FIRST_MS : Math.min(2 * before, LONGEST_MS);
      failing.set(key, { waitMs, dueAt: clock.monotonicMs() + waitMs });
    },
    settled: (key) => void failing.delete(key),
  };
}

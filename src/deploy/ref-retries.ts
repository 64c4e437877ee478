import type { Clock } from '../std/clock.ts';

/**
 * When to try refs again whose release the platform itself could not make. Each try takes a version, so they come after
 * longer and longer. Refs are named by `refKey`.
 */
export interface RefRetries {
  /** Whether the time for the next try has come. */
  isDue(key: string): boolean;
  failed(key: string): void;
  succeeded(key: string): void;
}

const FIRST_MS = 1_000;
const LONGEST_MS = 30_000;

export function createRefRetries(clock: Pick<Clock, 'monotonicMs'>): RefRetries {
  const failing = new Map<string, { waitMs: number; dueAt: number }>();
  return {
    isDue: (key) => clock.monotonicMs() >= (failing.get(key)?.dueAt ?? 0),
    failed(key) {
      const before = failing.get(key)?.waitMs;
      const waitMs = before === undefined ? FIRST_MS : Math.min(2 * before, LONGEST_MS);
      failing.set(key, { waitMs, dueAt: clock.monotonicMs() + waitMs });
    },
    succeeded: (key) => void failing.delete(key),
  };
}

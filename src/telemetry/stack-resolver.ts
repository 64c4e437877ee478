import type { Clock } from '../std/clock.ts';
import type { StackSources } from './ports.ts';

/** The same failure comes again and again. */
const MAX_REMEMBERED = 500;
/**
 * Of each second, what opening source maps may take: one of some megabytes takes a fifth of a second, and control has
 * other work.
 */
const RESOLVING_MS_PER_SECOND = 100;
/** Unused time gathers up to this, for failures that come together after a release. */
const MAX_SAVED_MS = 1_000;
const FIRST_CALL = '\n    at ';

/**
 * Puts stacks into positions of the source, within a bound: what comes above it keeps the positions of the bundle.
 * Stacks that differ in the message alone, as by an id, are one.
 * @param rewrite reads the source map and resolves; rejects when it cannot be read
 */
export function createStackResolver(
  rewrite: (bundle: string, file: string, stack: string) => Promise<string>,
  clock: Pick<Clock, 'monotonicMs'>,
): StackSources {
  const known = new Map<string, string>();
  let savedMs = MAX_SAVED_MS;
  let countedAtMs = clock.monotonicMs();

  function mayResolve(): boolean {
    const now = clock.monotonicMs();
    const gainedMs = ((now - countedAtMs) * RESOLVING_MS_PER_SECOND) / 1_000;
    savedMs = Math.min(MAX_SAVED_MS, savedMs + gainedMs);
    countedAtMs = now;
    return savedMs > 0;
  }

  async function resolveCalls(bundle: string, file: string, calls: string): Promise<string> {
    const key = `${bundle}/${file}${calls}`;
    const remembered = known.get(key);
    if (remembered !== undefined) return remembered;
    if (!mayResolve()) return calls;
    const begunAtMs = clock.monotonicMs();
    // A bundle that is gone, or has no map, leaves the stack as it is.
    const resolved = await rewrite(bundle, file, calls).catch(() => calls);
    savedMs -= clock.monotonicMs() - begunAtMs;
    if (known.size >= MAX_REMEMBERED) known.clear();
    known.set(key, resolved);
    return resolved;
  }

  return {
    async resolve(bundle, file, stack) {
      const callsAt = stack.indexOf(FIRST_CALL);
      if (callsAt === -1) return stack;
      const message = stack.slice(0, callsAt);
      return message + (await resolveCalls(bundle, file, stack.slice(callsAt)));
    },
  };
}

import type { Clock } from '../std/clock.ts';
import type { StackSources } from './ports.ts';

/** The same failure comes again and again. */
const MAX_REMEMBERED = 500;
/** Opening a source map of some megabytes takes tens of milliseconds, and control has other work. */
const MAX_RESOLVED_PER_SECOND = 10;
const WINDOW_MS = 1_000;

/**
 * Puts stacks into positions of the source, within a bound: what comes above it keeps the positions of the bundle.
 * @param rewrite reads the source map and resolves; rejects when it cannot be read
 */
export function createStackResolver(
  rewrite: (bundle: string, file: string, stack: string) => Promise<string>,
  clock: Clock,
): StackSources {
  const known = new Map<string, string>();
  let windowStartMs = -Infinity;
  let resolvedInWindow = 0;

  function mayResolve(): boolean {
    const now = clock.monotonicMs();
    if (now - windowStartMs >= WINDOW_MS) {
      windowStartMs = now;
      resolvedInWindow = 0;
    }
    return ++resolvedInWindow <= MAX_RESOLVED_PER_SECOND;
  }

  return {
    async resolve(bundle, file, stack) {
      const key = `${bundle}/${file}\n${stack}`;
      const remembered = known.get(key);
      if (remembered !== undefined) return remembered;
      if (!mayResolve()) return stack;
      // A bundle that is gone, or has no map, leaves the stack as it is.
      const resolved = await rewrite(bundle, file, stack).catch(() => stack);
      if (known.size >= MAX_REMEMBERED) known.clear();
      known.set(key, resolved);
      return resolved;
    },
  };
}

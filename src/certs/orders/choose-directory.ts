import type { AcmeDirectorySetting } from '../ports.ts';

/** So often in a row one authority may fail before the next is asked. */
export const FAILURES_PER_DIRECTORY = 3;

export type DirectoryChoice =
  | { kind: 'ask'; directory: AcmeDirectorySetting }
  /** Each has asked to be left alone until then at least. */
  | { kind: 'wait'; until: number };

/**
 * Which authority is asked for a name: the first, after some failures the next, after those of the last the first again.
 * One that has asked for patience (`waits`, by its URL, in milliseconds since 1970) is passed over.
 */
export function chooseDirectory(
  directories: readonly AcmeDirectorySetting[],
  state: { failures: number; waits: Readonly<Record<string, number>> },
  now: number,
): DirectoryChoice {
  const first = Math.floor(state.failures / FAILURES_PER_DIRECTORY) % directories.length;
  const inOrder = [...directories.slice(first), ...directories.slice(0, first)];
  const untilOf = ({ url }: AcmeDirectorySetting): number => state.waits[url] ?? 0;
  const free = inOrder.find((directory) => untilOf(directory) <= now);
  if (free !== undefined) return { kind: 'ask', directory: free };
  return { kind: 'wait', until: Math.min(...inOrder.map(untilOf)) };
}

import type { Clock } from './clock.ts';

/**
 * Answers with what `read` said at most `ms` ago, so that it costs no more whoever asks how often. Calls that come while it is
 * read share the answer; a failure is not kept.
 */
export function freshFor<T>(
  ms: number,
  clock: Pick<Clock, 'monotonicMs'>,
  read: () => Promise<T>,
): () => Promise<T> {
  let last: { atMs: number; answer: Promise<T> } | null = null;
  return () => {
    const atMs = clock.monotonicMs();
    if (last !== null && atMs - last.atMs < ms) return last.answer;
    const asked = { atMs, answer: read() };
    last = asked;
    asked.answer.catch(() => {
      if (last === asked) last = null;
    });
    return asked.answer;
  };
}

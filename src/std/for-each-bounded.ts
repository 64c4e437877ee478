/**
 * Runs a task for each item, at most `limit` of them at a time. Resolves when all have ended; the first failure lets
 * no further one begin, and is thrown when those under way have ended.
 */
export async function forEachBounded<Item>(
  items: Iterable<Item>,
  limit: number,
  task: (item: Item) => Promise<void>,
): Promise<void> {
  const waiting = items[Symbol.iterator]();
  let failure: { error: unknown } | null = null;
  async function work(): Promise<void> {
    for (;;) {
      const next = waiting.next();
      if (next.done === true || failure !== null) return;
      try {
        await task(next.value);
      } catch (error) {
        failure ??= { error };
      }
    }
  }
  await Promise.all(Array.from({ length: limit }, work));
  const failed = failure as { error: unknown } | null;
  if (failed !== null) throw failed.error;
}

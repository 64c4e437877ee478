/** Has work of many owners done some at a time, of each owner one, first come first served. */
export interface Turns {
  /** Resolves to what `work` gives when its turn has come; to null, without calling it, when too much waits. */
  take<T>(owner: string, work: () => Promise<T>): Promise<{ done: T } | null>;
}

interface Waiting {
  owner: string;
  begin: () => void;
}

/** @param limits `waiting` is of each owner */
export function createTurns(limits: { atOnce: number; waiting: number }): Turns {
  const running = new Set<string>();
  const line: Waiting[] = [];

  function beginNext(): void {
    if (running.size >= limits.atOnce) return;
    const index = line.findIndex(({ owner }) => !running.has(owner));
    const [next] = index === -1 ? [] : line.splice(index, 1);
    if (next === undefined) return;
    running.add(next.owner);
    next.begin();
  }

  return {
    async take(owner, work) {
      if (line.filter((one) => one.owner === owner).length >= limits.waiting) return null;
      const turn = Promise.withResolvers<void>();
      line.push({ owner, begin: turn.resolve });
      beginNext();
      await turn.promise;
      try {
        return { done: await work() };
      } finally {
        running.delete(owner);
        beginNext();
      }
    },
  };
}

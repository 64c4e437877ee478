/** Bytes that are held for somebody who has not taken them yet. */
export interface ByteBound {
  isFull(): boolean;
  /** They are here already: whoever brings them asks before whether it is full, and is late by one piece at most. */
  take(bytes: number): void;
  give(bytes: number): void;
  /** Calls back once there is room; it may be full again by then. */
  whenRoom(resume: () => void): void;
}

/** Within `outer`, which is counted along. */
export function createByteBound(maxBytes: number, outer: ByteBound | null = null): ByteBound {
  let held = 0;
  const waiting = new Set<() => void>();
  const isOwnFull = (): boolean => held >= maxBytes;
  return {
    isFull: () => isOwnFull() || outer?.isFull() === true,
    take(bytes) {
      held += bytes;
      outer?.take(bytes);
    },
    give(bytes) {
      held -= bytes;
      outer?.give(bytes);
      // In turns: who takes the room and wants more waits behind the others.
      for (const resume of waiting) {
        if (isOwnFull()) return;
        waiting.delete(resume);
        resume();
      }
    },
    whenRoom(resume) {
      if (isOwnFull() || outer === null) waiting.add(resume);
      else outer.whenRoom(resume);
    },
  };
}

/** One holder's part of a bound, which is given back whole at its end. */
export interface Holding {
  isEmpty(): boolean;
  take(bytes: number): void;
  give(bytes: number): void;
  end(): void;
}

export function holdingOf(bound: ByteBound): Holding {
  let held = 0;
  let hasEnded = false;
  const change = (bytes: number): void => {
    if (hasEnded) return;
    held += bytes;
    if (bytes > 0) bound.take(bytes);
    else bound.give(-bytes);
  };
  return {
    isEmpty: () => held === 0,
    take: change,
    give: (bytes) => change(-bytes),
    end() {
      change(-held);
      hasEnded = true;
    },
  };
}

/**
 * Numbers of apps, by which the filter counts what their sandboxes take together. A sandbox's is written shortly after
 * it has become its app's: a change of the filter is a process of its own, and no cold start should wait for it. Until
 * then it has the few connections of a sandbox that is nobody's.
 */

export interface AppMarks {
  /** Resolves when the filter knows, or cannot be told. */
  join(slot: string, app: string): { elements: string[]; written: Promise<unknown> };
  leave(app: string): void;
}

interface AppMarksDeps {
  /** Null when it is done, else why it is not. */
  write: (elements: readonly string[]) => Promise<string | null>;
  say: (line: string) => void;
}

/** Workers often start together. */
const WRITE_PAUSE_MS = 50;

export function createAppMarks({ write, say }: AppMarksDeps): AppMarks {
  const apps = new Map<string, { mark: number; slots: number }>();
  let lastMark = 0;
  let waiting: string[] = [];
  let writing: Promise<void> | null = null;

  async function writeSoon(): Promise<void> {
    await new Promise((resolve) => void setTimeout(resolve, WRITE_PAUSE_MS));
    const elements = waiting;
    waiting = [];
    writing = null;
    const problem = await write(elements);
    if (problem !== null) say(`sandboxes have few connections, since the filter fails: ${problem}`);
  }

  return {
    join(slot, app) {
      // Never used again: connections that ended count for some time as those of who had them.
      const known = apps.get(app) ?? { mark: ++lastMark, slots: 0 };
      known.slots += 1;
      apps.set(app, known);
      const { mark } = known;
      const elements = [`apps { "${slot}" : ${mark} }`, `owners { "${slot}" . ${mark} }`];
      waiting.push(...elements);
      return { elements, written: (writing ??= writeSoon()) };
    },
    leave(app) {
      const known = apps.get(app);
      if (known === undefined) return;
      known.slots -= 1;
      if (known.slots === 0) apps.delete(app);
    },
  };
}

import type { PushOutcome } from '../model/push.ts';
import { PlatformError } from '../protocol/errors.ts';
import { printableLine } from '../std/printable.ts';
import type { Clock } from '../std/clock.ts';
import type { Report } from './ports.ts';
import { problemLine } from './report.ts';

export interface NewPush {
  id: string;
  appId: string;
  /** Name of the token that pushes. */
  by: string;
  /** A null commit is a deletion. */
  refs: { ref: string; commit: string | null }[];
}

/** Why a push ended that somebody cancelled: the reason of its signal. */
export class PushCancelled {
  readonly by: string;
  constructor(by: string) {
    this.by = by;
  }
}

/** Kept of one push; a build that prints more loses its oldest lines. */
const MAX_LINES = 2_000;
const MAX_LINE_CHARACTERS = 900;
const MAX_CHARACTERS = 256 * 1024;
/** Of one push at a time. */
const MAX_READERS = 20;
/** A reader hears something this often, so that it can tell a slow build from a dead connection. */
const BEAT_MS = 10_000;

/** What a push has printed and how it ended, for those who look at it besides its pusher. */
export class PushRecord {
  readonly push: NewPush;
  readonly startedAt: Date;
  readonly #clock: Clock;
  readonly #cancelled = new AbortController();
  #lines: string[] = [];
  #characters = 0;
  /** Number of the first line that is kept. */
  #first = 0;
  #change = Promise.withResolvers<void>();
  #isAccepted = false;
  #isClosed = false;
  #outcome: PushOutcome | null = null;
  #endedAt: Date | null = null;
  #readers = 0;

  constructor(push: NewPush, clock: Clock) {
    this.push = push;
    this.#clock = clock;
    this.startedAt = new Date(clock.now());
  }

  /** Null while it runs. */
  get outcome(): PushOutcome | null {
    return this.#outcome;
  }

  /** git has not got it yet. */
  get isRefusable(): boolean {
    return this.#outcome === null && !this.#isAccepted;
  }

  get endedAt(): Date | null {
    return this.#endedAt;
  }

  /** Aborted with a PushCancelled. */
  get signal(): AbortSignal {
    return this.#cancelled.signal;
  }

  /** A report that writes to the record and to the pusher. */
  reportTo(pusher: Report): Report {
    return (line) => {
      for (const part of line.split('\n')) this.#keep(printableLine(part, MAX_LINE_CHARACTERS));
      pusher(line);
    };
  }

  /** git has it now: it is released, whatever anybody wants. */
  accept(): void {
    this.#isAccepted = true;
  }

  end(outcome: PushOutcome): void {
    if (this.#outcome !== null) return;
    this.#outcome = outcome;
    this.#endedAt = new Date(this.#clock.now());
    this.#notify();
  }

  /** Lets its readers go, since this process ends. */
  close(): void {
    this.#isClosed = true;
    this.#notify();
  }

  /** @throws PlatformError conflict when it is too late */
  cancel(by: string): void {
    if (this.#outcome !== null) {
      throw new PlatformError('conflict', `the push has ended already: ${this.#outcome}`, {
        hint: 'to go back to what was live before: fn rollback',
      });
    }
    if (this.#isAccepted) {
      throw new PlatformError('conflict', 'the push is built and going live at this moment', {
        hint: 'to go back to what was live before: fn rollback',
      });
    }
    this.#cancelled.abort(new PushCancelled(by));
  }

  /**
   * All lines from the first that is kept, and each new one until the push has ended. Null is a sign of life while
   * nothing is printed. @throws PlatformError busy for one reader too many
   */
  read(): AsyncGenerator<string | null> {
    if (this.#readers >= MAX_READERS) {
      throw new PlatformError('busy', `${MAX_READERS} others follow this push already`, {
        hint: 'try again in a moment: fn attach',
      });
    }
    return this.#countedRead();
  }

  async *#countedRead(): AsyncGenerator<string | null> {
    this.#readers += 1;
    try {
      yield* this.#readAll();
    } finally {
      this.#readers -= 1;
    }
  }

  async *#readAll(): AsyncGenerator<string | null> {
    let next = 0;
    for (;;) {
      if (next < this.#first) {
        yield problemLine(`${this.#first - next} earlier lines are no longer kept`);
        next = this.#first;
      }
      const line = this.#lines[next - this.#first];
      if (line !== undefined) {
        next += 1;
        yield line;
      } else if (this.#outcome !== null || this.#isClosed) {
        return;
      } else if (!(await this.#hasChangedWithin(BEAT_MS))) {
        yield null;
      }
    }
  }

  async #hasChangedWithin(waitMs: number): Promise<boolean> {
    const beat = Promise.withResolvers<false>();
    const cancel = this.#clock.after(waitMs, () => beat.resolve(false));
    const changed = this.#change.promise.then(() => true as const);
    return Promise.race([changed, beat.promise]).finally(cancel);
  }

  #keep(line: string): void {
    this.#lines.push(line);
    this.#characters += line.length;
    while (this.#lines.length > MAX_LINES || this.#characters > MAX_CHARACTERS) {
      this.#characters -= this.#lines.shift()?.length ?? 0;
      this.#first += 1;
    }
    this.#notify();
  }

  #notify(): void {
    this.#change.resolve();
    this.#change = Promise.withResolvers<void>();
  }
}

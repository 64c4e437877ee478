/**
 * How many workers the functions of one app start: so many at once, and then so many a minute. What runs into it is a
 * crash loop that each function's own back-off does not see (answer one request, end at the next), pushes of code that
 * always fails, or requests to ever new commit URLs; each start costs 60 ms of a processor and a zygote of somebody else.
 */
import type { Clock } from '../std/clock.ts';

export interface StartRate {
  /** The functions of one deployment, warmed by a push, and twice the workers that an app may have. */
  atOnce: number;
  perMinute: number;
}

export const START_RATE: StartRate = { atOnce: 256, perMinute: 120 };

const MINUTE_MS = 60_000;

export class StartBudget {
  readonly rate: StartRate;
  readonly #clock: Clock;
  /** How much later each start makes the next, once the budget is spent. */
  readonly #intervalMs: number;
  /** Of starts that were made or promised: what has not been paid off by the time since. */
  #debtMs = 0;
  #countedAtMs: number;

  constructor(clock: Clock, rate: StartRate = START_RATE) {
    this.#clock = clock;
    this.rate = rate;
    this.#intervalMs = MINUTE_MS / rate.perMinute;
    this.#countedAtMs = clock.monotonicMs();
  }

  /** How many workers may be started now. */
  get left(): number {
    const { atOnce } = this.rate;
    return Math.max(0, Math.floor(atOnce - this.#count() / this.#intervalMs));
  }

  /** Zero when a worker may be started. */
  get opensInMs(): number {
    return Math.max(0, this.#count() - (this.rate.atOnce - 1) * this.#intervalMs);
  }

  /** Nothing was started for so long that there is nothing to remember. */
  get isFull(): boolean {
    return this.#count() === 0;
  }

  /** Takes note of starts that nobody asks leave for, such as replacements, as well. */
  spend(starts: number): void {
    this.#debtMs = this.#count() + starts * this.#intervalMs;
  }

  /** Takes one start that may come after so long; null, taking nothing, when that is longer than `waitMs`. */
  reserve(waitMs: number): number | null {
    const { opensInMs } = this;
    if (opensInMs > waitMs) return null;
    this.spend(1);
    return opensInMs;
  }

  #count(): number {
    const nowMs = this.#clock.monotonicMs();
    this.#debtMs = Math.max(0, this.#debtMs - (nowMs - this.#countedAtMs));
    this.#countedAtMs = nowMs;
    return this.#debtMs;
  }
}

/** What its author and its caller's operator read of it. */
export function startsSpentText({ atOnce, perMinute }: StartRate, retryAfterMs: number): string {
  const seconds = Math.max(1, Math.ceil(retryAfterMs / 1000));
  return (
    `the functions of this app have started more workers than they may (${atOnce} at once, then ${perMinute} a minute): ` +
    `the next in ${seconds} s. Workers that end often, or pushes that often fail, use it up`
  );
}

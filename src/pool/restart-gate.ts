import type { Clock } from '../std/clock.ts';
import { backoffMs } from './decisions.ts';

/**
 * Closed for a while after workers failed several times in a row, so that a crash loop costs little, and for a moment
 * after the platform could not start one.
 */
export class RestartGate {
  readonly #clock: Clock;
  readonly #onOpened: () => void;
  readonly #tellFailures: (failures: number, forMs: number) => void;
  #failuresInRow = 0;
  #failedAtMs = -Infinity;
  #backingOffUntilMs = 0;
  #pausedUntilMs = 0;
  #cancelTimer: (() => void) | null = null;

  /**
   * `onOpened` is called when it has been closed and `opensInMs` is zero again, `tellFailures` with each failure and
   * with the success that ends them.
   */
  constructor(
    clock: Clock,
    onOpened: () => void,
    tellFailures: (failures: number, forMs: number) => void = () => {},
  ) {
    this.#clock = clock;
    this.#onOpened = onOpened;
    this.#tellFailures = tellFailures;
  }

  /** Zero when workers may be started. */
  get opensInMs(): number {
    const untilMs = Math.max(this.#backingOffUntilMs, this.#pausedUntilMs);
    return Math.max(0, untilMs - this.#clock.monotonicMs());
  }

  /** Like `opensInMs`, as far as the function's own failures are the reason. */
  get backsOffForMs(): number {
    return Math.max(0, this.#backingOffUntilMs - this.#clock.monotonicMs());
  }

  succeeded(): void {
    if (this.#failuresInRow === 0) return;
    this.#failuresInRow = 0;
    this.#tellFailures(0, 0);
  }

  /**
   * A crash loop starts a worker after each that failed. What ends workers that run or start side by side, as the end of
   * what they all connect by, is one failure, however many they were: `beganAtMs` is when this one's start began.
   */
  failed(beganAtMs = Infinity): void {
    if (beganAtMs < this.#failedAtMs) return;
    this.#failedAtMs = this.#clock.monotonicMs();
    this.#failuresInRow++;
    const closedMs = backoffMs(this.#failuresInRow);
    this.#tellFailures(this.#failuresInRow, closedMs);
    this.#backOff(closedMs);
  }

  /** What another data process tells of its workers counts as if they were here. */
  failedElsewhere(failures: number, forMs: number): void {
    if (failures === 0) this.#failuresInRow = 0;
    this.#failuresInRow = Math.max(this.#failuresInRow, failures);
    this.#backOff(forMs);
  }

  /** Opens it at once, and forgets the failures: what failed is no longer what would be started. */
  reset(): void {
    this.#failuresInRow = 0;
    this.#failedAtMs = -Infinity;
    this.#backingOffUntilMs = 0;
    this.#pausedUntilMs = 0;
    this.#cancelTimer?.();
    this.#cancelTimer = null;
  }

  /** Closes it for what is no failure of the function. */
  pause(pauseMs: number): void {
    this.#pausedUntilMs = this.#clock.monotonicMs() + pauseMs;
    this.#arm();
  }

  #backOff(forMs: number): void {
    if (forMs <= 0) return;
    const untilMs = this.#clock.monotonicMs() + forMs;
    this.#backingOffUntilMs = Math.max(this.#backingOffUntilMs, untilMs);
    this.#arm();
  }

  /** A timer may fire a little before the monotonic clock agrees that it is time: it is then set again. */
  #arm(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = this.#clock.after(Math.max(1, Math.ceil(this.opensInMs)), () => {
      this.#cancelTimer = null;
      if (this.opensInMs > 0) this.#arm();
      else this.#onOpened();
    });
  }
}

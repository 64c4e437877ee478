import type { Clock } from '../std/clock.ts';
import { backoffMs } from './decisions.ts';

/**
 * Closed for a while after workers failed several times in a row, so that a crash loop costs little, and for a moment
 * after the platform could not start one.
 */
export class RestartGate {
  readonly #clock: Clock;
  readonly #onOpened: () => void;
  #failuresInRow = 0;
  #failedAtMs = -Infinity;
  #backingOffUntilMs = 0;
  #pausedUntilMs = 0;
  #cancelTimer: (() => void) | null = null;

  /** `onOpened` is called when it has been closed and `opensInMs` is zero again. */
  constructor(clock: Clock, onOpened: () => void) {
    this.#clock = clock;
    this.#onOpened = onOpened;
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
    this.#failuresInRow = 0;
  }

  /**
   * A crash loop starts a worker after each that failed. What ends workers that run side by side, as the end of what
   * they all connect by, is one failure, however many they were: `startedAtMs` is when this one was.
   */
  failed(startedAtMs = Infinity): void {
    if (startedAtMs < this.#failedAtMs) return;
    this.#failedAtMs = this.#clock.monotonicMs();
    this.#failuresInRow++;
    const closedMs = backoffMs(this.#failuresInRow);
    if (closedMs === 0) return;
    this.#backingOffUntilMs = this.#clock.monotonicMs() + closedMs;
    this.#arm();
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

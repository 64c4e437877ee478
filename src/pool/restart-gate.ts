import type { Clock } from '../std/clock.ts';
import { backoffMs } from './decisions.ts';

/** Closed for a while after workers failed several times in a row, so that a crash loop costs little. */
export class RestartGate {
  readonly #clock: Clock;
  readonly #onOpened: () => void;
  #failuresInRow = 0;
  #closedUntilMs = 0;

  /** `onOpened` is called each time that it has been closed. */
  constructor(clock: Clock, onOpened: () => void) {
    this.#clock = clock;
    this.#onOpened = onOpened;
  }

  /** Zero when workers may be started. */
  get opensInMs(): number {
    return Math.max(0, this.#closedUntilMs - this.#clock.monotonicMs());
  }

  succeeded(): void {
    this.#failuresInRow = 0;
  }

  failed(): void {
    this.#failuresInRow++;
    const closedMs = backoffMs(this.#failuresInRow);
    this.#closedUntilMs = this.#clock.monotonicMs() + closedMs;
    if (closedMs > 0) this.#clock.after(closedMs, this.#onOpened);
  }
}

import { mayWait } from './decisions.ts';

/** Measures how fast a line of requests moves, which decides who may still join it (docs/decisions/0022). */
export class LinePatience {
  /** Since when there is a line with as many workers as now. */
  #sinceMs = 0;
  /** Requests that ended since then. */
  #ended = 0;

  /** From here on it is another line, or it has other workers. */
  restart(nowMs: number): void {
    this.#sinceMs = nowMs;
    this.#ended = 0;
  }

  requestEnded(): void {
    this.#ended += 1;
  }

  /** `firstSinceMs`: since when the first one waits. `inFlight`: requests that workers have. */
  allows(line: { firstSinceMs: number; nowMs: number; inFlight: number }): boolean {
    return mayWait({
      firstWaitedMs: line.nowMs - Math.max(line.firstSinceMs, this.#sinceMs),
      standsForMs: line.nowMs - this.#sinceMs,
      ended: this.#ended,
      inFlight: line.inFlight,
    });
  }
}

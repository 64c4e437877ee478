/** Above what a worker itself lets through, also when lines of a few seconds come at once. */
const MAX_COST_PER_SECOND = 4_000;
/** No clock and no stall explains so many, twenty seconds' worth: whoever sends them goes around what limits its log. */
const HOSTILE_COST_PER_SECOND = 20_000;
/** A line costs one, and one more for each so many bytes. */
const BYTES_PER_COST = 4 * 1024;
const SECOND_MS = 1_000;

/** How much of what one worker prints is looked at. Decided before anything is parsed. */
export class LogBudget {
  #secondBeganMs = -Infinity;
  #cost = 0;
  #dropped = 0;

  decide(payloadBytes: number, nowMs: number): 'take' | 'drop' | 'hostile' {
    if (nowMs - this.#secondBeganMs >= SECOND_MS) {
      this.#secondBeganMs = nowMs;
      this.#cost = 0;
    }
    this.#cost += 1 + Math.floor(payloadBytes / BYTES_PER_COST);
    if (this.#cost <= MAX_COST_PER_SECOND) return 'take';
    this.#dropped++;
    return this.#cost > HOSTILE_COST_PER_SECOND ? 'hostile' : 'drop';
  }

  /** How many lines were dropped since this was last asked. */
  takeDropped(): number {
    const dropped = this.#dropped;
    this.#dropped = 0;
    return dropped;
  }
}

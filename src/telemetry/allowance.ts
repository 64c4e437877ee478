/**
 * So many a second over time, and twice as many at once: what is printed in bursts, one each second, must not be cut
 * where two of them fall into the same second.
 */
export class Allowance {
  readonly #perSecond: number;
  readonly #most: number;
  #left: number;
  #countedAtMs: number;
  #dropped = 0;

  constructor(perSecond: number, nowMs: number) {
    this.#perSecond = perSecond;
    this.#most = 2 * perSecond;
    this.#left = this.#most;
    this.#countedAtMs = nowMs;
  }

  /** Whether there is so much left, which is taken; otherwise one more was dropped. */
  take(nowMs: number, cost: number = 1): boolean {
    this.#refill(nowMs);
    if (this.#left < cost) {
      this.#dropped++;
      return false;
    }
    this.#left -= cost;
    return true;
  }

  addDropped(count: number): void {
    this.#dropped += count;
  }

  /** How many were dropped since this was last asked. */
  takeDropped(): number {
    const dropped = this.#dropped;
    this.#dropped = 0;
    return dropped;
  }

  /** Nothing was taken for so long that it makes no difference to begin anew. */
  isFull(nowMs: number): boolean {
    this.#refill(nowMs);
    return this.#left >= this.#most;
  }

  #refill(nowMs: number): void {
    const gained = ((nowMs - this.#countedAtMs) * this.#perSecond) / 1_000;
    this.#left = Math.min(this.#most, this.#left + gained);
    this.#countedAtMs = nowMs;
  }
}

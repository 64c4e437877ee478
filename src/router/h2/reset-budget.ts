/**
 * How many streams of a connection may end before their answers are out, whoever ended them: the client (rapid reset,
 * CVE-2023-44487), or nghttp2 because of what the client sent (CVE-2025-8671). Each has cost a function's start.
 */
export class ResetBudget {
  readonly #burst: number;
  readonly #perMs: number;
  #left: number;
  #atMs: number;

  constructor({ burst, perSecond }: { burst: number; perSecond: number }, nowMs: number) {
    this.#burst = burst;
    this.#perMs = perSecond / 1_000;
    this.#left = burst;
    this.#atMs = nowMs;
  }

  /** False when there is none left. */
  take(nowMs: number): boolean {
    const gained = (nowMs - this.#atMs) * this.#perMs;
    this.#left = Math.min(this.#burst, this.#left + gained) - 1;
    this.#atMs = nowMs;
    return this.#left >= 0;
  }
}

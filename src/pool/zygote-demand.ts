/** How many zygotes to keep ready: as many as were taken in the busiest second of the last minute. */

const SLICE_MS = 1_000;
const SLICES = 60;
/** What a zygote takes of the machine, shared pages left out; more when its Node has loaded more. */
const ZYGOTE_MIB = 24;
/** Of the machine's memory, which belongs to functions. */
const MEMORY_SHARE = 1 / 16;
const MIB = 1024 * 1024;

/** The most that are worth keeping on a machine with so much memory. */
export function maxZygotesOf(machineBytes: number): number {
  return Math.max(1, Math.floor((machineBytes * MEMORY_SHARE) / (ZYGOTE_MIB * MIB)));
}

export class ZygoteDemand {
  /** Taken in each second of the last minute; a second's place is its number modulo the length. */
  readonly #taken = Array.from({ length: SLICES }, () => 0);
  readonly #nowMs: () => number;
  #slice: number;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
    this.#slice = Math.floor(nowMs() / SLICE_MS);
  }

  took(): void {
    this.#forgetOld();
    const place = this.#slice % SLICES;
    this.#taken[place] = (this.#taken[place] ?? 0) + 1;
  }

  get busiestSecond(): number {
    this.#forgetOld();
    return Math.max(...this.#taken);
  }

  #forgetOld(): void {
    const now = Math.floor(this.#nowMs() / SLICE_MS);
    const passed = Math.min(now - this.#slice, SLICES);
    for (let back = 0; back < passed; back++) this.#taken[(now - back) % SLICES] = 0;
    this.#slice = now;
  }
}

/**
 * Counts of values in bins whose borders grow by a constant factor, from which any quantile can be told to within 1 % of
 * the value, whatever the distribution; and the sum of two sketches is the sketch of all their values. That is DDSketch
 * of Masson, Rim and Lee, "DDSketch: a fast and fully-mergeable quantile sketch with relative-error guarantees"
 * (VLDB 2019, section 2), with a fixed range, so that its memory is fixed as well.
 */

/** A quantile is at most this part of itself away from the exact one. */
export const RELATIVE_ERROR = 0.01;
/** Values up to here are not told apart. */
export const LEAST_VALUE = 0.01;
const GAMMA = (1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR);
const BINS_PER_E = 1 / Math.log(GAMMA);
/** 8 KiB; as milliseconds, from 10 µs to two hours. */
const BINS = 1_024;
export const GREATEST_VALUE = LEAST_VALUE * GAMMA ** (BINS - 1);
/** Seven bits a byte: 2 ** 56 is more than a double counts. */
const MAX_NUMBER_BYTES = 8;
const CONTINUES = 0x80;

export class QuantileSketch {
  /** Doubles count on where 32 bits would begin again. */
  readonly #bins = new Float64Array(BINS);
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** Allocates nothing. */
  add(value: number): void {
    this.#addTo(binOf(value), 1);
  }

  merge(other: QuantileSketch): void {
    // By index, as in all loops here: an iterator makes an array for each pair.
    for (let bin = 0; bin < BINS; bin++) this.#bins[bin] = this.#at(bin) + other.#at(bin);
    this.#count += other.#count;
  }

  clear(): void {
    this.#bins.fill(0);
    this.#count = 0;
  }

  /** The least value that at least `part` (0 to 1) of all do not exceed (the nearest rank); 0 without any. */
  quantile(part: number): number {
    const rank = Math.max(Math.ceil(part * this.#count) - 1, 0);
    let seen = 0;
    for (let bin = 0; bin < BINS; bin++) {
      const count = this.#at(bin);
      seen += count;
      if (count > 0 && seen > rank) return valueOf(bin);
    }
    return 0;
  }

  /** Two unsigned LEB128 numbers for each bin that is not empty: how many empty ones lie before it, and its count. */
  encode(): Buffer {
    const bytes: number[] = [];
    let before = -1;
    for (let bin = 0; bin < BINS; bin++) {
      const count = this.#at(bin);
      if (count === 0) continue;
      writeNumber(bytes, bin - before - 1);
      writeNumber(bytes, count);
      before = bin;
    }
    return Buffer.from(bytes);
  }

  /** Null for what no sketch was encoded to. */
  static decode(bytes: Uint8Array): QuantileSketch | null {
    const sketch = new QuantileSketch();
    let bin = -1;
    for (let at = 0; at < bytes.length;) {
      const gap = readNumber(bytes, at);
      const count = gap === null ? null : readNumber(bytes, gap.end);
      if (gap === null || count === null) return null;
      bin += gap.value + 1;
      if (bin >= BINS || count.value === 0) return null;
      sketch.#addTo(bin, count.value);
      at = count.end;
    }
    return Number.isSafeInteger(sketch.#count) ? sketch : null;
  }

  #addTo(bin: number, count: number): void {
    this.#bins[bin] = this.#at(bin) + count;
    this.#count += count;
  }

  #at(bin: number): number {
    return this.#bins[bin] ?? 0;
  }
}

function binOf(value: number): number {
  if (!(value > LEAST_VALUE)) return 0;
  return Math.min(Math.ceil(Math.log(value / LEAST_VALUE) * BINS_PER_E), BINS - 1);
}

/** As far from the lower border of the bin as from the upper one, in relation to each. */
function valueOf(bin: number): number {
  return bin === 0 ? LEAST_VALUE : (2 * LEAST_VALUE * GAMMA ** bin) / (GAMMA + 1);
}

function writeNumber(bytes: number[], number: number): void {
  let rest = number;
  for (; rest >= CONTINUES; rest = Math.floor(rest / CONTINUES)) {
    bytes.push((rest % CONTINUES) + CONTINUES);
  }
  bytes.push(rest);
}

function readNumber(bytes: Uint8Array, start: number): { value: number; end: number } | null {
  let value = 0;
  for (let at = start; at < Math.min(bytes.length, start + MAX_NUMBER_BYTES); at++) {
    const byte = bytes[at] ?? 0;
    value += (byte % CONTINUES) * CONTINUES ** (at - start);
    if (byte < CONTINUES) return Number.isSafeInteger(value) ? { value, end: at + 1 } : null;
  }
  return null;
}

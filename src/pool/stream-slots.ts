import { assert } from '../std/assert.ts';

/** Stream ids stay below this, where V8 keeps numbers without allocating. */
const MAX_STREAM = 2 ** 31 - 1;

/**
 * The invocations that one worker has. A stream id is a slot's index and how often the slot was taken before, and
 * every look-up compares the whole id: a reply that comes late finds nothing, never the slot's next owner.
 */
export class StreamSlots<T> {
  readonly #indexBits: number;
  readonly #values: (T | null)[];
  readonly #streams: number[];
  readonly #generations: number[];
  readonly #startedAtMs: number[];
  readonly #waitedSinceMs: number[];
  readonly #isBegun: boolean[];
  readonly #charged: number[];
  readonly #free: number[];
  readonly #maxGeneration: number;
  #isSpent = false;

  constructor(size: number) {
    assert(size > 0, 'a worker takes at least one invocation');
    this.#indexBits = Math.ceil(Math.log2(size));
    this.#values = Array.from({ length: size }, () => null);
    this.#streams = Array.from({ length: size }, () => 0);
    this.#generations = Array.from({ length: size }, () => 0);
    this.#startedAtMs = Array.from({ length: size }, () => 0);
    this.#waitedSinceMs = Array.from({ length: size }, () => 0);
    this.#isBegun = Array.from({ length: size }, () => false);
    this.#charged = Array.from({ length: size }, () => 0);
    this.#free = Array.from({ length: size }, (_, index) => size - 1 - index);
    this.#maxGeneration = Math.floor(MAX_STREAM / 2 ** this.#indexBits) - 1;
  }

  get room(): number {
    return this.#isSpent ? 0 : this.#free.length;
  }

  get taken(): number {
    return this.#values.length - this.#free.length;
  }

  /** No ids are left: the worker has to be replaced. */
  get isSpent(): boolean {
    return this.#isSpent;
  }

  /** Takes a free slot and returns its stream id. `waitedSinceMs` is kept for who asks. */
  take(value: T, nowMs: number, waitedSinceMs: number = nowMs): number {
    const index = this.#free.pop();
    assert(index !== undefined, 'the caller saw room');
    const generation = (this.#generations[index] ?? 0) + 1;
    this.#generations[index] = generation;
    if (generation >= this.#maxGeneration) this.#isSpent = true;
    const stream = (generation << this.#indexBits) | index;
    this.#values[index] = value;
    this.#streams[index] = stream;
    this.#startedAtMs[index] = nowMs;
    this.#waitedSinceMs[index] = waitedSinceMs;
    this.#isBegun[index] = false;
    this.#charged[index] = 0;
    return stream;
  }

  /** Its time begins later than it was taken. */
  restamp(stream: number, nowMs: number, waitedSinceMs: number): void {
    const index = this.#indexOf(stream);
    if (index === -1) return;
    this.#startedAtMs[index] = nowMs;
    this.#waitedSinceMs[index] = waitedSinceMs;
  }

  /** Null for a stream that is over, was abandoned, or never was. */
  get(stream: number): T | null {
    const index = this.#indexOf(stream);
    return index === -1 ? null : (this.#values[index] ?? null);
  }

  /** Whether the stream still holds its slot. */
  has(stream: number): boolean {
    return this.#indexOf(stream) !== -1;
  }

  waitedSinceMs(stream: number): number | null {
    const index = this.#indexOf(stream);
    return index === -1 ? null : (this.#waitedSinceMs[index] ?? null);
  }

  /** Notes that the worker has said something of the stream. */
  begin(stream: number): void {
    const index = this.#indexOf(stream);
    if (index !== -1) this.#isBegun[index] = true;
  }

  isBegun(stream: number): boolean {
    const index = this.#indexOf(stream);
    return index !== -1 && this.#isBegun[index] === true;
  }

  /** Adds to what the stream has of its window; returns what it has then. */
  charge(stream: number, bytes: number): number {
    const index = this.#indexOf(stream);
    if (index === -1) return 0;
    const charged = Math.max(0, (this.#charged[index] ?? 0) + bytes);
    this.#charged[index] = charged;
    return charged;
  }

  /** Forgets whose the stream is; it keeps its slot until released. */
  abandon(stream: number): void {
    const index = this.#indexOf(stream);
    if (index !== -1) this.#values[index] = null;
  }

  /** Frees the slot; false when the stream was over already. */
  release(stream: number): boolean {
    const index = this.#indexOf(stream);
    if (index === -1) return false;
    this.#values[index] = null;
    this.#streams[index] = 0;
    this.#free.push(index);
    return true;
  }

  /** Streams begun at or before the given time. */
  startedBefore(timeMs: number): number[] {
    return this.#streams.filter(
      (stream, index) => stream !== 0 && (this.#startedAtMs[index] ?? 0) <= timeMs,
    );
  }

  /** When the longest-running stream began; null when none runs. */
  oldestStartMs(): number | null {
    let oldest: number | null = null;
    for (const [index, stream] of this.#streams.entries()) {
      const startedAtMs = this.#startedAtMs[index] ?? 0;
      if (stream !== 0 && (oldest === null || startedAtMs < oldest)) oldest = startedAtMs;
    }
    return oldest;
  }

  #indexOf(stream: number): number {
    const index = stream & (2 ** this.#indexBits - 1);
    return stream !== 0 && this.#streams[index] === stream ? index : -1;
  }
}

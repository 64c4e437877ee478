import { BODY_CHUNK_BYTES } from '../protocol/worker.ts';
import type { Clock } from '../std/clock.ts';

/** Making one takes some 15 ms a megabyte of code, and its way less; a worker that takes longer is given up. */
const DEADLINE_MS = 5_000;

/** Gathers the code cache that a worker was asked for, up to the size that it was told. */
export class CacheReception {
  readonly #clock: Clock;
  #pieces: Buffer[] = [];
  #bytes = 0;
  #maxBytes = 0;
  #isExpected = false;
  #settle: ((cache: Buffer | null) => void) | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get isExpected(): boolean {
    return this.#isExpected;
  }

  /** Resolves to null when it makes none, or none in time. To be called when none is expected. */
  begin(maxBytes: number): Promise<Buffer | null> {
    this.#isExpected = true;
    this.#maxBytes = maxBytes;
    this.#bytes = 0;
    return new Promise((resolve) => {
      const cancel = this.#clock.after(DEADLINE_MS, () => this.abandon());
      this.#settle = (cache) => {
        cancel();
        this.#settle = null;
        this.#pieces = [];
        resolve(cache);
      };
    });
  }

  /** What comes for one that nobody waits for any more is not kept, and counts all the same. */
  push(piece: Buffer): 'taken' | 'unexpected' {
    if (!this.#isExpected) return 'unexpected';
    if (piece.length === 0) {
      this.#isExpected = false;
      const cache = this.#bytes === 0 ? null : Buffer.concat(this.#pieces);
      this.#settle?.(cache);
      return 'taken';
    }
    // All but the last are of full size: many small ones would cost more than their bytes.
    if (this.#bytes % BODY_CHUNK_BYTES !== 0) return 'unexpected';
    this.#bytes += piece.length;
    if (piece.length > BODY_CHUNK_BYTES || this.#bytes > this.#maxBytes) return 'unexpected';
    // It is a view into memory that is used again.
    if (this.#settle !== null) this.#pieces.push(Buffer.from(piece));
    return 'taken';
  }

  /** The worker has gone, or takes too long. */
  abandon(): void {
    this.#settle?.(null);
  }
}

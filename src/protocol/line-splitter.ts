/** A line is longer than its reader takes. */
export class LineTooLongError extends Error {}

const NEWLINE = 10;
const FIRST_BYTES = 1024;

/**
 * Finds lines in chunks of bytes, for a peer that is not trusted: it never holds more than one line of at most
 * `maxBytes`, in memory of about that size, however small the chunks are.
 */
export class LineSplitter {
  readonly #maxBytes: number;
  #bytes = Buffer.allocUnsafe(FIRST_BYTES);
  #filled = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /**
   * Takes from the chunk up to its first newline: the line that is whole now, and what follows it in the chunk. Null
   * when the line goes on in the next chunk.
   * @throws LineTooLongError
   */
  take(chunk: Buffer): { line: string; rest: Buffer } | null {
    const end = chunk.indexOf(NEWLINE);
    this.#append(end === -1 ? chunk : chunk.subarray(0, end));
    if (end === -1) return null;
    const line = this.#bytes.toString('utf8', 0, this.#filled);
    this.#bytes = Buffer.allocUnsafe(FIRST_BYTES);
    this.#filled = 0;
    return { line, rest: chunk.subarray(end + 1) };
  }

  #append(part: Buffer): void {
    const size = this.#filled + part.length;
    if (size > this.#maxBytes)
      throw new LineTooLongError(`a line of more than ${this.#maxBytes} bytes`);
    if (size > this.#bytes.length) {
      // Twice as much each time, so that all copying together costs no more than the line does.
      const grown = Buffer.allocUnsafe(Math.max(size, 2 * this.#bytes.length));
      this.#bytes.copy(grown, 0, 0, this.#filled);
      this.#bytes = grown;
    }
    part.copy(this.#bytes, this.#filled);
    this.#filled = size;
  }
}

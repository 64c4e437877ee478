/** A power of two, so that the remainder is a mask. */
const REMEMBERED = 1024;

/**
 * Which request each stream of a worker was, also for a while after it is over: handlers print after they have
 * answered. A stream's later namesake in the same place takes it, so what is kept has a fixed size, and what a
 * worker says of a stream that it never had finds nothing.
 */
export class RecentRequests {
  readonly #streams = new Uint32Array(REMEMBERED);
  readonly #ids: string[] = [];

  note(stream: number, requestId: string): void {
    const place = stream & (REMEMBERED - 1);
    this.#streams[place] = stream;
    this.#ids[place] = requestId;
  }

  find(stream: number): string | null {
    const place = stream & (REMEMBERED - 1);
    return stream !== 0 && this.#streams[place] === stream ? (this.#ids[place] ?? null) : null;
  }
}

import { Buffer } from 'node:buffer';
import { MAX_VIEW_BYTES } from '../protocol/framing.ts';

/**
 * The body of one request as it arrives. Each byte that the function takes is reported to `onConsumed`, which
 * gives the sender credit for as many more.
 */
export class RequestBody {
  readonly #onConsumed: (bytes: number) => void;
  #waiting: Buffer[] = [];
  #isEnded = false;
  #trailers: readonly string[] = [];
  #error: Error | null = null;
  #wake: (() => void) | null = null;

  constructor(onConsumed: (bytes: number) => void) {
    this.#onConsumed = onConsumed;
  }

  /** A small payload is copied, as its memory is used again; a longer one has memory of its own, see framing.ts. */
  push(chunk: Buffer): void {
    this.#waiting.push(chunk.length > MAX_VIEW_BYTES ? chunk : Buffer.from(chunk));
    this.#wake?.();
  }

  /** name, value, name, value, … once the end was read; mostly none. */
  get trailers(): readonly string[] {
    return this.#trailers;
  }

  /** `trailers` is the payload of BODY_END. */
  end(trailers: Buffer): void {
    if (trailers.length > 0) this.#trailers = trailers.toString('latin1').split('\n');
    this.#isEnded = true;
    this.#wake?.();
  }

  /** Makes pending and later reads fail. */
  fail(error: Error): void {
    this.#error = error;
    this.#waiting = [];
    this.#wake?.();
  }

  /** The next chunk, or null at the end. */
  async read(): Promise<Buffer | null> {
    for (;;) {
      if (this.#error !== null) throw this.#error;
      const chunk = this.#waiting.shift();
      if (chunk !== undefined) {
        this.#onConsumed(chunk.length);
        return chunk;
      }
      if (this.#isEnded) return null;
      await new Promise<void>((resolve) => (this.#wake = resolve));
      this.#wake = null;
    }
  }

  /** Null when there is more than `maxBytes`; the rest is then never taken. */
  async readAll(maxBytes: number): Promise<Buffer | null> {
    const chunks: Buffer[] = [];
    let size = 0;
    for (let chunk = await this.read(); chunk !== null; chunk = await this.read()) {
      size += chunk.length;
      if (size > maxBytes) return null;
      chunks.push(chunk);
    }
    return chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks);
  }

  /** As a web stream that reads only as fast as it is read. */
  stream(): ReadableStream<Uint8Array> {
    return new ReadableStream(
      {
        type: 'bytes',
        pull: async (controller) => {
          const chunk = await this.read();
          if (chunk === null) {
            controller.close();
            controller.byobRequest?.respond(0);
            return;
          }
          controller.enqueue(givenAway(chunk));
        },
      },
      { highWaterMark: 0 },
    );
  }
}

/** The stream takes the memory away from whoever holds it, and small chunks share theirs. */
function givenAway(chunk: Buffer): Uint8Array<ArrayBuffer> {
  const { buffer } = chunk;
  const isAlone = chunk.length === buffer.byteLength && buffer instanceof ArrayBuffer;
  return isAlone ? new Uint8Array(buffer) : new Uint8Array(chunk);
}

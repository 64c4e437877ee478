/**
 * Length-prefixed frames on a byte stream; the worker protocol and the builder protocol stand on it.
 *
 *     0        4      5          9
 *     +--------+------+----------+-----------------
 *     | length | type | stream   | payload …
 *     +--------+------+----------+-----------------
 *       u32 BE   u8     u32 BE     length - 5 bytes
 *
 * `length` counts everything after itself. `stream` numbers the invocation; 0 is the connection itself.
 */
export const FRAME_HEADER_BYTES = 9;
/** Larger frames break the protocol; bodies are cut into chunks far below it. */
export const MAX_FRAME_BYTES = 16 * 1024 * 1024;

export interface Frame {
  type: number;
  stream: number;
  /** A view into the decoder's memory, valid until the callback returns unless it spans a whole chunk: copy to keep. */
  payload: Buffer;
}

export class FramingError extends Error {}

/** Writes one frame's header into `target` at `offset`. */
export function writeFrameHeader(
  target: Buffer,
  offset: number,
  frame: { type: number; stream: number; payloadBytes: number },
): void {
  target.writeUInt32BE(frame.payloadBytes + FRAME_HEADER_BYTES - 4, offset);
  target[offset + 4] = frame.type;
  target.writeUInt32BE(frame.stream, offset + 5);
}

/** One frame as one buffer. Hot paths write headers themselves, into memory that they pool. */
export function encodeFrame(type: number, stream: number, payload: string | Uint8Array): Buffer {
  const body = typeof payload === 'string' ? Buffer.from(payload) : payload;
  const frame = Buffer.allocUnsafe(FRAME_HEADER_BYTES + body.length);
  writeFrameHeader(frame, 0, { type, stream, payloadBytes: body.length });
  frame.set(body, FRAME_HEADER_BYTES);
  return frame;
}

/**
 * Cuts a byte stream into frames, whatever the chunk boundaries. A frame within one chunk is a view without a
 * copy; one that spans chunks is gathered once, into memory of its final size.
 */
export class FrameDecoder {
  readonly #onFrame: (frame: Frame) => void;
  readonly #maxFrameBytes: number;
  readonly #header = Buffer.alloc(FRAME_HEADER_BYTES);
  #headerFilled = 0;
  #partial: Buffer | null = null;
  #partialFilled = 0;

  constructor(onFrame: (frame: Frame) => void, maxFrameBytes: number = MAX_FRAME_BYTES) {
    this.#onFrame = onFrame;
    this.#maxFrameBytes = maxFrameBytes;
  }

  /** Whether the stream may end here: not in the middle of a frame. */
  get isAtBoundary(): boolean {
    return this.#headerFilled === 0;
  }

  /** @throws FramingError when the peer breaks the protocol; the decoder is then spent. */
  push(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      const isWholeHeaderHere = this.#headerFilled === 0 && chunk.length - at >= FRAME_HEADER_BYTES;
      if (isWholeHeaderHere) {
        const end = at + 4 + this.#checkedLength(chunk.readUInt32BE(at));
        if (end <= chunk.length) {
          this.#emit(chunk, at, chunk.subarray(at + FRAME_HEADER_BYTES, end));
          at = end;
          continue;
        }
      }
      at = this.#gather(chunk, at);
    }
  }

  /** Takes what the chunk has of a frame that spans chunks; returns where the rest begins. */
  #gather(chunk: Buffer, start: number): number {
    let at = start;
    if (this.#partial === null) {
      const take = Math.min(FRAME_HEADER_BYTES - this.#headerFilled, chunk.length - at);
      chunk.copy(this.#header, this.#headerFilled, at, at + take);
      this.#headerFilled += take;
      at += take;
      if (this.#headerFilled < FRAME_HEADER_BYTES) return at;
      const length = this.#checkedLength(this.#header.readUInt32BE(0));
      this.#partial = Buffer.allocUnsafe(length + 4 - FRAME_HEADER_BYTES);
      this.#partialFilled = 0;
    }
    const partial = this.#partial;
    const take = Math.min(partial.length - this.#partialFilled, chunk.length - at);
    chunk.copy(partial, this.#partialFilled, at, at + take);
    this.#partialFilled += take;
    at += take;
    if (this.#partialFilled === partial.length) {
      this.#partial = null;
      this.#headerFilled = 0;
      this.#emit(this.#header, 0, partial);
    }
    return at;
  }

  #emit(header: Buffer, at: number, payload: Buffer): void {
    // The header was checked to be whole by the caller.
    this.#onFrame({ type: header[at + 4] ?? 0, stream: header.readUInt32BE(at + 5), payload });
  }

  #checkedLength(length: number): number {
    if (length < FRAME_HEADER_BYTES - 4 || length > this.#maxFrameBytes) {
      throw new FramingError(`frame of ${length} bytes`);
    }
    return length;
  }
}

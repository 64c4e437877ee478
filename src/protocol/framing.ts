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
/** Longer payloads are copied out of the chunk that brought them, so that they can be kept, and chunks be used again. */
export const MAX_VIEW_BYTES = 8 * 1024;
/** Larger frames break the protocol; bodies are cut into chunks far below it. */
export const MAX_FRAME_BYTES = 16 * 1024 * 1024;
/** What a decoder keeps to use again: a body's chunk. */
const MAX_SPARE_BYTES = 64 * 1024;

export interface Frame {
  type: number;
  stream: number;
  /**
   * Up to MAX_VIEW_BYTES perhaps a view into the chunk that was pushed, valid until the callback returns: copy to keep. What is
   * longer has memory of its own, which the decoder uses again only when it is given back.
   */
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
 * Cuts a byte stream into frames, whatever the chunk boundaries. A small frame within one chunk is a view without a
 * copy; one that spans chunks, or is large, is gathered once, into memory of its final size.
 */
export class FrameDecoder {
  readonly #onFrame: (frame: Frame) => void;
  readonly #maxFrameBytes: number;
  readonly #header = Buffer.alloc(FRAME_HEADER_BYTES);
  #headerFilled = 0;
  #partial: Buffer | null = null;
  #partialFilled = 0;
  /** Memory that was given back. */
  #spare: Buffer | null = null;

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
        if (end <= chunk.length && end - at <= FRAME_HEADER_BYTES + MAX_VIEW_BYTES) {
          this.#emit(chunk, at, chunk.subarray(at + FRAME_HEADER_BYTES, end));
          at = end;
          continue;
        }
      }
      at = this.#gather(chunk, at);
    }
  }

  /**
   * Nobody uses this payload any more. Bodies come in large frames of one size: memory for each would be most of what the
   * garbage collector has to do.
   */
  reuse(payload: Buffer): void {
    if (payload.length > MAX_VIEW_BYTES && payload.buffer.byteLength <= MAX_SPARE_BYTES) {
      this.#spare = Buffer.from(payload.buffer);
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
      this.#partial = this.#memory(length + 4 - FRAME_HEADER_BYTES);
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

  /** Not much more than is needed: who keeps it would keep the rest as well. */
  #memory(bytes: number): Buffer {
    const spare = this.#spare;
    if (spare === null || bytes > spare.length || bytes < spare.length / 2) {
      return Buffer.allocUnsafeSlow(bytes);
    }
    this.#spare = null;
    return spare.subarray(0, bytes);
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

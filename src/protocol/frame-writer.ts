/**
 * Gathers the frames of one turn of the event loop into one write: at tens of thousands of frames a second the
 * write calls are what costs. Small frames are copied into a buffer that is used again whenever the kernel took
 * all of it; large payloads are written as they are, so the caller must not change them afterwards.
 *
 * Towards a reader that lags, small frames gather in the batch until the socket has drained: what they cost then is
 * their bytes, not a buffer and a write each. A reader that lags too far can be given up, see `limitBacklog`.
 */
import type { Writable } from 'node:stream';
import { FRAME_HEADER_BYTES, writeFrameHeader } from './framing.ts';

const BATCH_BYTES = 64 * 1024;
/** Payloads above this are not worth a copy. */
export const COPY_LIMIT_BYTES = 8 * 1024;
const NOTHING = Buffer.alloc(0);

export class FrameWriter {
  readonly #socket: Writable;
  readonly #flushSoon = (): void => {
    this.#isScheduled = false;
    if (!this.#socket.writableNeedDrain) this.flush();
  };
  #batch = Buffer.allocUnsafeSlow(BATCH_BYTES);
  #filled = 0;
  #isScheduled = false;
  #maxBacklogBytes = Infinity;
  #onBacklog = (): void => {};

  constructor(socket: Writable) {
    this.#socket = socket;
    socket.on('drain', this.#flushSoon);
  }

  /** Calls back, once and not within a call of the writer, when the socket holds more than so many unread bytes. */
  limitBacklog(maxBytes: number, onExceeded: () => void): void {
    this.#maxBacklogBytes = maxBytes;
    this.#onBacklog = onExceeded;
  }

  /** Where payloads of `begin` go. */
  get buffer(): Buffer {
    return this.#batch;
  }

  /** A frame without payload. */
  empty(type: number, stream: number): void {
    this.begin(type, stream, 0);
  }

  u8(type: number, stream: number, value: number): void {
    const at = this.begin(type, stream, 1);
    this.#batch[at] = value;
  }

  u32(type: number, stream: number, value: number): void {
    const at = this.begin(type, stream, 4);
    this.#batch.writeUInt32BE(value, at);
  }

  /** One byte, then latin1 text. */
  text(type: number, stream: number, flag: number, text: string): void {
    if (text.length >= COPY_LIMIT_BYTES) {
      const payload = Buffer.allocUnsafe(1 + text.length);
      payload[0] = flag;
      payload.write(text, 1, 'latin1');
      this.bytes(type, stream, payload);
      return;
    }
    const at = this.begin(type, stream, 1 + text.length);
    this.#batch[at] = flag;
    this.#batch.write(text, at + 1, 'latin1');
  }

  bytes(type: number, stream: number, ...parts: Uint8Array[]): void {
    let total = 0;
    for (const part of parts) total += part.length;
    if (total > COPY_LIMIT_BYTES) {
      this.#writeLarge(type, stream, total, parts);
      return;
    }
    let at = this.begin(type, stream, total);
    for (const part of parts) {
      this.#batch.set(part, at);
      at += part.length;
    }
  }

  json(type: number, stream: number, value: unknown): void {
    this.bytes(type, stream, Buffer.from(JSON.stringify(value)));
  }

  /** Hands all gathered frames to the socket now. */
  flush(): void {
    this.#isScheduled = false;
    if (this.#filled === 0) return;
    const frames = this.#batch.subarray(0, this.#filled);
    this.#filled = 0;
    // Behind what still waits it has to wait as well: a copy keeps no more memory than the frames need.
    if (this.#socket.writableLength > 0 && frames.length <= COPY_LIMIT_BYTES) {
      this.#socket.write(Buffer.from(frames));
      this.#checkBacklog();
      return;
    }
    this.#socket.write(frames);
    // What the kernel did not take at once still points into the batch.
    if (this.#socket.writableLength > 0) {
      this.#batch = Buffer.allocUnsafeSlow(BATCH_BYTES);
      this.#checkBacklog();
    }
  }

  /** Hands all to the socket, and calls back when the kernel has it: before this returns, unless the reader lags. */
  flushThen(callback: () => void): void {
    this.flush();
    if (this.#socket.writableLength === 0) callback();
    else this.#socket.write(NOTHING, () => callback());
  }

  #checkBacklog(): void {
    if (this.#socket.writableLength <= this.#maxBacklogBytes) return;
    this.#maxBacklogBytes = Infinity;
    process.nextTick(this.#onBacklog);
  }

  /**
   * Writes the header of a frame of at most COPY_LIMIT_BYTES and returns where in `buffer`, as it is then, the caller
   * writes the payload at once.
   */
  begin(type: number, stream: number, payloadBytes: number): number {
    const frameBytes = FRAME_HEADER_BYTES + payloadBytes;
    if (this.#filled + frameBytes > BATCH_BYTES) this.flush();
    if (!this.#isScheduled) {
      this.#isScheduled = true;
      setImmediate(this.#flushSoon);
    }
    const at = this.#filled;
    writeFrameHeader(this.#batch, at, { type, stream, payloadBytes });
    this.#filled = at + frameBytes;
    return at + FRAME_HEADER_BYTES;
  }

  /** A payload that goes past the batch, in one write with what the batch has. */
  #writeLarge(type: number, stream: number, payloadBytes: number, parts: Uint8Array[]): void {
    if (this.#filled + FRAME_HEADER_BYTES > BATCH_BYTES) this.flush();
    writeFrameHeader(this.#batch, this.#filled, { type, stream, payloadBytes });
    const frames = this.#batch.subarray(0, this.#filled + FRAME_HEADER_BYTES);
    this.#filled = 0;
    const isCopied = frames.length <= COPY_LIMIT_BYTES;
    this.#socket.cork();
    this.#socket.write(isCopied ? Buffer.from(frames) : frames);
    for (const part of parts) this.#socket.write(part);
    this.#socket.uncork();
    if (!isCopied && this.#socket.writableLength > 0) {
      this.#batch = Buffer.allocUnsafeSlow(BATCH_BYTES);
    }
    this.#checkBacklog();
  }
}

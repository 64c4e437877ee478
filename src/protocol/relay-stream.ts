/**
 * One connection of a sandbox, relayed over a socket that it inherited: each end sees a byte stream. At most
 * RELAY_WINDOW_BYTES are under way in each direction, so that a connection whose reader lags holds up no other.
 */
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';

/** Frames of a relayed connection, on a stream id that is never used again. */
export const RELAY_FRAME = {
  OPEN: 20,
  OPENED: 21,
  /** Ends the stream, as RESET does. */
  REFUSED: 22,
  DATA: 23,
  CREDIT: 24,
  END: 25,
  RESET: 26,
} as const;

export const RELAY_WINDOW_BYTES = 256 * 1024;
const CHUNK_BYTES = 64 * 1024;

/** Sends a frame of this stream; the payload is not changed afterwards. */
export type SendRelayFrame = (type: number, payload: Uint8Array) => void;

const EMPTY = Buffer.alloc(0);

export class RelayStream extends Duplex {
  readonly #send: SendRelayFrame;
  #room = RELAY_WINDOW_BYTES;
  #unread = 0;
  #waiting: { chunk: Buffer; done: () => void } | null = null;
  #isReset = false;
  #hasTheirEnd = false;

  constructor(send: SendRelayFrame) {
    super({ allowHalfOpen: true, readableHighWaterMark: CHUNK_BYTES });
    this.#send = send;
  }

  /** Takes NET_DATA; false when the peer sends more than it may. The payload is copied. */
  receive(payload: Buffer): boolean {
    if (this.destroyed || this.#hasTheirEnd) return true; // It was under way when this end gave up.
    this.#unread += payload.length;
    if (this.#unread > RELAY_WINDOW_BYTES) return false;
    this.push(Buffer.from(payload));
    return true;
  }

  /** Takes NET_CREDIT; false when the peer says that it has read more than there was. */
  credit(bytes: number): boolean {
    if (this.#room + bytes > RELAY_WINDOW_BYTES) return false;
    this.#room += bytes;
    this.#flush();
    return true;
  }

  /** NET_END. */
  ended(): void {
    if (this.destroyed || this.#hasTheirEnd) return;
    this.#hasTheirEnd = true;
    this.push(null);
  }

  /** NET_RESET: there is nobody left to tell. */
  reset(reason: string): void {
    this.#isReset = true;
    this.destroy(new Error(reason));
  }

  /** Whoever reads has taken so many bytes. */
  #consumed(bytes: number): void {
    if (bytes === 0) return;
    this.#unread -= bytes;
    const payload = Buffer.allocUnsafe(4);
    payload.writeUInt32BE(bytes);
    this.#send(RELAY_FRAME.CREDIT, payload);
  }

  override _read(): void {
    // What was taken so far was passed on, or Node would not ask for more.
    this.#consumed(this.#unread);
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.#waiting = { chunk, done };
    this.#flush();
  }

  override _final(done: () => void): void {
    this.#send(RELAY_FRAME.END, EMPTY);
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    const isOver = this.#hasTheirEnd && this.writableFinished;
    if (!this.#isReset && !isOver) this.#send(RELAY_FRAME.RESET, EMPTY);
    this.#waiting = null;
    done(error);
  }

  #flush(): void {
    const waiting = this.#waiting;
    if (waiting === null) return;
    while (waiting.chunk.length > 0 && this.#room > 0) {
      const bytes = Math.min(waiting.chunk.length, this.#room, CHUNK_BYTES);
      this.#send(RELAY_FRAME.DATA, waiting.chunk.subarray(0, bytes));
      this.#room -= bytes;
      waiting.chunk = waiting.chunk.subarray(bytes);
    }
    if (waiting.chunk.length > 0) return;
    this.#waiting = null;
    waiting.done();
  }
}

/** Ends the relay with the socket that is piped into it, but not before what the socket said last has left. */
export function endWithSocket(relay: RelayStream, socket: Socket): void {
  socket.on('error', () => relay.destroy());
  socket.on('close', () => {
    if (socket.readableEnded) relay.resume(); // What still comes has nobody to read it.
    else relay.destroy();
  });
}

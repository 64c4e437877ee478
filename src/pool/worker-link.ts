/**
 * The platform's end of one worker's socket: encodes, decodes, and keeps which invocation each stream is. Nothing
 * that comes from the other end is trusted: what does not follow the protocol ends the worker.
 */
import type { Socket } from 'node:net';
import { FrameWriter } from '../protocol/frame-writer.ts';
import { FrameDecoder, type Frame } from '../protocol/framing.ts';
import {
  BODY_CHUNK_BYTES,
  CANCEL_REASON,
  decodeResponseHead,
  encodeSpecialise,
  WORKER_FRAME,
  type FailedHead,
  type InitFailedHead,
  type LogLine,
  type ReadyHead,
  type SpecialiseHead,
} from '../protocol/worker.ts';
import type { Clock } from '../std/clock.ts';
import type { Invocation, InvocationFailure, InvocationLink } from './ports.ts';
import { StreamSlots } from './stream-slots.ts';
import {
  parseFailedHead,
  parseInitFailedHead,
  parseLogLine,
  parseReadyHead,
} from './worker-payloads.ts';

/** How long a worker may take to answer a ping before it counts as stuck. */
const PING_DEADLINE_MS = 1_000;

/** What a worker tells whoever holds it. Each holder listens with its own. */
export interface WorkerListener {
  hello?(): void;
  ready?(head: ReadyHead): void;
  initFailed?(head: InitFailedHead): void;
  /** An invocation left; there is room. `succeeded` tells whether the handler answered. */
  settled?(succeeded: boolean): void;
  nacked?(invocation: Invocation): void;
  retiring?(): void;
  log?(line: LogLine): void;
  /** The event loop turns no more, or the protocol was broken: it is to be killed. */
  unusable?(reason: string): void;
  closed?(): void;
}

export class WorkerLink implements InvocationLink {
  readonly #socket: Socket;
  readonly #clock: Clock;
  readonly #writer: FrameWriter;
  #listener: WorkerListener = {};
  #slots = new StreamSlots<Invocation>(1);
  #timeoutMs = 0;
  #cancelTimer: (() => void) | null = null;
  #cancelPing: (() => void) | null = null;
  #isRefusing = false;
  #isClosed = false;

  constructor(socket: Socket, clock: Clock) {
    this.#socket = socket;
    this.#clock = clock;
    this.#writer = new FrameWriter(socket);
    const decoder = new FrameDecoder((frame) => this.#receive(frame));
    socket.on('data', (chunk: Buffer) => {
      try {
        decoder.push(chunk);
      } catch (error) {
        this.#broken(error instanceof Error ? error.message : String(error));
      }
    });
    socket.on('error', () => {}); // 'close' follows and says all.
    socket.on('close', () => this.#closed());
  }

  /** Replaces the listener: a worker has one holder at a time. */
  listen(listener: WorkerListener): void {
    this.#listener = listener;
    if (this.#isClosed) listener.closed?.();
  }

  get room(): number {
    return this.#isRefusing ? 0 : this.#slots.room;
  }

  get inFlight(): number {
    return this.#slots.taken;
  }

  get isSpent(): boolean {
    return this.#slots.isSpent;
  }

  get isSuspect(): boolean {
    return this.#cancelPing !== null;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  specialise(head: SpecialiseHead, code: Uint8Array): void {
    this.#slots = new StreamSlots(head.concurrency);
    this.#timeoutMs = head.timeoutMs;
    this.#writer.bytes(WORKER_FRAME.SPECIALISE, 0, encodeSpecialise(head, code));
  }

  /** Hands an invocation over; the caller saw room. */
  invoke(invocation: Invocation, coldStartMs: number | null): void {
    const stream = this.#slots.take(invocation, this.#clock.monotonicMs());
    this.#writer.text(WORKER_FRAME.INVOKE, stream, invocation.hasBody ? 1 : 0, invocation.text);
    if (this.#cancelTimer === null) this.#armTimer(this.#timeoutMs);
    invocation.begun(this, stream, coldStartMs);
  }

  sendBody(stream: number, chunk: Buffer): void {
    if (!this.#slots.has(stream)) return;
    for (let at = 0; at < chunk.length; at += BODY_CHUNK_BYTES) {
      this.#writer.bytes(WORKER_FRAME.BODY, stream, chunk.subarray(at, at + BODY_CHUNK_BYTES));
    }
  }

  endBody(stream: number): void {
    if (this.#slots.has(stream)) this.#writer.empty(WORKER_FRAME.BODY_END, stream);
  }

  credit(stream: number, bytes: number): void {
    if (this.#slots.has(stream)) this.#writer.u32(WORKER_FRAME.CREDIT, stream, bytes);
  }

  cancel(stream: number): void {
    if (!this.#slots.has(stream)) return;
    this.#slots.abandon(stream);
    this.#writer.u8(WORKER_FRAME.CANCEL, stream, CANCEL_REASON.CLIENT_GONE);
  }

  breach(reason: string): void {
    this.#broken(reason);
  }

  drain(): void {
    this.#writer.empty(WORKER_FRAME.DRAIN, 0);
  }

  /** Fails all that the worker still has, because it is gone. */
  failAll(failure: InvocationFailure): void {
    this.#disarm();
    for (const stream of this.#slots.startedBefore(Infinity)) {
      const invocation = this.#slots.get(stream);
      this.#slots.release(stream);
      invocation?.failed(failure);
    }
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #receive({ type, stream, payload }: Frame): void {
    switch (type) {
      case WORKER_FRAME.REPLY:
        return this.#reply(stream, payload);
      case WORKER_FRAME.HEAD: {
        const head = decodeResponseHead(payload);
        if (head === null) return this.#broken('malformed response head');
        return this.#slots.get(stream)?.headed(head.status, head.text);
      }
      case WORKER_FRAME.BODY:
        return this.#body(stream, payload);
      case WORKER_FRAME.END:
        return this.#end(stream);
      case WORKER_FRAME.FAILED:
        return this.#fail(stream, parseFailedHead(payload));
      case WORKER_FRAME.NACK:
        return this.#nack(stream);
      case WORKER_FRAME.CREDIT:
        if (payload.length !== 4) return this.#broken('malformed credit');
        return this.#slots.get(stream)?.credited(payload.readUInt32BE(0));
      default:
        return this.#receiveAboutWorker(type, payload);
    }
  }

  #receiveAboutWorker(type: number, payload: Buffer): void {
    switch (type) {
      case WORKER_FRAME.LOG: {
        const line = parseLogLine(payload);
        return this.#listener.log?.(line);
      }
      case WORKER_FRAME.PONG:
        this.#cancelPing?.();
        this.#cancelPing = null;
        return this.#listener.settled?.(false);
      case WORKER_FRAME.HELLO:
        return this.#listener.hello?.();
      case WORKER_FRAME.READY:
        return this.#listener.ready?.(parseReadyHead(payload));
      case WORKER_FRAME.INIT_FAILED:
        return this.#listener.initFailed?.(parseInitFailedHead(payload));
      case WORKER_FRAME.RETIRING:
        return this.#listener.retiring?.();
      default:
        return this.#broken(`unknown frame type ${type}`);
    }
  }

  #reply(stream: number, payload: Buffer): void {
    const head = decodeResponseHead(payload);
    if (head === null) return this.#broken('malformed response head');
    const invocation = this.#slots.get(stream);
    if (!this.#slots.release(stream)) return;
    this.#isRefusing = false;
    invocation?.replied(head.status, head.text, head.rest);
    this.#listener.settled?.(true);
  }

  /** A body that nobody takes any more is credited at once, so that its writer comes to its end. */
  #body(stream: number, payload: Buffer): void {
    const invocation = this.#slots.get(stream);
    if (invocation === null) this.credit(stream, payload.length);
    else invocation.body(payload);
  }

  #end(stream: number): void {
    const invocation = this.#slots.get(stream);
    if (!this.#slots.release(stream)) return;
    this.#isRefusing = false;
    invocation?.ended();
    this.#listener.settled?.(true);
  }

  #fail(stream: number, head: FailedHead): void {
    const invocation = this.#slots.get(stream);
    if (!this.#slots.release(stream)) return;
    this.#isRefusing = false;
    invocation?.failed({ kind: 'threw', ...head });
    this.#listener.settled?.(true);
  }

  #nack(stream: number): void {
    const invocation = this.#slots.get(stream);
    if (!this.#slots.release(stream)) return;
    // It knows better than its number of slots; it is asked again when something of its own has ended.
    this.#isRefusing = this.#slots.taken > 0;
    if (invocation !== null) this.#listener.nacked?.(invocation);
  }

  #armTimer(delayMs: number): void {
    this.#cancelTimer = this.#clock.after(delayMs, () => this.#onTimer());
  }

  /** One timer for all streams, which share their timeout: it is set for the oldest. */
  #onTimer(): void {
    this.#cancelTimer = null;
    const now = this.#clock.monotonicMs();
    const expired = this.#slots.startedBefore(now - this.#timeoutMs);
    for (const stream of expired) this.#expire(stream);
    const oldest = this.#slots.oldestStartMs();
    if (oldest !== null) this.#armTimer(Math.max(1, Math.ceil(oldest + this.#timeoutMs - now)));
    if (expired.length > 0) this.#ping();
  }

  #expire(stream: number): void {
    const invocation = this.#slots.get(stream);
    this.#writer.u8(WORKER_FRAME.CANCEL, stream, CANCEL_REASON.TIMED_OUT);
    this.#slots.release(stream);
    invocation?.failed({ kind: 'timeout', timeoutMs: this.#timeoutMs });
  }

  #ping(): void {
    if (this.#cancelPing !== null || this.#isClosed) return;
    this.#writer.empty(WORKER_FRAME.PING, 0);
    this.#cancelPing = this.#clock.after(PING_DEADLINE_MS, () =>
      this.#listener.unusable?.('Worker stopped responding'),
    );
  }

  #broken(reason: string): void {
    this.#socket.pause();
    this.#listener.unusable?.(`Worker broke the protocol: ${reason}`);
  }

  #closed(): void {
    this.#isClosed = true;
    this.#disarm();
    this.#listener.closed?.();
  }

  #disarm(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = null;
    this.#cancelPing?.();
    this.#cancelPing = null;
  }
}

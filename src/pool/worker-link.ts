/**
 * The platform's end of one worker's socket: encodes, decodes, and keeps which invocation each stream is. Nothing
 * that comes from the other end is trusted: what does not follow the protocol ends the worker.
 *
 * Over 300 lines: every frame of the protocol passes through this one place, where what it may do is checked.
 */
import type { Socket } from 'node:net';
import { FrameWriter } from '../protocol/frame-writer.ts';
import { FrameDecoder, MAX_VIEW_BYTES, type Frame } from '../protocol/framing.ts';
import {
  BODY_CHUNK_BYTES,
  CANCEL_REASON,
  decodeResponseHead,
  MAX_WORKER_FRAME_BYTES,
  specialiseParts,
  WINDOW_BYTES,
  windowCharge,
  WORKER_FRAME,
  type FailedHead,
  type InitFailedHead,
  type LogLine,
  type ReadyHead,
  type SpecialiseHead,
} from '../protocol/worker.ts';
import type { Clock } from '../std/clock.ts';
import { CacheReception } from './cache-reception.ts';
import { LogBudget } from './log-budget.ts';
import type { Invocation, InvocationFailure, InvocationLink } from './ports.ts';
import { RecentRequests } from './recent-requests.ts';
import { StreamSlots } from './stream-slots.ts';
import {
  droppedBefore,
  parseFailedHead,
  parseInitFailedHead,
  parseLogLine,
  parseReadyHead,
} from './worker-payloads.ts';

/** How long a worker may take to answer a ping before it counts as stuck. */
const PING_DEADLINE_MS = 1_000;
/** What of one stream may be under way to a worker: its window, the chunk that fills it, its INVOKE and CREDITs. */
const STREAM_BACKLOG_BYTES = WINDOW_BYTES + 2 * BODY_CHUNK_BYTES;
/** However many streams it has: a worker whose event loop turns reads its socket. */
const MAX_BACKLOG_BYTES = 64 * 1024 * 1024;

/** Frames that a worker which has not started has no reason for. */
const ABOUT_INVOCATION: ReadonlySet<number> = new Set([
  WORKER_FRAME.REPLY,
  WORKER_FRAME.HEAD,
  WORKER_FRAME.BODY,
  WORKER_FRAME.END,
  WORKER_FRAME.FAILED,
  WORKER_FRAME.NACK,
  WORKER_FRAME.CREDIT,
]);

/** What a worker tells whoever holds it. Each holder listens with its own. */
export interface WorkerListener {
  hello?(): void;
  ready?(head: ReadyHead): void;
  initFailed?(head: InitFailedHead): void;
  /** An invocation left; there is room. `succeeded` tells whether the handler answered. */
  settled?(succeeded: boolean): void;
  /** An invocation, which has waited since then, is to have another worker. */
  nacked?(invocation: Invocation, waitedSinceMs: number): void;
  /** Once in its life. */
  retiring?(): void;
  /** Whether a line of so many bytes is to be parsed and told; all are where nobody answers. */
  admitsLog?(bytes: number): boolean;
  log?(line: LogLine): void;
  /** A line that was not admitted told of so many others. */
  logLeftOut?(count: number): void;
  /** The event loop turns no more, or the protocol was broken: it is to be killed. Nothing but `closed` follows. */
  unusable?(reason: string): void;
  closed?(): void;
}

/** An invocation that is sent to a worker before it has started. */
export interface AheadInvocation {
  readonly invocation: Invocation;
  /** When the worker has started, and may have begun it: null when nobody waits for it any more. */
  claim: () => { sinceMs: number; coldStartMs: number | null } | null;
}

export class WorkerLink implements InvocationLink {
  readonly #socket: Socket;
  readonly #clock: Clock;
  readonly #writer: FrameWriter;
  readonly #decoder: FrameDecoder;
  #listener: WorkerListener = {};
  #slots = new StreamSlots<Invocation>(1);
  #timeoutMs = 0;
  #cancelTimer: (() => void) | null = null;
  #cancelPing: (() => void) | null = null;
  readonly #logBudget = new LogBudget();
  readonly #requests = new RecentRequests();
  readonly #cacheReception: CacheReception;
  #peakMemoryKib = 0;
  #isGreeted = false;
  #isReady = false;
  #ahead: (AheadInvocation & { stream: number }) | null = null;
  #isRefusing = false;
  #isRetiring = false;
  #brokenReason: string | null = null;
  #isClosed = false;

  constructor(socket: Socket, clock: Clock) {
    this.#socket = socket;
    this.#clock = clock;
    this.#writer = new FrameWriter(socket);
    this.#decoder = new FrameDecoder((frame) => this.#receive(frame), MAX_WORKER_FRAME_BYTES);
    this.#cacheReception = new CacheReception(clock);
    socket.on('data', (chunk: Buffer) => {
      try {
        this.#decoder.push(chunk);
      } catch (error) {
        this.#broken(error instanceof Error ? error.message : String(error));
      }
    });
    socket.on('error', () => {}); // 'close' follows and says all.
    socket.on('close', () => this.#closed());
  }

  /** Replaces the listener: a worker has one holder at a time. What came between two holders is told to the next. */
  listen(listener: WorkerListener): void {
    this.#listener = listener;
    if (this.#isRetiring) this.#listener.retiring?.();
    if (this.#brokenReason !== null) this.#listener.unusable?.(this.#brokenReason);
    if (this.#isClosed) this.#listener.closed?.();
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

  get peakMemoryKib(): number {
    return this.#peakMemoryKib;
  }

  /**
   * Asks one that still boots for a sign of life. Its answer, right behind HELLO, tells nothing new: but by then both ends
   * have read and written once, and the first request finds compiled what that takes.
   */
  greet(): void {
    this.#isGreeted = true;
    this.#writer.empty(WORKER_FRAME.PING, 0);
  }

  /** `cache` is what another worker of the same function made of the same code. */
  specialise(head: SpecialiseHead, code: Uint8Array, cache: Uint8Array | null = null): void {
    this.#slots = new StreamSlots(head.concurrency);
    this.#timeoutMs = head.timeoutMs;
    const streamsBytes = Math.min(head.concurrency * STREAM_BACKLOG_BYTES, MAX_BACKLOG_BYTES);
    // It may not yet have read its code.
    const codeBytes = code.length + (cache?.length ?? 0);
    this.#writer.limitBacklog(streamsBytes + codeBytes + BODY_CHUNK_BYTES, () =>
      this.#broken('it does not read what it is sent'),
    );
    this.#writer.bytes(WORKER_FRAME.SPECIALISE, 0, ...specialiseParts(head, code, cache));
  }

  /** Resolves to V8's cache of its code, or to null. A worker that makes one answers nothing else meanwhile. */
  async makeCodeCache(maxBytes: number): Promise<Buffer | null> {
    if (this.#isClosed || this.#cacheReception.isExpected) return null;
    this.#writer.u32(WORKER_FRAME.MAKE_CODE_CACHE, 0, maxBytes);
    return this.#cacheReception.begin(maxBytes);
  }

  /**
   * Sends an invocation right behind `specialise`. The worker begins it when it has told that it is ready, which is when
   * this link hands it over. Until then its body stays here, and nothing that comes for it is heard.
   */
  sendAhead(ahead: AheadInvocation): void {
    const { invocation } = ahead;
    const stream = this.#slots.take(invocation, Infinity);
    this.#ahead = { ...ahead, stream };
    this.#requests.note(stream, invocation.requestId);
    this.#writer.text(WORKER_FRAME.INVOKE, stream, invocation.hasBody ? 1 : 0, invocation.text);
  }

  /** What it was told goes out now and not at the end of this turn: somebody waits for its start. */
  sendNow(): void {
    this.#writer.flush();
  }

  /** Nobody waits any more for what was sent ahead. */
  cancelAhead(): void {
    if (this.#ahead !== null) this.cancel(this.#ahead.stream);
  }

  /** Hands an invocation over; the caller saw room. `waitedSinceMs` is null for one that has not waited. */
  invoke(
    invocation: Invocation,
    coldStartMs: number | null,
    waitedSinceMs: number | null = null,
  ): void {
    const now = this.#clock.monotonicMs();
    const stream = this.#slots.take(invocation, now, waitedSinceMs ?? now);
    this.#requests.note(stream, invocation.requestId);
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

  endBody(stream: number, trailers: string): void {
    if (!this.#slots.has(stream)) return;
    if (trailers === '') this.#writer.empty(WORKER_FRAME.BODY_END, stream);
    else this.#writer.bytes(WORKER_FRAME.BODY_END, stream, Buffer.from(trailers, 'latin1'));
  }

  credit(stream: number, bytes: number): void {
    if (!this.#slots.has(stream)) return;
    const charged = windowCharge(bytes);
    this.#slots.charge(stream, -charged);
    this.#writer.u32(WORKER_FRAME.CREDIT, stream, charged);
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

  /** Fails all that the worker still has, because it is gone; tells how many somebody waits for. */
  failAll(failure: InvocationFailure): number {
    this.#disarm();
    let told = 0;
    for (const stream of this.#slots.startedBefore(Infinity)) {
      const invocation = this.#slots.get(stream);
      this.#slots.release(stream);
      if (invocation !== null) told += 1;
      invocation?.failed(failure);
    }
    return told;
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #receive({ type, stream, payload }: Frame): void {
    if (this.#brokenReason !== null) return;
    const isEarly = this.#ahead !== null && ABOUT_INVOCATION.has(type);
    if (isEarly) return this.#broken('an answer before it was ready');
    switch (type) {
      case WORKER_FRAME.REPLY:
        return this.#reply(stream, payload);
      case WORKER_FRAME.HEAD: {
        const head = decodeResponseHead(payload);
        if (head === null) return this.#broken('malformed response head');
        this.#slots.begin(stream);
        return this.#slots.get(stream)?.headed(head.status, head.text);
      }
      case WORKER_FRAME.BODY:
        return this.#body(stream, payload);
      case WORKER_FRAME.END:
        return this.#end(stream, payload);
      case WORKER_FRAME.FAILED:
        return this.#fail(stream, parseFailedHead(payload));
      case WORKER_FRAME.NACK:
        return this.#nack(stream);
      case WORKER_FRAME.CREDIT:
        if (payload.length !== 4) return this.#broken('malformed credit');
        this.#slots.begin(stream);
        return this.#slots.get(stream)?.credited(payload.readUInt32BE(0));
      default:
        return this.#receiveAboutWorker({ type, stream, payload });
    }
  }

  #receiveAboutWorker({ type, stream, payload }: Frame): void {
    switch (type) {
      case WORKER_FRAME.LOG:
        return this.#log(stream, payload);
      case WORKER_FRAME.PONG:
        return this.#pong();
      case WORKER_FRAME.CODE_CACHE:
        if (this.#cacheReception.push(payload) === 'taken') return;
        return this.#broken('a code cache beyond what was asked for');
      case WORKER_FRAME.MEMORY:
        if (payload.length !== 4) return this.#broken('malformed memory figure');
        this.#peakMemoryKib = payload.readUInt32BE(0);
        return;
      case WORKER_FRAME.HELLO:
        return this.#listener.hello?.();
      case WORKER_FRAME.READY:
        return this.#ready(parseReadyHead(payload));
      case WORKER_FRAME.INIT_FAILED:
        return this.#listener.initFailed?.(parseInitFailedHead(payload));
      case WORKER_FRAME.RETIRING:
        return this.#retire();
      default:
        return this.#broken(`unknown frame type ${type}`);
    }
  }

  /** Its holder hears of it before anything that it answers. */
  #ready(head: ReadyHead): void {
    this.#isReady = true;
    this.#beginAhead();
    this.#listener.ready?.(head);
  }

  #beginAhead(): void {
    if (this.#ahead === null) return;
    const { stream, invocation, claim } = this.#ahead;
    this.#ahead = null;
    const claimed = claim();
    const now = this.#clock.monotonicMs();
    this.#slots.restamp(stream, now, claimed?.sinceMs ?? now);
    this.#armTimer(this.#timeoutMs);
    if (claimed !== null) invocation.begun(this, stream, claimed.coldStartMs);
  }

  #log(stream: number, payload: Buffer): void {
    const decision = this.#logBudget.decide(payload.length, this.#clock.monotonicMs());
    if (decision === 'hostile') return this.#broken('more log lines than anybody reads');
    if (decision === 'drop') return;
    if (this.#listener.admitsLog?.(payload.length) === false) {
      const others = droppedBefore(payload);
      if (others > 0) this.#listener.logLeftOut?.(others);
      return;
    }
    const line = parseLogLine(payload, this.#requests.find(stream));
    line.dropped += this.#logBudget.takeDropped();
    this.#listener.log?.(line);
  }

  #pong(): void {
    if (this.#isGreeted) return void (this.#isGreeted = false);
    if (this.#cancelPing === null) return this.#broken('an answer to no ping');
    this.#cancelPing();
    this.#cancelPing = null;
    this.#listener.settled?.(false);
  }

  /** Before it is ready, nobody leases it, and an error then shows in how its start ends. */
  #retire(): void {
    if (!this.#isReady || this.#isRetiring) return;
    this.#isRetiring = true;
    this.#listener.retiring?.();
  }

  #reply(stream: number, payload: Buffer): void {
    const head = decodeResponseHead(payload);
    if (head === null) return this.#broken('malformed response head');
    if (head.rest.length > BODY_CHUNK_BYTES) return this.#broken('a reply beyond its size');
    const invocation = this.#slots.get(stream);
    if (!this.#slots.release(stream)) return;
    this.#isRefusing = false;
    invocation?.replied(head.status, head.text, head.rest);
    this.#listener.settled?.(true);
  }

  /** A body that nobody takes any more is credited at once, so that its writer comes to its end. */
  #body(stream: number, payload: Buffer): void {
    const { length } = payload;
    if (length === 0 || length > BODY_CHUNK_BYTES) return this.#broken('a body frame of no size');
    const invocation = this.#slots.get(stream);
    this.#slots.begin(stream);
    const charged = this.#slots.charge(stream, windowCharge(length));
    // The receiver's pace must not become our memory.
    if (charged > WINDOW_BYTES + BODY_CHUNK_BYTES) return this.#broken('a body beyond its window');
    if (invocation === null) return this.credit(stream, length);
    const chunk = length > MAX_VIEW_BYTES ? payload : Buffer.from(payload);
    if (!invocation.body(chunk)) this.#decoder.reuse(payload);
  }

  #end(stream: number, trailers: Buffer): void {
    const invocation = this.#slots.get(stream);
    if (!this.#slots.release(stream)) return;
    this.#isRefusing = false;
    invocation?.ended(trailers.toString('latin1'));
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
    const waitedSinceMs = this.#slots.waitedSinceMs(stream);
    if (waitedSinceMs === null) return;
    if (this.#slots.isBegun(stream)) return this.#broken('a refusal of what was begun');
    const invocation = this.#slots.get(stream);
    // What was sent ahead, and cancelled before it could be begun.
    if (invocation === null) return this.#letGo(stream);
    // One that refuses with nothing else to do would be asked again at once, for ever.
    const hasReason = this.#slots.taken > 1 || this.#isRetiring;
    if (!hasReason) return this.#broken('a refusal without a reason');
    this.#slots.release(stream);
    // It knows better than its number of slots; it is asked again when something of its own has ended.
    this.#isRefusing = true;
    invocation.refused();
    this.#listener.nacked?.(invocation, waitedSinceMs);
  }

  #letGo(stream: number): void {
    this.#slots.release(stream);
    this.#listener.settled?.(false);
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
    this.#isRefusing = false;
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
    if (this.#brokenReason !== null) return;
    this.#cacheReception.abandon();
    this.#brokenReason = `Worker broke the protocol: ${reason}`;
    this.#socket.pause();
    this.#listener.unusable?.(this.#brokenReason);
  }

  #closed(): void {
    this.#isClosed = true;
    this.#cacheReception.abandon();
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

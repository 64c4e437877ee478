import { format } from 'node:util';
import type { FrameWriter } from '../protocol/frame-writer.ts';
import { type InvokeHead } from '../protocol/invoke.ts';
import {
  BODY_CHUNK_BYTES,
  CANCEL_REASON,
  encodeResponseHead,
  WINDOW_BYTES,
  windowCharge,
  writeReply,
  WORKER_FRAME,
  type FailedHead,
} from '../protocol/worker.ts';
import { redact } from './output/redact.ts';
import { RequestBody } from './request-body.ts';
import { headerPairsOf, responseHeadText, type HeaderPairs } from './response-headers.ts';

/**
 * A response on its way; null when nothing is left to wait for, as for most. Each promise that a request does not
 * make is garbage less in a worker with little memory.
 */
export type Sending = Promise<void> | null;

/** Shared, so that an invocation nobody waits for needs no list. */
const NOTHING: (() => void)[] = [];

/** Thrown into whoever still writes a response that nobody waits for. */
export class InvocationCancelled extends Error {
  override name = 'AbortError';
}

/** One request in this worker, from INVOKE to the one frame that ends it. */
export class Invocation {
  readonly head: InvokeHead;
  readonly body: RequestBody | null;
  readonly startedAtMs: number;
  readonly #stream: number;
  readonly #writer: FrameWriter;
  readonly #onSettled: (stream: number) => void;
  #state: 'open' | 'headed' | 'settled' = 'open';
  #isCancelled = false;
  #abort: AbortController | null = null;
  #unacknowledged = 0;
  #creditArrived: (() => void) | null = null;
  #onCancelled: ((reason: Error) => void) | null = null;
  #afterwards: (() => void)[] = NOTHING;

  constructor(
    head: InvokeHead,
    stream: number,
    deps: { writer: FrameWriter; startedAtMs: number; onSettled: (stream: number) => void },
  ) {
    this.head = head;
    this.startedAtMs = deps.startedAtMs;
    this.#stream = stream;
    this.#writer = deps.writer;
    this.#onSettled = deps.onSettled;
    this.body = head.hasBody
      ? new RequestBody((bytes) => deps.writer.u32(WORKER_FRAME.CREDIT, stream, bytes))
      : null;
  }

  get stream(): number {
    return this.#stream;
  }

  get isSettled(): boolean {
    return this.#state === 'settled';
  }

  /** Nobody waits for the response any more. */
  get isCancelled(): boolean {
    return this.#isCancelled;
  }

  /** Aborted when the client has gone or the time is up. Made on first use: most handlers never ask. */
  get signal(): AbortSignal {
    if (this.#abort === null) {
      this.#abort = new AbortController();
      if (this.#isCancelled) this.#abort.abort();
    }
    return this.#abort.signal;
  }

  /** Calls back, once, when nobody waits for the response any more; at once when that is so already. */
  whenCancelled(callback: (reason: Error) => void): void {
    if (this.#isCancelled) callback(new InvocationCancelled('cancelled'));
    else this.#onCancelled = callback;
  }

  /** Calls back when the response is out, or will never be; at once when that is so already. */
  whenSettled(callback: () => void): void {
    if (this.#state === 'settled') callback();
    else this.#afterwards = [...this.#afterwards, callback];
  }

  /** Answers with the whole response. Null when it is sent already. */
  reply(status: number, headers: HeaderPairs, body: string | Uint8Array): Sending {
    if (this.#state !== 'open') return null;
    const text = responseHeadText(headers);
    const isKept = typeof body !== 'string' && body.length > BODY_CHUNK_BYTES;
    // The function may use its memory again before it is sent.
    return this.replyText(status, text, isKept ? Buffer.from(body) : body);
  }

  /** The same with headers as `responseHeadText` gives them, checked, and bytes that nobody changes any more. */
  replyText(status: number, text: string, body: string | Uint8Array): Sending {
    if (this.#state !== 'open') return null;
    const bodyBytes = typeof body === 'string' ? Buffer.byteLength(body) : body.length;
    if (bodyBytes > BODY_CHUNK_BYTES) return this.#replyInChunks(status, text, body);
    writeReply(this.#writer, this.#stream, { status, text, body });
    this.#settle();
    return null;
  }

  /** Begins a response whose body follows in writes. */
  start(status: number, headers: HeaderPairs, length: number | null): void {
    if (this.#state !== 'open') return;
    const known: HeaderPairs =
      length === null
        ? headers
        : [
            ...headers.filter(([name]) => name.toLowerCase() !== 'content-length'),
            ['content-length', String(length)],
          ];
    const head = encodeResponseHead(status, responseHeadText(known));
    this.#state = 'headed';
    this.#writer.bytes(WORKER_FRAME.HEAD, this.#stream, head);
  }

  /** Resolves when there is room for more. @throws when nobody waits for the response any more. */
  async write(chunk: Uint8Array): Promise<void> {
    // The function may use its memory again as soon as this returns, so it is copied.
    await this.writeOwned(Buffer.from(chunk));
  }

  /** The same for memory that nobody else uses. */
  async writeOwned(chunk: Uint8Array): Promise<void> {
    for (let at = 0; at < chunk.length; at += BODY_CHUNK_BYTES) {
      while (this.#unacknowledged >= WINDOW_BYTES && !this.#isCancelled) {
        await new Promise<void>((resolve) => (this.#creditArrived = resolve));
      }
      if (this.#isCancelled || this.#state !== 'headed') throw new InvocationCancelled('cancelled');
      const part = chunk.subarray(at, at + BODY_CHUNK_BYTES);
      this.#unacknowledged += windowCharge(part.length);
      this.#writer.bytes(WORKER_FRAME.BODY, this.#stream, part);
    }
  }

  end(trailers: HeaderPairs = []): void {
    if (this.#state === 'settled') return;
    if (trailers.length === 0) this.#writer.empty(WORKER_FRAME.END, this.#stream);
    else {
      const text = Buffer.from(responseHeadText(trailers), 'latin1');
      this.#writer.bytes(WORKER_FRAME.END, this.#stream, text);
    }
    this.#settle();
  }

  fail(error: unknown): void {
    if (this.#state === 'settled') return;
    this.#writer.json(WORKER_FRAME.FAILED, this.#stream, describeError(error));
    this.#settle();
  }

  credit(bytes: number): void {
    this.#unacknowledged -= bytes;
    this.#creditArrived?.();
  }

  cancel(reason: number): void {
    const error = new InvocationCancelled('the request was cancelled');
    this.#isCancelled = true;
    this.#abort?.abort();
    this.body?.fail(error);
    this.#creditArrived?.();
    this.#onCancelled?.(error);
    this.#onCancelled = null;
    if (reason === CANCEL_REASON.TIMED_OUT && this.#state !== 'settled') this.#settle();
  }

  async #replyInChunks(status: number, text: string, body: string | Uint8Array): Promise<void> {
    const bytes = typeof body === 'string' ? Buffer.from(body) : body;
    this.start(status, headerPairsOf(text), bytes.length);
    await this.writeOwned(bytes);
    this.end();
  }

  #settle(): void {
    this.#state = 'settled';
    for (const callback of this.#afterwards) callback();
    this.#onSettled(this.#stream);
  }
}

const MAX_MESSAGE_CHARACTERS = 8 * 1024;
/** What is shown, and the rest of the longest secret that may begin in it. */
const MAX_REDACTED_CHARACTERS = 1024 * 1024;

/** An error as data, whatever was thrown. */
export function describeError(error: unknown): FailedHead {
  if (error instanceof Error) {
    return {
      errorType: cut(error.name),
      message: cut(error.message),
      stack: cut(error.stack),
    };
  }
  return { errorType: typeof error, message: cut(error), stack: '' };
}

/** The values come from the function's own error objects, whose fields may be anything. */
function cut(value: unknown): string {
  const whole = typeof value === 'string' ? value : format('%s', value ?? '');
  // Before it is cut, which may leave half of a secret.
  const text = redact(whole.slice(0, MAX_REDACTED_CHARACTERS));
  return text.length > MAX_MESSAGE_CHARACTERS ? `${text.slice(0, MAX_MESSAGE_CHARACTERS)}…` : text;
}

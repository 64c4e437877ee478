import { BODY_CHUNK_BYTES } from '../protocol/worker.ts';
import type { Invocation } from './invocation.ts';
import type { HeaderPairs } from './response-headers.ts';

/** What may wait beside the invocation's own window before `write` says no. */
const HIGH_WATER_BYTES = 64 * 1024;

type WriteCallback = (error?: Error | null) => void;

interface Chunk {
  /** Text is UTF-8. */
  data: string | Uint8Array;
  bytes: number;
  callback: WriteCallback | null;
}

export interface SinkListener {
  /** All that was written is on its way. */
  drained(): void;
  /** The response is out, after its callbacks have been called. */
  finished(): void;
}

/**
 * Where a ServerResponse's bytes go. What one turn writes is sent together; a response that ends in the turn in which
 * it began goes out whole.
 */
export class ResponseSink {
  readonly #invocation: Invocation;
  readonly #listener: SinkListener;
  #status = 0;
  #headers: HeaderPairs = [];
  #queue: Chunk[] = [];
  #queuedBytes = 0;
  #state: 'idle' | 'scheduled' | 'pumping' = 'idle';
  #isStarted = false;
  #isEnded = false;
  #trailers: HeaderPairs = [];
  #gone: Error | null = null;

  constructor(invocation: Invocation, listener: SinkListener) {
    this.#invocation = invocation;
    this.#listener = listener;
  }

  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  setHead(status: number, headers: HeaderPairs): void {
    this.#status = status;
    this.#headers = headers;
  }

  /** False when the writer is to wait until it is `drained`. */
  write(data: string | Uint8Array, callback: WriteCallback | null): boolean {
    if (this.#gone !== null) {
      if (callback !== null) process.nextTick(callback, this.#gone);
      return false;
    }
    const bytes = typeof data === 'string' ? Buffer.byteLength(data) : data.length;
    if (bytes > 0 || callback !== null) this.#queue.push({ data, bytes, callback });
    this.#queuedBytes += bytes;
    if (this.#state === 'idle') {
      this.#state = 'scheduled';
      process.nextTick(runSink, this);
    }
    return this.#queuedBytes < HIGH_WATER_BYTES;
  }

  end(trailers: HeaderPairs): void {
    if (this.#gone !== null || this.#isEnded) return;
    this.#isEnded = true;
    this.#trailers = trailers;
    if (!this.#isStarted && trailers.length === 0) this.#sendWhole();
    else if (this.#state === 'idle') void this.#pump();
  }

  /** Nobody takes any more of it. */
  abandon(reason: Error): void {
    if (this.#gone !== null) return;
    this.#gone = reason;
    for (const { callback } of this.#queue.splice(0)) {
      if (callback !== null) process.nextTick(callback, reason);
    }
    this.#queuedBytes = 0;
  }

  /** One turn after the first write of it. */
  run(): void {
    if (this.#state !== 'scheduled') return;
    this.#state = 'idle';
    if (this.#gone !== null || (this.#isEnded && !this.#isStarted && this.#queue.length === 0)) {
      return;
    }
    void this.#pump();
  }

  #sendWhole(): void {
    const chunks = this.#queue.splice(0);
    this.#state = 'pumping'; // A turn that was scheduled has nothing left to do.
    const sending = this.#invocation.reply(this.#status, this.#headers, joined(chunks));
    if (sending === null) this.#sent(chunks);
    else {
      sending.then(
        () => this.#sent(chunks),
        (error: Error) => this.abandon(error),
      );
    }
  }

  #sent(chunks: Chunk[]): void {
    for (const { callback } of chunks) if (callback !== null) process.nextTick(callback, null);
    this.#queuedBytes = 0;
    process.nextTick(finishSink, this.#listener);
  }

  async #pump(): Promise<void> {
    this.#state = 'pumping';
    try {
      this.#start();
      while (this.#queue.length > 0) await this.#sendBatch();
      this.#state = 'idle';
      if (!this.#isEnded) return;
      this.#invocation.end(this.#trailers);
      process.nextTick(finishSink, this.#listener);
    } catch (error) {
      this.abandon(error as Error);
    }
  }

  #start(): void {
    if (this.#isStarted) return;
    this.#isStarted = true;
    this.#invocation.start(this.#status, this.#headers, null);
  }

  /** As many of the waiting chunks as make a good frame. */
  async #sendBatch(): Promise<void> {
    let bytes = 0;
    let count = 0;
    while (count < this.#queue.length) {
      const next = this.#queue[count]?.bytes ?? 0;
      if (count > 0 && bytes + next > BODY_CHUNK_BYTES) break;
      bytes += next;
      count++;
    }
    const batch = this.#queue.splice(0, count);
    const body = joined(batch);
    if (typeof body === 'string') await this.#invocation.writeOwned(Buffer.from(body));
    else await this.#invocation.write(body);
    this.#queuedBytes -= bytes;
    for (const { callback } of batch) if (callback !== null) process.nextTick(callback, null);
    if (this.#queue.length === 0 && !this.#isEnded) process.nextTick(drainSink, this.#listener);
  }
}

function runSink(sink: ResponseSink): void {
  sink.run();
}

function drainSink(listener: SinkListener): void {
  listener.drained();
}

function finishSink(listener: SinkListener): void {
  listener.finished();
}

function joined(chunks: Chunk[]): string | Uint8Array {
  if (chunks.length === 0) return '';
  const filled = chunks.length === 1 ? chunks : chunks.filter(({ bytes }) => bytes > 0);
  const [first] = filled;
  if (first === undefined) return '';
  if (filled.length === 1) return first.data;
  return Buffer.concat(
    filled.map(({ data }) => (typeof data === 'string' ? Buffer.from(data) : data)),
  );
}

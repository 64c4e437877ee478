import type { Invocation, InvocationFailure, InvocationLink } from '../../pool/ports.ts';
import { BODY_CHUNK_BYTES, WINDOW_BYTES } from '../../protocol/worker.ts';
import type { Dispatcher } from '../ports.ts';

/** What a function answered whose invocation nobody sent over HTTP. */
export type PostedEnd =
  | { kind: 'answered'; status: number; headers: string; body: Buffer }
  | { kind: 'failed'; failure: InvocationFailure }
  /** Its answer is longer than may be held in memory. */
  | { kind: 'too-large' }
  | { kind: 'cancelled' };

export interface PostedFacts {
  end: PostedEnd;
  durationMs: number;
  /** Null when no start was waited for. */
  coldStartMs: number | null;
  responseBytes: number;
  worker: InvocationLink | null;
}

/** As Lambda has it for what is invoked and waited for. */
export const MAX_POSTED_ANSWER_BYTES = 6 * 1024 * 1024;

/** One invocation with a payload at hand, whose answer is gathered whole. */
export class PostedInvocation implements Invocation {
  readonly requestId: string;
  readonly text: string;
  readonly hasBody = true;
  readonly #payload: Buffer;
  readonly #now: () => number;
  readonly #outcome = Promise.withResolvers<PostedFacts>();
  #link: InvocationLink | null = null;
  #stream = 0;
  #sent = 0;
  #isPayloadEnded = false;
  /** Sent, and not consumed by the worker yet. */
  #unacknowledged = 0;
  #coldStartMs: number | null = null;
  #begunAtMs: number | null = null;
  #head: { status: number; headers: string } | null = null;
  #chunks: Buffer[] = [];
  #received = 0;
  #isOver = false;

  constructor(request: { requestId: string; text: string; payload: Buffer }, now: () => number) {
    this.requestId = request.requestId;
    this.text = request.text;
    this.#payload = request.payload;
    this.#now = now;
  }

  /** Resolves once, however it ends. */
  get outcome(): Promise<PostedFacts> {
    return this.#outcome.promise;
  }

  begun(link: InvocationLink, stream: number, coldStartMs: number | null): void {
    if (this.#isOver) return link.cancel(stream);
    this.#link = link;
    this.#stream = stream;
    this.#coldStartMs ??= coldStartMs;
    this.#begunAtMs ??= this.#now();
    this.#send(link);
  }

  refused(): void {
    this.#link = null;
    this.#sent = 0;
    this.#unacknowledged = 0;
    this.#isPayloadEnded = false;
  }

  credited(bytes: number): void {
    this.#unacknowledged -= bytes;
    if (this.#unacknowledged < 0) this.#link?.breach('credit for what was not sent');
    else if (this.#link !== null && !this.#isOver) this.#send(this.#link);
  }

  replied(status: number, headers: string, body: Buffer): void {
    this.#received = body.length;
    if (body.length > MAX_POSTED_ANSWER_BYTES) this.#end({ kind: 'too-large' });
    else this.#end({ kind: 'answered', status, headers, body: Buffer.from(body) });
  }

  headed(status: number, headers: string): void {
    this.#head = { status, headers };
  }

  body(chunk: Buffer): boolean {
    if (this.#isOver) return false;
    this.#received += chunk.length;
    if (this.#received > MAX_POSTED_ANSWER_BYTES) {
      this.#link?.cancel(this.#stream);
      this.#end({ kind: 'too-large' });
      return false;
    }
    this.#chunks.push(Buffer.from(chunk));
    this.#link?.credit(this.#stream, chunk.length);
    return false;
  }

  ended(): void {
    const { status = 200, headers = '' } = this.#head ?? {};
    this.#end({ kind: 'answered', status, headers, body: Buffer.concat(this.#chunks) });
  }

  failed(failure: InvocationFailure): void {
    this.#end({ kind: 'failed', failure });
  }

  /** Nobody waits for it any more. */
  cancel(dispatcher: Dispatcher): void {
    if (this.#isOver) return;
    if (this.#link === null) dispatcher.withdraw(this);
    else this.#link.cancel(this.#stream);
    this.#end({ kind: 'cancelled' });
  }

  /** As much as the worker has room for. */
  #send(link: InvocationLink): void {
    while (this.#sent < this.#payload.length) {
      const end = Math.min(this.#sent + BODY_CHUNK_BYTES, this.#payload.length);
      if (this.#unacknowledged + end - this.#sent > WINDOW_BYTES) return;
      this.#unacknowledged += end - this.#sent;
      link.sendBody(this.#stream, this.#payload.subarray(this.#sent, end));
      this.#sent = end;
    }
    if (this.#isPayloadEnded) return;
    this.#isPayloadEnded = true;
    link.endBody(this.#stream, '');
  }

  #end(end: PostedEnd): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#chunks = [];
    this.#outcome.resolve({
      end,
      durationMs: this.#begunAtMs === null ? 0 : this.#now() - this.#begunAtMs,
      coldStartMs: this.#coldStartMs,
      responseBytes: this.#received,
      worker: this.#link,
    });
  }
}

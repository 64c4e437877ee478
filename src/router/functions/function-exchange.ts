/**
 * One request to a function, from the door to the end of its response: the client's side of an invocation. Bodies
 * flow both ways only as fast as the other end takes them.
 */
import type { Invocation, InvocationFailure, InvocationLink } from '../../pool/ports.ts';
import { MAX_VIEW_BYTES } from '../../protocol/framing.ts';
import { BODY_CHUNK_BYTES, WINDOW_BYTES } from '../../protocol/worker.ts';
import type { Clock } from '../../std/clock.ts';
import { endAfterRequest, sendAnswer } from '../answers.ts';
import type { Client } from '../client.ts';
import { nextState, type ExchangeEvent, type ExchangeState } from './exchange-state.ts';
import { errorAnswer, failureAnswer, tooLargeAnswer, wholeError } from './failure-answer.ts';
import type { ErrorContext } from './failure-answer.ts';
import { flushHead } from '../flush-head.ts';
import type { Dispatcher, InvocationLog, InvocationTarget } from '../ports.ts';
import { readFunctionHeaders } from '../response-head.ts';
import { RequestUpload } from './request-upload.ts';
import { responseTrailers } from '../trailers.ts';

export interface ExchangeSubject {
  client: Client;
  requestId: string;
  host: string;
  text: string;
  hasBody: boolean;
  maxBodyBytes: number;
}

export interface ExchangeTarget extends InvocationTarget {
  /** Headers that every response of this deployment has: name, value, … */
  headers: readonly string[];
  /** The same as they go over the wire. */
  headerLines: string;
  dispatcher: Dispatcher;
}

/** What all exchanges of a door share. */
export interface ExchangeTools {
  invocations: InvocationLog;
  clock: Clock;
}

const NO_STATUS = 'the status is none of HTTP';

export class FunctionExchange implements Invocation {
  readonly requestId: string;
  readonly text: string;
  readonly hasBody: boolean;
  readonly #subject: ExchangeSubject;
  readonly #target: ExchangeTarget;
  readonly #tools: ExchangeTools;
  readonly #upload: RequestUpload | null;
  #state: ExchangeState = 'queued';
  /** Null while no worker has it. */
  #link: InvocationLink | null = null;
  #stream = 0;
  #coldStartMs: number | null = null;
  #begunAtMs: number | null = null;
  /** What the response began with. */
  #status: number | null = null;
  #declaredLength: number | null = null;
  #responded = 0;
  /** Response bytes that the client has not taken. */
  #unwritten = 0;

  constructor(subject: ExchangeSubject, target: ExchangeTarget, tools: ExchangeTools) {
    this.requestId = subject.requestId;
    this.text = subject.text;
    this.hasBody = subject.hasBody;
    this.#upload = subject.hasBody ? new RequestUpload(subject.client, this) : null;
    this.#subject = subject;
    this.#target = target;
    this.#tools = tools;
    subject.client.whenClosed(() => this.#clientClosed());
  }

  begun(link: InvocationLink, stream: number, coldStartMs: number | null): void {
    if (!this.#advance('begun')) return link.cancel(stream);
    this.#link = link;
    this.#stream = stream;
    this.#coldStartMs ??= coldStartMs;
    this.#begunAtMs ??= this.#tools.clock.monotonicMs();
    this.#upload?.sendTo(link, stream);
  }

  refused(): void {
    if (this.#upload?.refused() === false) return this.#violated('refused what it had taken of');
    if (this.#advance('refused')) this.#link = null;
  }

  credited(bytes: number): void {
    if (this.#state === 'over') return;
    if (this.#upload?.credited(bytes) !== true) this.#violated('credit for what was not sent');
  }

  replied(status: number, headers: string, body: Buffer): void {
    if (!this.#advance('replied')) return;
    const { client, host } = this.#subject;
    const known = readFunctionHeaders(headers, host);
    if (known.kind === 'bad') return this.#badResponse(known.message);
    if (!isStatus(status)) return this.#badResponse(NO_STATUS);
    this.#responded = body.length;
    this.#tellEnd(status, null);
    const isRequestPending = this.hasBody && client.isBodyPending;
    const lines = known.lines + this.#ownLines();
    if (!isRequestPending && client.sendWhole({ status, lines, body })) return;
    const { request, response } = client;
    const head = this.#head(known.list);
    if (status !== 204) {
      const isBodyless = status === 304 || request.method === 'HEAD';
      const length = isBodyless && body.length === 0 ? known.contentLength : body.length;
      if (length !== null) head.push('content-length', String(length));
    }
    response.writeHead(status, head);
    if (body.length > 0) response.write(body.length > MAX_VIEW_BYTES ? body : Buffer.from(body));
    endAfterRequest(request, response);
  }

  headed(status: number, headers: string): void {
    if (!this.#advance('headed')) return;
    const { client, host } = this.#subject;
    const known = readFunctionHeaders(headers, host);
    if (known.kind === 'bad') return this.#badResponse(known.message);
    if (!isStatus(status)) return this.#badResponse(NO_STATUS);
    const head = this.#head(known.list);
    const hasNoBody = status === 204 || status === 304 || client.method === 'HEAD';
    if (known.contentLength !== null && status !== 204) {
      head.push('content-length', String(known.contentLength));
      this.#declaredLength = hasNoBody ? null : known.contentLength;
    }
    this.#status = status;
    const { response } = client;
    response.writeHead(status, head);
    // When no body frame came along with the head, the client still gets the head now.
    process.nextTick(() => {
      if (this.#responded === 0 && this.#state === 'headed') flushHead(response);
    });
  }

  body(chunk: Buffer): boolean {
    if (!this.#advance('body') || !this.#mayFollow(chunk.length)) return false;
    const { response } = this.#subject.client;
    const { socket } = response;
    // Now, and not when the turn ends: what the kernel takes at once leaves its memory to the next chunk.
    socket?.cork();
    response.write(chunk, () => {
      this.#unwritten -= chunk.length;
      this.#link?.credit(this.#stream, chunk.length);
    });
    socket?.uncork();
    return response.writableLength > 0;
  }

  /** Counts what comes of the body; false when it is more than there may be. */
  #mayFollow(bytes: number): boolean {
    this.#responded += bytes;
    this.#unwritten += bytes;
    if (this.#declaredLength !== null && this.#responded > this.#declaredLength) {
      this.#badResponse('the body is longer than its Content-Length');
      return false;
    }
    // The client's pace must not become our memory: who ignores the window is no worker of ours.
    if (this.#unwritten > WINDOW_BYTES + BODY_CHUNK_BYTES) {
      this.#violated('a body beyond its window');
      return false;
    }
    return true;
  }

  ended(trailers: string): void {
    if (!this.#advance('ended')) return;
    if (this.#declaredLength !== null && this.#responded < this.#declaredLength) {
      return this.#badResponse('the body is shorter than its Content-Length');
    }
    this.#tellEnd(this.#status, null);
    const { request, response } = this.#subject.client;
    if (trailers !== '') response.addTrailers(responseTrailers(trailers));
    endAfterRequest(request, response);
  }

  failed(failure: InvocationFailure): void {
    if (this.#advance('failed')) this.#fail(failure);
  }

  get maxBodyBytes(): number {
    return this.#subject.maxBodyBytes;
  }

  get isOver(): boolean {
    return this.#state === 'over';
  }

  tooLarge(): void {
    const { request, response } = this.#subject.client;
    const answer = tooLargeAnswer(this.maxBodyBytes, this.#errorContext());
    this.#abandon(this.#status ?? answer.status);
    if (response.headersSent) response.destroy();
    else sendAnswer(request, response, answer);
  }

  /** Takes the state that follows. False when there is nothing to do any more: it was over, or this ended it. */
  #advance(event: ExchangeEvent): boolean {
    if (this.#state === 'over') return false;
    const next = nextState(this.#state, event);
    if (next === 'breach') {
      this.#violated(`${event} while ${this.#state}`);
      return false;
    }
    this.#state = next;
    return true;
  }

  #fail(failure: InvocationFailure): void {
    this.#state = 'over';
    this.#link?.cancel(this.#stream);
    const { client, requestId } = this.#subject;
    const answer = failureAnswer(failure);
    this.#tellEnd(this.#status ?? answer.status, failure);
    const isNothingSent = this.#status === null && !this.hasBody;
    if (isNothingSent && client.sendWhole(wholeError(answer, requestId, this.#ownLines()))) return;
    const { request, response } = client;
    // The head is out, so only the end of the connection can tell the client.
    if (response.headersSent) response.destroy();
    else sendAnswer(request, response, errorAnswer(answer, this.#errorContext()));
  }

  #tellEnd(status: number | null, failure: InvocationFailure | null): void {
    const begunAtMs = this.#begunAtMs;
    this.#tools.invocations.ended(this.#target, {
      requestId: this.requestId,
      status,
      durationMs: begunAtMs === null ? 0 : this.#tools.clock.monotonicMs() - begunAtMs,
      coldStartMs: this.#coldStartMs,
      failure,
      requestBytes: this.#upload?.received ?? 0,
      responseBytes: this.#responded,
      worker: this.#link,
    });
  }

  #badResponse(message: string): void {
    this.#fail({ kind: 'threw', errorType: 'BadResponse', message, stack: '' });
  }

  /** The worker said what it may not say here: the end of it, and of this exchange. */
  #violated(what: string): void {
    const link = this.#link;
    this.#badResponse(`the worker broke the protocol: ${what}`);
    link?.breach(what);
  }

  /** Nobody waits for the function's response any more. */
  #abandon(status: number | null): void {
    const state = this.#state;
    this.#state = 'over';
    this.#tellEnd(status, null);
    if (state === 'queued') this.#target.dispatcher.withdraw(this);
    else this.#link?.cancel(this.#stream);
  }

  #clientClosed(): void {
    if (this.#state !== 'over') this.#abandon(null);
  }

  #errorContext(): ErrorContext {
    return { requestId: this.#subject.requestId, headers: this.#head([]) };
  }

  #ownLines(): string {
    const own = `${this.#target.headerLines}x-request-id: ${this.#subject.requestId}\r\n`;
    if (this.#coldStartMs === null) return own;
    return `${own}x-fn-cold-start: ${this.#coldStartMs.toFixed(1)}\r\n`;
  }

  #head(ofFunction: readonly string[]): string[] {
    const head = ofFunction.concat(this.#target.headers);
    head.push('x-request-id', this.#subject.requestId);
    if (this.#coldStartMs !== null) head.push('x-fn-cold-start', this.#coldStartMs.toFixed(1));
    if (this.hasBody && this.#subject.client.isBodyPending) head.push('connection', 'close');
    return head;
  }
}

function isStatus(status: number): boolean {
  return status >= 200 && status <= 599;
}

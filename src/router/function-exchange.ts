/**
 * One request to a function, from the door to the end of its response: the client's side of an invocation. Bodies
 * flow both ways only as fast as the other end takes them.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ServedDeployment } from '../model/served.ts';
import type { Invocation, InvocationFailure, InvocationLink } from '../pool/ports.ts';
import { BODY_CHUNK_BYTES, WINDOW_BYTES } from '../protocol/worker.ts';
import { endAfterRequest, sendAnswer } from './answers.ts';
import { failureAnswer } from './failure-answer.ts';
import type { Dispatcher, FailureLog } from './ports.ts';
import type { QuickReply } from './quick-reply.ts';
import { readFunctionHeaders } from './response-head.ts';

export interface ExchangeSubject {
  request: IncomingMessage;
  response: ServerResponse;
  requestId: string;
  host: string;
  text: string;
  hasBody: boolean;
  maxBodyBytes: number;
}

export interface ExchangeTarget {
  deployment: ServedDeployment;
  /** Headers that every response of this deployment has: name, value, … */
  headers: readonly string[];
  /** The same as they go over the wire. */
  headerLines: string;
  dispatcher: Dispatcher;
}

/** What all exchanges of a door share. */
export interface ExchangeTools {
  failures: FailureLog;
  quickReply: QuickReply;
}

export class FunctionExchange implements Invocation {
  readonly text: string;
  readonly hasBody: boolean;
  readonly #subject: ExchangeSubject;
  readonly #target: ExchangeTarget;
  readonly #tools: ExchangeTools;
  #link: InvocationLink | null = null;
  #stream = 0;
  #coldStartMs: number | null = null;
  #state: 'waiting' | 'headed' | 'over' = 'waiting';
  /** Request bytes that the worker has not consumed. */
  #unacknowledged = 0;
  #received = 0;
  /** What was sent before the worker's first credit: needed again if it refuses. */
  #replay: Buffer[] | null = [];
  #declaredLength: number | null = null;
  #responded = 0;
  /** Response bytes that the client has not taken. */
  #unwritten = 0;
  #hasWritten = false;

  constructor(subject: ExchangeSubject, target: ExchangeTarget, tools: ExchangeTools) {
    this.text = subject.text;
    this.hasBody = subject.hasBody;
    this.#subject = subject;
    this.#target = target;
    this.#tools = tools;
    subject.response.on('close', () => this.#clientClosed());
  }

  begun(link: InvocationLink, stream: number, coldStartMs: number | null): void {
    const isFirst = this.#link === null;
    this.#link = link;
    this.#stream = stream;
    this.#coldStartMs ??= coldStartMs;
    if (!this.hasBody) return;
    if (isFirst) this.#readBody();
    else this.#sendAgain(link);
  }

  credited(bytes: number): void {
    this.#replay = null;
    this.#unacknowledged -= bytes;
    const { request } = this.#subject;
    if (this.#unacknowledged < WINDOW_BYTES && request.isPaused()) request.resume();
  }

  replied(status: number, headers: string, body: Buffer): void {
    const { response, request } = this.#subject;
    const known = readFunctionHeaders(headers, this.#subject.host);
    if (known.kind === 'bad' || !isStatus(status)) return this.#badResponse(known);
    this.#state = 'over';
    const isRequestPending = this.hasBody && !request.complete;
    const lines = known.lines + this.#ownLines();
    if (!isRequestPending && this.#tools.quickReply.send(response, { status, lines, body })) return;
    const head = this.#head(known.list);
    if (status !== 204) {
      const isBodyless = status === 304 || request.method === 'HEAD';
      const length = isBodyless && body.length === 0 ? known.contentLength : body.length;
      if (length !== null) head.push('content-length', String(length));
    }
    response.writeHead(status, head);
    if (body.length > 0) response.write(body);
    endAfterRequest(request, response);
  }

  headed(status: number, headers: string): void {
    const { response } = this.#subject;
    const known = readFunctionHeaders(headers, this.#subject.host);
    if (known.kind === 'bad' || !isStatus(status)) return this.#badResponse(known);
    if (this.#state !== 'waiting') return this.#breakOff();
    this.#state = 'headed';
    const head = this.#head(known.list);
    const hasNoBody = status === 204 || status === 304 || this.#subject.request.method === 'HEAD';
    if (known.contentLength !== null && status !== 204) {
      head.push('content-length', String(known.contentLength));
      this.#declaredLength = hasNoBody ? null : known.contentLength;
    }
    response.writeHead(status, head);
    // When no body frame came along with the head, the client still gets the head now.
    process.nextTick(() => {
      if (!this.#hasWritten && this.#state === 'headed') response.flushHeaders();
    });
  }

  body(chunk: Buffer): void {
    if (this.#state !== 'headed') return this.#breakOff();
    this.#hasWritten = true;
    this.#responded += chunk.length;
    if (this.#declaredLength !== null && this.#responded > this.#declaredLength) {
      return this.#breakOff();
    }
    this.#unwritten += chunk.length;
    // The client's pace must not become our memory: who ignores the window is no worker of ours.
    if (this.#unwritten > WINDOW_BYTES + BODY_CHUNK_BYTES) {
      return this.#link?.breach('a body beyond its window');
    }
    this.#subject.response.write(chunk, () => {
      this.#unwritten -= chunk.length;
      this.#link?.credit(this.#stream, chunk.length);
    });
  }

  ended(): void {
    if (this.#state !== 'headed') return this.#badResponse({ kind: 'bad', message: 'no response' });
    const isShort = this.#declaredLength !== null && this.#responded < this.#declaredLength;
    if (isShort) return this.#breakOff();
    this.#state = 'over';
    endAfterRequest(this.#subject.request, this.#subject.response);
  }

  failed(failure: InvocationFailure): void {
    if (this.#state === 'over') return;
    const { requestId, request, response } = this.#subject;
    this.#tools.failures.failed(this.#target.deployment, requestId, failure);
    if (this.#state === 'headed') return this.#breakOff();
    this.#state = 'over';
    const { status, message, retryAfterSeconds } = failureAnswer(failure);
    sendAnswer(request, response, {
      status,
      body: `${JSON.stringify({ error: message, requestId })}\n`,
      headers: {
        ...Object.fromEntries(pairs(this.#head([]))),
        'content-type': 'application/json',
        ...(retryAfterSeconds !== null && { 'retry-after': String(retryAfterSeconds) }),
      },
    });
  }

  /** Refuses the request because its body is too large. */
  #tooLarge(): void {
    this.#link?.cancel(this.#stream);
    if (this.#state !== 'waiting') return this.#breakOff();
    this.#state = 'over';
    sendAnswer(this.#subject.request, this.#subject.response, tooLargeAnswer(this.#subject));
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
    if (this.hasBody && !this.#subject.request.complete) head.push('connection', 'close');
    return head;
  }

  #readBody(): void {
    const { request, maxBodyBytes } = this.#subject;
    request.on('data', (chunk: Buffer) => {
      if (this.#state === 'over') return;
      this.#received += chunk.length;
      if (this.#received > maxBodyBytes) return this.#tooLarge();
      this.#unacknowledged += chunk.length;
      this.#replay?.push(chunk);
      this.#link?.sendBody(this.#stream, chunk);
      if (this.#unacknowledged >= WINDOW_BYTES) request.pause();
    });
    request.on('end', () => this.#link?.endBody(this.#stream));
  }

  #sendAgain(link: InvocationLink): void {
    for (const chunk of this.#replay ?? []) link.sendBody(this.#stream, chunk);
    if (this.#subject.request.complete) link.endBody(this.#stream);
  }

  #clientClosed(): void {
    if (this.#state === 'over') return;
    this.#state = 'over';
    if (this.#link === null) this.#target.dispatcher.withdraw(this);
    else this.#link.cancel(this.#stream);
  }

  #badResponse(reason: { kind: string; message?: string }): void {
    this.#link?.cancel(this.#stream);
    const message = reason.message ?? 'the status is none of HTTP';
    this.failed({ kind: 'threw', errorType: 'BadResponse', message, stack: '' });
  }

  /** The head is out, so only the end of the connection can tell the client. */
  #breakOff(): void {
    this.#state = 'over';
    this.#link?.cancel(this.#stream);
    this.#subject.response.destroy();
  }
}

export function tooLargeAnswer(subject: { requestId: string; maxBodyBytes: number }): {
  status: number;
  body: string;
  headers: Record<string, string>;
} {
  return {
    status: 413,
    body: `The request body is larger than ${subject.maxBodyBytes} bytes.\n`,
    headers: { 'x-request-id': subject.requestId },
  };
}

function isStatus(status: number): boolean {
  return status >= 200 && status <= 599;
}

function pairs(list: readonly string[]): [string, string][] {
  const result: [string, string][] = [];
  for (let at = 0; at + 1 < list.length; at += 2) result.push([list[at] ?? '', list[at + 1] ?? '']);
  return result;
}

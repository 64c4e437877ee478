/** The client of a stream's request. Node's objects of HTTP/1.1 are stood in for only when an answer needs them. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ServerHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';
import { MAX_VIEW_BYTES } from '../../protocol/framing.ts';
import type { Client } from '../client.ts';
import type { WholeReply } from '../quick-reply.ts';
import { fieldsOfLines, isWithoutContent } from './response-fields.ts';
import type { StreamHead } from './stream-head.ts';
import { StreamRequest } from './stream-request.ts';
import { endRequest, isOver, StreamResponse } from './stream-response.ts';

/** Shared: an object for each request is garbage for each request. */
const NOTHING = (): void => {};

export class StreamClient implements Client {
  /** Of all streams of the connection. */
  readonly socket: Socket;
  readonly method: string;
  readonly target: string;
  readonly body = null;
  /** An answer needs not wait for it: the stream ends alone. */
  readonly isBodyPending = false;
  /** Who answers it. */
  readonly host: string;
  /** When some of the answer was last taken, and how much had been then; -1 while nothing waits. */
  taken = -1;
  takenAtMs: number;
  readonly #stream: ServerHttp2Stream;
  readonly #head: StreamHead;
  #request: StreamRequest | null = null;
  #response: StreamResponse | null = null;
  #wholeBytes = 0;
  #onClosed = NOTHING;

  constructor(
    { stream, socket }: { stream: ServerHttp2Stream; socket: Socket },
    head: StreamHead,
    nowMs: number,
  ) {
    this.#stream = stream;
    this.socket = socket;
    this.#head = head;
    this.takenAtMs = nowMs;
    this.method = head.method;
    this.target = head.target;
    this.host = head.head.kind === 'ok' ? head.head.hostHeader : '';
    // Its trailers may come before anybody reads its body.
    if (!stream.endAfterHeaders) this.#request = new StreamRequest(stream, head);
  }

  get request(): IncomingMessage {
    return this.#ownRequest();
  }

  /** It has what answers use of Node's. */
  get response(): ServerResponse {
    this.#response ??= new StreamResponse(this.#stream, this.#ownRequest());
    return this.#response as unknown as ServerResponse;
  }

  /** Bytes of bodies, either way, that wait in this process. */
  get heldBytes(): number {
    const { readableLength, writableLength } = this.#stream;
    const unread = readableLength + (this.#request?.readableLength ?? 0);
    return unread + Math.max(writableLength, this.#response?.writableLength ?? 0);
  }

  get takenBytes(): number {
    const { writableLength } = this.#stream;
    const passed = this.#wholeBytes + (this.#response?.passedBytes ?? 0);
    return writableLength === 0 ? -1 : passed - writableLength;
  }

  /** What has come of the body, read or not. */
  get bodyBytes(): number {
    return (this.#request?.bodyBytes ?? 0) + this.#stream.readableLength;
  }

  /** Whether nothing more of the body may come. */
  get isComplete(): boolean {
    return this.#request?.complete ?? true;
  }

  sendWhole({ status, lines, body }: WholeReply): boolean {
    const isUsual = this.#response === null && this.method !== 'HEAD' && !isWithoutContent(status);
    if (!isUsual) return false;
    const stream = this.#stream;
    if (isOver(stream)) return true; // Nobody is there any more.
    const fields = fieldsOfLines(status, lines);
    fields.push('content-length', String(body.length));
    stream.respond(fields);
    this.#wholeBytes = body.length;
    stream.end(body.length > MAX_VIEW_BYTES ? body : Buffer.from(body));
    if (this.#request !== null) endRequest(stream, this.#request.complete);
    return true;
  }

  whenClosed(callback: () => void): void {
    this.#onClosed = callback;
  }

  /** The stream has closed, whether the answer was out or not. */
  closed(): void {
    this.#onClosed();
  }

  /** At once: a client that takes nothing would not take the end of the stream either. */
  close(code: number): void {
    this.#stream.close(code);
    this.#stream.destroy();
  }

  #ownRequest(): StreamRequest {
    this.#request ??= new StreamRequest(this.#stream, this.#head);
    return this.#request;
  }
}

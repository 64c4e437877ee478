/** Node's own IncomingMessage, fed from an invocation instead of a socket. */
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Invocation } from '../invocation.ts';
import type { ExchangeSocket } from './node-socket.ts';
import type { RequestBody } from '../request-body.ts';

export type RequestClass = new (socket: Socket) => IncomingMessage;

const BODY = Symbol('body');

/**
 * Frameworks exchange the prototype of a request for their own (Express does), so what is ours is in properties of the
 * object. `_addHeaderLines` is how Node's parser gives a message its headers.
 */
interface Internals extends IncomingMessage {
  _addHeaderLines(lines: string[], count: number): void;
  _dump(): void;
  _consuming: boolean;
  _readableState: { readingMore: boolean };
  [BODY]: RequestBody | null;
}

export interface RequestSource {
  invocation: Invocation;
  socket: ExchangeSocket;
  /** The body, where it has been read already; null where it is still to come, or there is none. */
  bytes: Buffer | null;
}

export function createNodeRequest(
  Request: RequestClass,
  { invocation, socket, bytes }: RequestSource,
): IncomingMessage {
  const { head, body } = invocation;
  const request = new Request(socket as unknown as Socket) as Internals;
  request.httpVersion = '1.1';
  request.httpVersionMajor = 1;
  request.httpVersionMinor = 1;
  request.method = head.method;
  request.url = head.target;
  request[BODY] = bytes === null ? body : null;
  request._read = readBody;
  request._destroy = destroyRequest;
  const lines = rawHeaders(head.headers, body !== null);
  request._addHeaderLines(lines, lines.length);
  if (request[BODY] === null) {
    if (bytes !== null && bytes.length > 0) request.push(bytes);
    endBody(request, body);
  }
  return request;
}

/** When the response is out and nobody has read the request: as Node does, what is left of it is thrown away. */
export function dumpRequest(message: IncomingMessage): void {
  const request = message as Internals;
  if (request._consuming || request.readableFlowing !== null) return;
  const isAwaited = request.listenerCount('end') > 0 || request.listenerCount('close') > 0;
  if (isAwaited || request[BODY] !== null) request._dump();
}

/** A copy, which the function may change. A chunked body has no header left that says so; body parsers look for it. */
function rawHeaders(headers: readonly string[], hasBody: boolean): string[] {
  const lines = headers.slice();
  if (hasBody && !lines.includes('content-length')) lines.push('transfer-encoding', 'chunked');
  return lines;
}

function readBody(this: Internals): void {
  if (!this._consuming) {
    this._consuming = true;
    this._readableState.readingMore = false; // The constructor has set it, for a parser that pushes by itself.
  }
  const body = this[BODY];
  if (body === null) return;
  void pullBody(this, body);
}

async function pullBody(request: Internals, body: RequestBody): Promise<void> {
  let chunk: Buffer | null;
  try {
    chunk = await body.read();
  } catch {
    return; // The client has gone; the exchange ends the request.
  }
  if (chunk !== null) request.push(chunk);
  else if (!request.complete) endBody(request, body);
}

function endBody(request: Internals, body: RequestBody | null): void {
  request.complete = true;
  const trailers = body?.trailers ?? [];
  if (trailers.length > 0) request._addHeaderLines([...trailers], trailers.length);
  request.push(null);
}

/** As Node's own, but for what it does with the connection. */
function destroyRequest(
  this: Internals,
  error: Error | null,
  callback: (error?: Error | null) => void,
): void {
  if (!this.readableEnded || !this.complete) {
    this.aborted = true;
    this.emit('aborted');
    if (!this.socket.destroyed) this.socket.destroy(error ?? undefined);
  }
  // An error that nobody listens for is none: the client has gone, which happens every day.
  const told = this.listenerCount('error') > 0 ? error : null;
  process.nextTick(callback, told);
}

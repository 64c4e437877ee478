/**
 * Node's own ServerResponse, whose bytes go to an invocation. All that code sees of it is Node's: how headers are
 * set and checked, when `write` refuses, in which order its events come. What differs is below that, in the four
 * methods by which it hands head and body to its socket. They are properties of each object, since frameworks
 * exchange its prototype for their own (Express does). The table in test/conformance/node-cases.ts would notice a
 * Node that changes these methods.
 */
import type { IncomingMessage, OutgoingHttpHeader, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Invocation } from '../invocation.ts';
import { nodeHttp } from './node-http.ts';
import type { ExchangeSocket } from './node-socket.ts';
import { ResponseSink } from '../response-sink.ts';
import type { HeaderPairs } from '../response-headers.ts';

export type ResponseClass = new (request: IncomingMessage) => ServerResponse;

type Callback = ((error?: Error | null) => void) | null | undefined;

const SINK = Symbol('sink');

interface Internals extends ServerResponse {
  destroyed: boolean;
  _header: string | null;
  _headerSent: boolean;
  _contentLength: number | null;
  _removedContLen: boolean;
  _trailer: string;
  _closed: boolean;
  _flush(): void;
  _storeHeader(statusLine: string, headers: unknown): void;
  _send(data: string | Uint8Array, encoding: BufferEncoding | null, callback: Callback): boolean;
  _writeRaw(data: string, encoding: string, callback: Callback): boolean;
  _finish(): void;
  [SINK]: ResponseSink;
}

export interface NodeResponse {
  response: ServerResponse;
  sink: ResponseSink;
}

export function createNodeResponse(
  Response: ResponseClass,
  request: IncomingMessage,
  source: { invocation: Invocation; socket: ExchangeSocket; finished: () => void },
): NodeResponse {
  const response = new Response(request) as Internals;
  const sink = new ResponseSink(source.invocation, {
    drained: () => {
      source.socket.writableLength = sink.queuedBytes;
      if (!response.writableEnded) response._flush(); // Emits `drain` when somebody waits for it.
    },
    finished: () => {
      source.finished();
      emitClose(response);
    },
  });
  response[SINK] = sink;
  response._storeHeader = storeHeader;
  response._send = send;
  response._writeRaw = sendInformation;
  response._finish = finish;
  // Node's own server has the process die of it, a write after the end above all.
  response.on('error', logError);
  response.assignSocket(source.socket as unknown as Socket);
  return { response, sink };
}

function logError(error: Error): void {
  console.error(error);
}

/** Once, after `finish` or in its place. */
function emitClose(response: Internals): void {
  if (response._closed) return;
  response._closed = true;
  response.destroyed = true;
  response.emit('close');
}

/** Node calls it once, with the headers that were set, or with those of `writeHead` when none were set before. */
function storeHeader(this: Internals, statusLine: string, headers: unknown): void {
  const { statusCode } = this;
  if (statusCode < 200 || statusCode > 599) {
    throw new RangeError(`the handler answered with status ${statusCode}: it can be 200 to 599`);
  }
  const pairs = pairsOf(this, headers);
  for (const [name, value] of pairs) {
    if (name.length !== CONTENT_LENGTH.length || name.toLowerCase() !== CONTENT_LENGTH) continue;
    this._contentLength = Number(value);
    this._removedContLen = false;
  }
  this[SINK].setHead(statusCode, pairs);
  this._header = `${statusLine}\r\n`;
  this._headerSent = false;
}

const CONTENT_LENGTH = 'content-length';

function pairsOf(response: Internals, headers: unknown): HeaderPairs {
  const pairs: HeaderPairs = [];
  if (typeof headers !== 'object' || headers === null) return pairs;
  const own = (response as unknown as Record<symbol, unknown>)[outHeadersKey(response)];
  if (headers === own) {
    // Name in lower case → the name as it was given, and its value.
    for (const [name, value] of Object.values(headers as Record<string, SetHeader>)) {
      addPair(pairs, name, value);
    }
  } else {
    for (const [name, value] of givenHeaders(headers)) {
      nodeHttp().validateHeaderName(name);
      addCheckedPair(pairs, name, value);
    }
  }
  return pairs;
}

type SetHeader = [name: string, value: OutgoingHttpHeader];

/** The three forms that `writeHead` takes; Node has refused an odd number. */
function givenHeaders(headers: object): SetHeader[] {
  if (!Array.isArray(headers)) return Object.entries(headers as Record<string, OutgoingHttpHeader>);
  if (Array.isArray(headers[0])) return headers as SetHeader[];
  const pairs: SetHeader[] = [];
  for (let at = 0; at + 1 < headers.length; at += 2) {
    pairs.push([headers[at] as string, headers[at + 1] as OutgoingHttpHeader]);
  }
  return pairs;
}

function addCheckedPair(pairs: HeaderPairs, name: string, value: OutgoingHttpHeader): void {
  for (const one of Array.isArray(value) ? value : [value]) {
    nodeHttp().validateHeaderValue(name, one as string);
  }
  addPair(pairs, name, value);
}

function addPair(pairs: HeaderPairs, name: string, value: OutgoingHttpHeader): void {
  if (Array.isArray(value)) for (const one of value) pairs.push([name, one]);
  else pairs.push([name, String(value)]);
}

let outHeaders: symbol | null = null;

/** The property in which Node keeps the headers that were set one by one. */
function outHeadersKey(response: Internals): symbol {
  outHeaders ??=
    Object.getOwnPropertySymbols(response).find(
      ({ description }) => description === 'kOutHeaders',
    ) ?? null;
  if (outHeaders === null) throw new Error('this Node keeps response headers elsewhere');
  return outHeaders;
}

/** Node never asks for chunks here, since `_storeHeader` never turned them on: what comes is the body as it is. */
function send(
  this: Internals,
  data: string | Uint8Array,
  encoding: BufferEncoding | null,
  callback: Callback,
): boolean {
  this._headerSent = true;
  const isUtf8 =
    typeof data !== 'string' || !encoding || encoding === 'utf8' || encoding === 'utf-8';
  const sink = this[SINK];
  // An empty text from `end` is Latin-1, and no reason to make bytes of it.
  const body = isUtf8 || data === '' ? data : Buffer.from(data, encoding);
  const hasRoom = sink.write(body, callback ?? null);
  (this.socket as unknown as ExchangeSocket).writableLength = sink.queuedBytes;
  return hasRoom;
}

/** 1xx: the platform has told the client to continue, and passes nothing else of the kind on. */
function sendInformation(
  this: Internals,
  _head: string,
  _encoding: string,
  callback: Callback,
): boolean {
  if (typeof callback === 'function') process.nextTick(callback, null);
  return true;
}

function finish(this: Internals): void {
  this[SINK].end(this._trailer === '' ? [] : trailersOf(this._trailer));
  this.emit('prefinish');
}

/** From Node's text of them, `Name: value\r\n` each. */
function trailersOf(text: string): HeaderPairs {
  return text
    .split('\r\n')
    .filter((line) => line !== '')
    .map((line) => {
      const colonAt = line.indexOf(': ');
      return [line.slice(0, colonAt), line.slice(colonAt + 2)];
    });
}

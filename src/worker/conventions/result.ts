/** What a handler returned, as a response: the rules that Lambda's HTTP API and plain-object handlers share. */
import { format } from 'node:util';
import type { Invocation, Sending } from '../invocation.ts';
import {
  addMultiValueHeaders,
  addResultHeaders,
  hasHeader,
  type HeaderPairs,
} from '../response-headers.ts';
import { sendIfResponse, sendStream, webStreamOf } from './web-response.ts';

const JSON_TYPE = 'application/json';
const TEXT_TYPE = 'text/plain; charset=utf-8';
const BYTES_TYPE = 'application/octet-stream';
const THREE_DIGITS = /^\d{3}$/;

export interface ResultObject {
  statusCode?: unknown;
  status?: unknown;
  headers?: unknown;
  multiValueHeaders?: unknown;
  cookies?: unknown;
  body?: unknown;
  isBase64Encoded?: unknown;
}

/**
 * An object with `statusCode`, or with a `status` that is a number, is a response; a string is a text; nothing is an
 * empty answer; all else is JSON.
 *
 * @throws TypeError when the result is no response that HTTP can carry.
 */
export function sendResult(invocation: Invocation, result: unknown): Sending {
  if (result === undefined || result === null) return invocation.reply(200, [], '');
  if (typeof result === 'string') {
    return invocation.reply(200, [['content-type', TEXT_TYPE]], result);
  }
  if (typeof result === 'object') {
    const sending = sendIfResponse(invocation, result);
    if (sending !== 'none') return sending;
  }
  if (result instanceof Uint8Array) {
    return invocation.reply(200, [['content-type', BYTES_TYPE]], result);
  }
  if (typeof result === 'object' && isResultObject(result)) {
    return sendResultObject(invocation, result);
  }
  return invocation.reply(200, [['content-type', JSON_TYPE]], JSON.stringify(result) ?? '');
}

/** `status` is also a word of everyday data: `{ status: 'ok' }` is no response, and neither is `{ status: null }`. */
function isResultObject(result: ResultObject): boolean {
  if ('statusCode' in result) return true;
  const { status } = result;
  return typeof status === 'string' ? THREE_DIGITS.test(status) : Number.isInteger(status);
}

function sendResultObject(invocation: Invocation, result: ResultObject): Sending {
  const { status, headers } = readResultHead(result, null);
  const stream = streamOf(result.body);
  if (stream !== null) return sendStream(invocation, status, { headers, body: stream });
  const { body, type } = bodyOfResult(result);
  if (type !== null && !hasHeader(headers, 'content-type')) headers.push(['content-type', type]);
  return invocation.reply(status, headers, body);
}

/** @throws TypeError when the status is none. */
export function readResultHead(
  result: ResultObject,
  defaultType: string | null,
): { status: number; headers: HeaderPairs } {
  const given = result.statusCode ?? result.status ?? 200;
  const status = Number(given);
  if (!Number.isInteger(status) || status < 200 || status > 599) {
    throw new TypeError(`the handler returned status ${format('%s', given)}: it can be 200 to 599`);
  }
  const headers: HeaderPairs = [];
  addResultHeaders(headers, result.headers);
  addMultiValueHeaders(headers, result.multiValueHeaders);
  if (Array.isArray(result.cookies)) {
    for (const cookie of result.cookies) headers.push(['set-cookie', String(cookie)]);
  }
  if (defaultType !== null && !hasHeader(headers, 'content-type')) {
    headers.push(['content-type', defaultType]);
  }
  return { status, headers };
}

/** The type is what the body says of itself; null when it says nothing. */
function bodyOfResult(result: ResultObject): { body: string | Uint8Array; type: string | null } {
  const { body } = result;
  if (body === undefined || body === null) return { body: '', type: null };
  if (typeof body === 'string') {
    if (result.isBase64Encoded === true) return { body: Buffer.from(body, 'base64'), type: null };
    // Lambda's own default for a text body.
    return { body, type: body === '' ? null : TEXT_TYPE };
  }
  if (ArrayBuffer.isView(body)) {
    const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
    return { body: bytes, type: BYTES_TYPE };
  }
  if (body instanceof ArrayBuffer) return { body: new Uint8Array(body), type: BYTES_TYPE };
  return { body: JSON.stringify(body) ?? '', type: JSON_TYPE };
}

/** A web stream, a stream of Node, an async generator; null for what is whole. */
function streamOf(body: unknown): ReadableStream<Uint8Array> | null {
  if (typeof body !== 'object' || body === null || !(Symbol.asyncIterator in body)) return null;
  return webStreamOf(body as AsyncIterable<Uint8Array>);
}

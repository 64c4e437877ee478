/**
 * Reads the requests that most requests are: HTTP/1.1, no body or one of known length, nothing that concerns the
 * connection, and whole in what was read of the socket at once. Whatever else there may be, and whatever is wrong, is not for here: Node's server
 * reads it, from its first byte on, and says what is wrong with it. So this accepts less than Node does, and what both
 * accept they read alike (test/router/fast-path.test.ts holds them against each other).
 */
import { FIELD_VALUE, TOKEN } from '../http-syntax.ts';
import { readRequestHead, type RequestHead } from '../request-head.ts';

export interface PlainRequest {
  method: string;
  /** Path and query, as received. */
  target: string;
  headers: PlainHeaders;
  /** Null when there is none, or none of any length. A view into what was read. */
  body: Buffer | null;
  /** How many bytes it took. */
  bytes: number;
}

/** What does not depend on the request line, and is therefore the same in many requests. */
export interface PlainHeaders {
  head: RequestHead;
  /** name, value, name, value, … as received. */
  rawHeaders: readonly string[];
}

/** Without a body: one is unusual, and better not read by two. */
const BODYLESS = new Set(['GET', 'HEAD', 'DELETE', 'OPTIONS']);
/** With a body that says its length. */
const WITH_BODY = new Set(['POST', 'PUT', 'PATCH']);
const FIRST_BYTES = new Set([...BODYLESS, ...WITH_BODY].map((method) => method.charCodeAt(0)));
const TARGET = /^\/[\x21-\x7e]*$/;
const VERSION = ' HTTP/1.1';
const LINE_END = '\r\n';
const LENGTH = /^\d{1,10}$/;
const HEAD_END = '\r\n\r\n';
/** Node's server, which answers what is larger, counts alike. */
const MAX_HEAD_BYTES = 16 * 1024;
/** Their meaning is for the server that keeps the connection, or they announce a body of unknown length. */
const NOT_PLAIN = new Set([
  'expect',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** A client sends the same fields with each of its requests, and so do all clients of one kind. */
const MEMO_ENTRIES = 1_024;
const MEMO_CHARACTERS = 2 * 1024;
const memo = new Map<string, PlainHeaders | null>();

/** The request that `bytes` begin with; null when it is not a plain one, or not all there. */
export function readPlainRequest(bytes: Buffer): PlainRequest | null {
  if (!FIRST_BYTES.has(bytes[0] ?? 0)) return null;
  const text = bytes.toString('latin1', 0, MAX_HEAD_BYTES);
  const lineEnd = text.indexOf(LINE_END);
  const headEnd = text.indexOf(HEAD_END, lineEnd);
  const methodEnd = text.indexOf(' ');
  const targetEnd = lineEnd - VERSION.length;
  if (headEnd === -1 || headEnd === lineEnd || !text.startsWith(VERSION, targetEnd)) return null;
  const method = text.slice(0, methodEnd);
  const target = text.slice(methodEnd + 1, targetEnd);
  if (!TARGET.test(target)) return null;
  const headers = plainHeaders(text.slice(lineEnd + LINE_END.length, headEnd));
  if (headers === null) return null;
  const { contentLength } = headers.head;
  if (!(contentLength === null ? BODYLESS : WITH_BODY).has(method)) return null;
  const bodyStart = headEnd + HEAD_END.length;
  const end = bodyStart + (contentLength ?? 0);
  if (end > bytes.length) return null;
  const body = end > bodyStart ? bytes.subarray(bodyStart, end) : null;
  return { method, target, headers, body, bytes: end };
}

function plainHeaders(text: string): PlainHeaders | null {
  const known = memo.get(text);
  if (known !== undefined) return known;
  const headers = parse(text);
  if (text.length > MEMO_CHARACTERS) return headers;
  if (memo.size >= MEMO_ENTRIES) memo.clear();
  memo.set(text, headers);
  return headers;
}

function parse(text: string): PlainHeaders | null {
  const rawHeaders: string[] = [];
  for (const line of text.split(LINE_END)) {
    const colon = line.indexOf(':');
    const name = line.slice(0, Math.max(0, colon));
    const value = withoutSpace(line.slice(colon + 1));
    if (!TOKEN.test(name) || !FIELD_VALUE.test(value) || !isPlain(name, value)) return null;
    rawHeaders.push(name, value);
  }
  const head = readRequestHead({ method: 'GET', target: '/', httpVersion: '1.1', rawHeaders });
  return head.kind === 'ok' ? { head, rawHeaders } : null;
}

function isPlain(name: string, value: string): boolean {
  const lower = name.toLowerCase();
  if (lower === 'connection') return value.toLowerCase() === 'keep-alive';
  if (lower === 'content-length') return LENGTH.test(value);
  return !NOT_PLAIN.has(lower);
}

/** Without the optional space around a value: blanks and tabs alone. By hand, as patterns take long for long runs of it. */
function withoutSpace(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isSpace(text.charCodeAt(start))) start++;
  while (end > start && isSpace(text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

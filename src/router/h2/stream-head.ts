/**
 * Reads the head of a stream as the head of HTTP/1.1 that says the same (RFC 9113 section 8.3), for one set of rules to
 * judge both. nghttp2 has refused what is malformed by section 8: unknown or repeated pseudo-header fields, names in upper
 * case, fields of a connection, a Content-Length that is not true. What is left to two readings is refused here.
 */
import { FIELD_VALUE, TOKEN } from '../http-syntax.ts';
import { readRequestHead, type RefusedRequest, type RequestHead } from '../request-head.ts';
import { MAX_HEAD_BYTES } from './limits.ts';

export interface StreamHead {
  method: string;
  /** Path and query, as received. */
  target: string;
  /** name, value, name, value, … as they would stand in HTTP/1.1. */
  fields: readonly string[];
  head: RequestHead | RefusedRequest;
  expectsContinue: boolean;
}

interface PseudoFields {
  method: string;
  target: string;
  scheme: string;
  authority: string;
}

const TARGET = /^[\x21-\x7e\x80-\xff]+$/;

/** `raw` is name, value, …, the pseudo-header fields first. `isWhole`: no body follows. */
export function readStreamHead(raw: readonly string[], isWhole: boolean): StreamHead {
  const pseudo = readPseudoFields(raw);
  const { method, target } = pseudo;
  const fields = plainFields(raw, pseudo);
  if (!isWhole && !isNamed(fields, 'content-length')) fields.push('transfer-encoding', 'chunked');
  const head =
    problemOf(raw, pseudo) ??
    readRequestHead({ method, target, httpVersion: '1.1', rawHeaders: fields });
  return { method, target, fields, head, expectsContinue: isNamed(fields, 'expect') };
}

/** The target of a request whose head says the same as another one but for the path; null when it says anything else. */
export function otherTarget(raw: readonly string[], other: readonly string[]): string | null {
  if (raw.length !== other.length) return null;
  let target: string | null = null;
  for (let at = 0; at < raw.length; at += 2) {
    if (raw[at] !== other[at]) return null;
    if (raw[at] === ':path') target = raw[at + 1] ?? '';
    else if (raw[at + 1] !== other[at + 1]) return null;
  }
  return target !== null && TARGET.test(target) && target.startsWith('/') ? target : null;
}

function readPseudoFields(raw: readonly string[]): PseudoFields {
  const pseudo = { method: '', target: '', scheme: '', authority: '' };
  for (let at = 0; raw[at]?.startsWith(':') === true; at += 2) {
    const value = raw[at + 1] ?? '';
    if (raw[at] === ':method') pseudo.method = value;
    else if (raw[at] === ':path') pseudo.target = value;
    else if (raw[at] === ':scheme') pseudo.scheme = value;
    else if (raw[at] === ':authority') pseudo.authority = value;
  }
  return pseudo;
}

/** With one Host, and the crumbs of a cookie put together again (RFC 9113 section 8.2.3). */
function plainFields(raw: readonly string[], { authority }: PseudoFields): string[] {
  const fields = authority === '' ? [] : ['host', authority];
  let cookie = -1;
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const name = raw[at] ?? '';
    const value = raw[at + 1] ?? '';
    if (name.startsWith(':') || (name === 'host' && authority !== '')) continue;
    if (name === 'cookie' && cookie !== -1) {
      fields[cookie] += `; ${value}`;
      continue;
    }
    fields.push(name, value);
    if (name === 'cookie') cookie = fields.length - 1;
  }
  return fields;
}

/** What is wrong besides what is wrong in HTTP/1.1 as well. */
function problemOf(raw: readonly string[], pseudo: PseudoFields): RefusedRequest | null {
  const { authority, method, scheme, target } = pseudo;
  // As HTTP/1.1 answers it, whose CONNECT has no path either.
  if (method === 'CONNECT') return refused(405, 'Method not allowed');
  if (scheme !== 'https') return refused(400, 'The scheme must be https');
  if (!TARGET.test(target)) return refused(400, 'The request target must be a path');
  let bytes = 0;
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const name = raw[at] ?? '';
    const value = raw[at + 1] ?? '';
    bytes += name.length + value.length;
    if (name.startsWith(':')) continue;
    if (!TOKEN.test(name) || !FIELD_VALUE.test(value)) return refused(400, 'Bad header');
    const isOtherHost = name === 'host' && authority !== '' && !isSame(value, authority);
    if (isOtherHost) return refused(400, 'The Host header and :authority differ');
  }
  return bytes > MAX_HEAD_BYTES ? refused(431, 'The headers are too large') : null;
}

function isNamed(fields: readonly string[], wanted: string): boolean {
  return fields.some((name, at) => at % 2 === 0 && name === wanted);
}

function isSame(host: string, authority: string): boolean {
  return host.toLowerCase() === authority.toLowerCase();
}

function refused(status: RefusedRequest['status'], message: string): RefusedRequest {
  return { kind: 'refused', status, message };
}

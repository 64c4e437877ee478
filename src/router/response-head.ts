/** What a function may say in the head of its response: checked, and cleaned of what is not its to say. */
import { FIELD_VALUE, TOKEN } from './http-syntax.ts';

const LENGTH = /^\d{1,15}$/;
/** A function's head above this is refused, like a client's. */
const MAX_HEAD_CHARACTERS = 64 * 1024;
const MEMO_ENTRIES = 512;
const MEMO_TEXT_CHARACTERS = 1024;

/** Any cookie in the text, also one that will be dropped. */
const COOKIE = /(?:^|\n)set-cookie\n/i;

/**
 * Of the connection (RFC 9110 section 7.6.1), the door's own (`date`), or with effect beyond the function's own host: a neighbour's host
 * is under the same domain.
 */
const DROPPED = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'alt-svc',
  'clear-site-data',
  'date',
  'strict-transport-security',
  'x-request-id',
]);

export interface FunctionHeaders {
  kind: 'ok';
  /** name, value, name, value, … without Content-Length. */
  list: readonly string[];
  /** The same as it goes over the wire. */
  lines: string;
  /** What the function declared. */
  contentLength: number | null;
}

export interface BadHeaders {
  kind: 'bad';
  message: string;
}

const memo = new Map<string, FunctionHeaders>();

/**
 * Reads the text of HEAD or REPLY. Functions answer with the same few heads again and again, so results are kept;
 * those with cookies, whose treatment depends on the host, are not.
 */
export function readFunctionHeaders(text: string, host: string): FunctionHeaders | BadHeaders {
  const known = memo.get(text);
  if (known !== undefined) return known;
  if (text.length > MAX_HEAD_CHARACTERS) return bad('the response head is too large');
  const result = parse(text, host);
  const isReusable = text.length <= MEMO_TEXT_CHARACTERS && !COOKIE.test(text);
  if (result.kind === 'ok' && isReusable) {
    if (memo.size >= MEMO_ENTRIES) memo.clear();
    memo.set(text, result);
  }
  return result;
}

function parse(text: string, host: string): FunctionHeaders | BadHeaders {
  const list: string[] = [];
  let contentLength: number | null = null;
  const fields = text === '' ? [] : text.split('\n');
  if (fields.length % 2 !== 0) return bad('a response header has no value');
  for (let at = 0; at < fields.length; at += 2) {
    const name = (fields[at] ?? '').toLowerCase();
    const value = fields[at + 1] ?? '';
    if (!TOKEN.test(name)) return bad('a response header has an invalid name');
    if (!FIELD_VALUE.test(value)) return bad(`the response header ${name} has an invalid value`);
    if (name === 'content-length') {
      if (!LENGTH.test(value)) return bad('the Content-Length is no number');
      if (contentLength !== null && contentLength !== Number(value)) {
        return bad('there are two different Content-Lengths');
      }
      contentLength = Number(value);
    } else if (mayPass(name, value, host)) {
      list.push(name, value);
    }
  }
  return { kind: 'ok', list, lines: headerLines(list), contentLength };
}

/** `name: value\r\n` of each pair; the caller has checked that neither holds a line end. */
export function headerLines(list: readonly string[]): string {
  let lines = '';
  for (let at = 0; at + 1 < list.length; at += 2) lines += `${list[at]}: ${list[at + 1]}\r\n`;
  return lines;
}

function mayPass(name: string, value: string, host: string): boolean {
  if (DROPPED.has(name) || name.startsWith('x-fn-')) return false;
  return name !== 'set-cookie' || isCookieForHost(value, host);
}

/** A cookie for a parent domain would reach the functions of others. */
function isCookieForHost(cookie: string, host: string): boolean {
  for (const attribute of cookie.split(';').slice(1)) {
    const [name = '', value = ''] = attribute.split('=', 2);
    if (name.trim().toLowerCase() !== 'domain') continue;
    const domain = value.trim().toLowerCase().replace(/^\./, '');
    if (domain !== '' && domain !== host) return false;
  }
  return true;
}

function bad(message: string): BadHeaders {
  return { kind: 'bad', message };
}

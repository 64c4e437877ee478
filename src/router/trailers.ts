/**
 * Trailers (RFC 9110 section 6.5), in the form of protocol/worker.ts. They come after everything was decided by the
 * headers, so what frames, routes, authorises or describes a message has no place in them and is left out.
 */
import type { IncomingMessage } from 'node:http';

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const FIELD_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
/** More are dropped: nobody has a use for them. */
const MAX_TRAILERS = 100;
const MAX_CHARACTERS = 16 * 1024;

const REFUSED = new Set([
  'age',
  'authorization',
  'cache-control',
  'clear-site-data',
  'connection',
  'content-encoding',
  'content-length',
  'content-range',
  'content-type',
  'cookie',
  'date',
  'expect',
  'expires',
  'forwarded',
  'host',
  'keep-alive',
  'location',
  'max-forwards',
  'proxy-authenticate',
  'proxy-authorization',
  'range',
  'retry-after',
  'set-cookie',
  'strict-transport-security',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'vary',
  'warning',
  'www-authenticate',
  'x-real-ip',
  'x-request-id',
]);

/** What a function may see of a client's: the text of BODY_END. */
export function requestTrailers({ rawTrailers }: IncomingMessage): string {
  if (rawTrailers.length === 0) return '';
  const fields: string[] = [];
  for (let at = 0; at + 1 < rawTrailers.length; at += 2) {
    fields.push((rawTrailers[at] ?? '').toLowerCase(), rawTrailers[at + 1] ?? '');
  }
  return allowed(fields).flat().join('\n');
}

/** What a client may see of a function's. */
export function responseTrailers(text: string): [name: string, value: string][] {
  if (text.length > MAX_CHARACTERS) return [];
  return allowed(text.split('\n'));
}

function allowed(fields: readonly string[]): [string, string][] {
  const pairs: [string, string][] = [];
  for (let at = 0; at + 1 < fields.length && pairs.length < MAX_TRAILERS; at += 2) {
    const name = (fields[at] ?? '').toLowerCase();
    const value = fields[at + 1] ?? '';
    if (mayPass(name) && FIELD_VALUE.test(value)) pairs.push([name, value]);
  }
  return pairs;
}

function mayPass(name: string): boolean {
  const isPlatforms = /^x-(?:fn|gitfn|forwarded)-/.test(name) || name.includes('_');
  return TOKEN.test(name) && !isPlatforms && !REFUSED.has(name);
}

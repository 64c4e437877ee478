import type { IncomingMessage } from 'node:http';
import { parse as parseQuery } from 'node:querystring';
import type { PathParameters } from '../../protocol/path-pattern.ts';

/** What the helpers of one request are made of. */
export interface HelperSource {
  parameters: PathParameters | null;
  /** The body, when it was read before the call. */
  bytes: Buffer | null;
  style: 'vercel' | 'google';
}

/** The client's fault: thrown where `req.body` is read. */
export class BadRequestBody extends Error {
  readonly statusCode = 400;
}

type Sources = WeakMap<IncomingMessage, HelperSource>;
type Reader = (request: IncomingMessage, source: HelperSource) => unknown;

const NOTHING: HelperSource = { parameters: null, bytes: null, style: 'vercel' };

/** Properties for a prototype. Each value is made when it is first asked for, and can be replaced. */
export function requestHelpers(sources: Sources, isGoogle: boolean): PropertyDescriptorMap {
  const lazy = (name: string, read: Reader): PropertyDescriptorMap => ({
    [name]: {
      configurable: true,
      get(this: IncomingMessage) {
        const value = read(this, sources.get(this) ?? NOTHING);
        own(this, name, value);
        return value;
      },
      set(this: IncomingMessage, value: unknown) {
        own(this, name, value);
      },
    },
  });
  const common = {
    ...lazy('query', queryOf),
    ...lazy('cookies', cookiesOf),
    ...lazy('body', bodyOf),
  };
  return isGoogle ? { ...common, ...googleHelpers(lazy) } : common;
}

function own(target: object, name: string, value: unknown): void {
  Object.defineProperty(target, name, {
    value,
    writable: true,
    enumerable: true,
    configurable: true,
  });
}

/** Of Express, what functions on Google's platform use. */
function googleHelpers(lazy: (name: string, read: Reader) => PropertyDescriptorMap) {
  const header = {
    configurable: true,
    writable: true,
    value(this: IncomingMessage, name: string) {
      const wanted = name.toLowerCase();
      const { headers } = this;
      return wanted === 'referer' || wanted === 'referrer'
        ? (headers.referrer ?? headers.referer)
        : headers[wanted];
    },
  };
  return {
    ...lazy('rawBody', (_request, { bytes }) => bytes ?? undefined),
    ...lazy('path', pathOf),
    ...lazy('originalUrl', ({ url }) => url),
    ...lazy('ip', ({ socket }) => socket.remoteAddress),
    ...lazy('protocol', (request) => (isSecure(request) ? 'https' : 'http')),
    ...lazy('secure', isSecure),
    ...lazy('hostname', ({ headers }) => headers.host?.replace(/:\d+$/, '')),
    get: header,
    header,
  };
}

function isSecure({ socket }: IncomingMessage): boolean {
  return (socket as { encrypted?: boolean }).encrypted === true;
}

function pathOf({ url = '' }: IncomingMessage): string {
  return url.split('?', 1)[0] ?? '';
}

/** Names may be anything: the object inherits nothing. A name that is there twice has a list of values. */
function queryOf({ url = '' }: IncomingMessage, { parameters }: HelperSource): unknown {
  const queryAt = url.indexOf('?');
  const query = parseQuery(queryAt === -1 ? '' : url.slice(queryAt + 1));
  return parameters === null ? query : Object.assign(query, parameters);
}

function cookiesOf({ headers }: IncomingMessage): Record<string, string> {
  const cookies = Object.create(null) as Record<string, string>;
  for (const pair of (headers.cookie ?? '').split(';')) {
    const equalsAt = pair.indexOf('=');
    if (equalsAt === -1) continue;
    const name = pair.slice(0, equalsAt).trim();
    // The first of a name is the most specific (RFC 6265 section 5.4).
    if (name !== '' && !(name in cookies)) cookies[name] = cookieValue(pair.slice(equalsAt + 1));
  }
  return cookies;
}

function cookieValue(text: string): string {
  const value = text.trim().replace(/^"(.*)"$/, '$1');
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}

/** @throws BadRequestBody */
function bodyOf({ headers }: IncomingMessage, { bytes, style }: HelperSource): unknown {
  const isEmpty = bytes === null || bytes.length === 0;
  if (isEmpty) return style === 'google' ? {} : undefined;
  const type = (headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
  if (type === 'application/json' || type.endsWith('+json')) return parseJson(bytes);
  if (type === 'application/x-www-form-urlencoded') return parseQuery(bytes.toString());
  return type.startsWith('text/') ? bytes.toString() : bytes;
}

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString()) as unknown;
  } catch {
    throw new BadRequestBody('Invalid JSON');
  }
}

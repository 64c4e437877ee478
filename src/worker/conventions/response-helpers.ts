import type { ServerResponse } from 'node:http';
import { nodeHttp } from './node-http.ts';

type Method = (this: ServerResponse, ...parameters: never[]) => unknown;

const JSON_TYPE = 'application/json; charset=utf-8';
const HTML_TYPE = 'text/html; charset=utf-8';
const BYTES_TYPE = 'application/octet-stream';
/** `res.type('json')`. */
const TYPES: Record<string, string> = {
  json: JSON_TYPE,
  html: HTML_TYPE,
  text: 'text/plain; charset=utf-8',
  txt: 'text/plain; charset=utf-8',
  xml: 'application/xml',
  bin: BYTES_TYPE,
};

/** Properties for a prototype. Express redirects with 302, Vercel with 307. */
export function responseHelpers(isGoogle: boolean): PropertyDescriptorMap {
  const methods: Record<string, Method> = { status, json, send, redirect: redirectBy(isGoogle) };
  if (isGoogle) {
    const getHeader: Method = function (name: string) {
      return this.getHeader(name);
    };
    Object.assign(methods, {
      set,
      header: set,
      get: getHeader,
      type,
      contentType: type,
      sendStatus,
    });
  }
  return Object.fromEntries(
    Object.entries(methods).map(([name, value]) => [
      name,
      { value, writable: true, configurable: true },
    ]),
  );
}

function status(this: ServerResponse, code: number): ServerResponse {
  this.statusCode = code;
  return this;
}

function json(this: ServerResponse, value: unknown): ServerResponse {
  defaultType(this, JSON_TYPE);
  return finish(this, JSON.stringify(value) ?? '');
}

function send(this: ServerResponse, body?: unknown): ServerResponse {
  if (body === undefined || body === null) return finish(this, '');
  if (typeof body === 'string') {
    defaultType(this, HTML_TYPE);
    return finish(this, body);
  }
  if (ArrayBuffer.isView(body)) {
    defaultType(this, BYTES_TYPE);
    return finish(this, Buffer.from(body.buffer, body.byteOffset, body.byteLength));
  }
  return json.call(this, body);
}

/** `redirect(url)` or `redirect(status, url)`. */
function redirectBy(isGoogle: boolean): Method {
  return function (first: number | string, second?: string) {
    const hasStatus = typeof first === 'number';
    this.statusCode = hasStatus ? first : isGoogle ? 302 : 307;
    const url = hasStatus ? second : first;
    if (typeof url !== 'string') throw new TypeError('redirect needs a URL');
    this.setHeader('location', encodeURI(url).replaceAll('%25', '%'));
    defaultType(this, 'text/plain; charset=utf-8');
    return finish(this, `Redirecting to ${url}`);
  };
}

function set(
  this: ServerResponse,
  names: string | Record<string, string>,
  value?: string | string[],
): ServerResponse {
  if (typeof names === 'object') {
    for (const [name, one] of Object.entries(names)) this.setHeader(name, one);
  } else {
    this.setHeader(names, Array.isArray(value) ? value : String(value));
  }
  return this;
}

function type(this: ServerResponse, name: string): ServerResponse {
  const known = Object.hasOwn(TYPES, name) ? TYPES[name] : undefined;
  this.setHeader('content-type', known ?? name);
  return this;
}

function sendStatus(this: ServerResponse, code: number): ServerResponse {
  this.statusCode = code;
  this.setHeader('content-type', 'text/plain; charset=utf-8');
  return finish(this, nodeHttp().STATUS_CODES[code] ?? String(code));
}

function defaultType(response: ServerResponse, value: string): void {
  if (!response.hasHeader('content-type')) response.setHeader('content-type', value);
}

/** Answers to HEAD say how long the body would be. */
function finish(response: ServerResponse, body: string | Buffer): ServerResponse {
  const { statusCode } = response;
  if (statusCode === 204 || statusCode === 304) {
    response.removeHeader('content-type');
    return response.end();
  }
  response.setHeader('content-length', Buffer.byteLength(body));
  return response.end(body);
}

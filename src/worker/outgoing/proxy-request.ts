/**
 * What the clients of proxy.ts say first, as pure readers of bytes: SOCKS5 (RFC 1928; CONNECT alone, no
 * authentication), HTTP CONNECT and requests with an absolute URL (RFC 9112 section 3.2). Each answers null while
 * bytes are missing, and throws what the client shall be told.
 */
import { isIP } from 'node:net';
import type { ConnectTarget } from '../../protocol/egress-channel.ts';

/** What was read, and how many bytes it had. */
export interface Read<Value> {
  value: Value;
  bytes: number;
}

export interface HttpProxyRequest {
  target: ConnectTarget;
  /** What the target is sent before all else; null for CONNECT, whose bytes are the client's own. */
  head: string | null;
}

/** Nothing that this proxy does; `answer` says so in the client's protocol. */
export class ProxyRefusal extends Error {
  readonly answer: Buffer;

  constructor(message: string, answer: Buffer) {
    super(message);
    this.answer = answer;
  }
}

/** As curl and web servers bound it. */
export const MAX_PROXY_HEAD_BYTES = 16 * 1024;
export const SOCKS_VERSION = 5;
export const SOCKS_REPLY = {
  OPEN: 0,
  FAILED: 1,
  NOT_ALLOWED: 2,
  NETWORK_UNREACHABLE: 3,
  HOST_UNREACHABLE: 4,
  REFUSED: 5,
  TIMED_OUT: 6,
  NO_SUCH_COMMAND: 7,
  NO_SUCH_ADDRESS: 8,
} as const;

const NO_AUTHENTICATION = 0;
const NO_METHOD = 0xff;
const CONNECT = 1;
const ADDRESS_TYPE = { IPV4: 1, NAME: 3, IPV6: 4 } as const;
const HEAD_END = '\r\n\r\n';
const DEFAULT_HTTP_PORT = 80;
const REQUEST_LINE = /^([!#$%&'*+.^_`|~\w-]+) (\S+) (HTTP\/1\.[01])$/;
const ABSOLUTE_URL = /^http:\/\/([^/?#]+)([^#]*)/i;
const AUTHORITY = /^(?:\[([\da-f:.]+)\]|([^\s:@[\]/?#]+))(?::(\d{1,5}))?$/i;
/** Of this hop alone; whom the request is for is said anew. */
const HOP_FIELD = /^(?:proxy-[^:]*|connection|keep-alive|host) *:/i;

/** Of a client that has said nothing but its version: which ways of saying who it is it has. */
export function readSocksGreeting(bytes: Buffer): Read<null> | null {
  const count = bytes[1];
  if (count === undefined || bytes.length < 2 + count) return null;
  const methods = bytes.subarray(2, 2 + count);
  if (methods.includes(NO_AUTHENTICATION)) return { value: null, bytes: 2 + count };
  throw new ProxyRefusal('it wants to say who it is', Buffer.from([SOCKS_VERSION, NO_METHOD]));
}

export function socksGreetingReply(): Buffer {
  return Buffer.from([SOCKS_VERSION, NO_AUTHENTICATION]);
}

/** The address that replies have is nobody's: clients have no use for it. */
export function socksReply(code: number): Buffer {
  return Buffer.from([SOCKS_VERSION, code, 0, ADDRESS_TYPE.IPV4, 0, 0, 0, 0, 0, 0]);
}

export function readSocksRequest(bytes: Buffer): Read<ConnectTarget> | null {
  const [version, command, , type] = bytes;
  if (type === undefined) return null;
  const refuse = (code: number): ProxyRefusal =>
    new ProxyRefusal('no SOCKS request that is done', socksReply(code));
  if (version !== SOCKS_VERSION) throw refuse(SOCKS_REPLY.FAILED);
  if (command !== CONNECT) throw refuse(SOCKS_REPLY.NO_SUCH_COMMAND);
  const place = socksAddressPlace(bytes, type);
  if (place === null) throw refuse(SOCKS_REPLY.NO_SUCH_ADDRESS);
  const end = place.start + place.bytes + 2;
  if (bytes.length < end) return null;
  const host = socksHost(bytes.subarray(place.start, place.start + place.bytes), type);
  const port = bytes.readUInt16BE(end - 2);
  if (host === '' || port === 0) throw refuse(SOCKS_REPLY.FAILED);
  return { value: { host, port }, bytes: end };
}

function socksAddressPlace(bytes: Buffer, type: number): { start: number; bytes: number } | null {
  switch (type) {
    case ADDRESS_TYPE.IPV4:
      return { start: 4, bytes: 4 };
    case ADDRESS_TYPE.IPV6:
      return { start: 4, bytes: 16 };
    case ADDRESS_TYPE.NAME:
      return { start: 5, bytes: bytes[4] ?? 0 };
    default:
      return null;
  }
}

function socksHost(address: Buffer, type: number): string {
  if (type === ADDRESS_TYPE.NAME) return address.toString('latin1');
  if (type === ADDRESS_TYPE.IPV4) return address.join('.');
  return (address.toString('hex').match(/.{4}/g) ?? []).join(':');
}

export function readHttpRequest(bytes: Buffer): Read<HttpProxyRequest> | null {
  const end = bytes.indexOf(HEAD_END);
  if (end < 0) return null;
  const [first = '', ...fields] = bytes.toString('latin1', 0, end).split('\r\n');
  const [, method = '', url = '', version = ''] = REQUEST_LINE.exec(first) ?? [];
  const value =
    method === 'CONNECT' ? tunnelRequest(url) : plainRequest({ method, url, version, fields });
  if (value !== null) return { value, bytes: end + HEAD_END.length };
  const message =
    'This is a proxy. Ask it for http://host/path, or to CONNECT to host:port; https goes by CONNECT.';
  throw new ProxyRefusal(message, httpError('400 Bad Request', message));
}

function tunnelRequest(authority: string): HttpProxyRequest | null {
  const target = readAuthority(authority, null);
  return target === null ? null : { target, head: null };
}

interface PlainRequest {
  method: string;
  url: string;
  version: string;
  fields: readonly string[];
}

/** One request a connection: its answer ends with it, so nothing has to be known of bodies. */
function plainRequest({ method, url, version, fields }: PlainRequest): HttpProxyRequest | null {
  const [, authority = '', rest = ''] = ABSOLUTE_URL.exec(url) ?? [];
  const target = readAuthority(authority.replace(/^[^@]*@/, ''), DEFAULT_HTTP_PORT);
  // A folded line would be a part of the one before it, which may be left out.
  if (target === null || fields.some((field) => /^[ \t]|[\r\n\0]/.test(field))) return null;
  const path = rest.startsWith('/') ? rest : `/${rest}`;
  const lines = [
    `${method} ${path} ${version}`,
    `Host: ${authority.replace(/^[^@]*@/, '')}`,
    ...fields.filter((field) => !HOP_FIELD.test(field)),
    'Connection: close',
  ];
  return { target, head: lines.join('\r\n') + HEAD_END };
}

/** `host:port`; without a port null, unless it has a default. */
function readAuthority(text: string, defaultPort: number | null): ConnectTarget | null {
  const [, address, name = '', digits] = AUTHORITY.exec(text) ?? [];
  if (address !== undefined && isIP(address) !== 6) return null;
  const port = digits === undefined ? defaultPort : Number(digits);
  const host = address ?? name;
  if (host === '' || port === null || port < 1 || port > 65_535) return null;
  return { host, port };
}

export function httpError(status: string, message: string): Buffer {
  const body = `${message}\n`;
  return Buffer.from(
    `HTTP/1.1 ${status}\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}${HEAD_END}${body}`,
  );
}

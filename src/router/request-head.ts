/**
 * What the door lets in. Node's parser has checked the syntax of HTTP/1.1; this refuses what the parser accepts
 * and two readers could take for two things, and rewrites the headers so that a function can believe those that
 * name the client.
 */
import { hostName } from './host-name.ts';
import { NO_SECRETS, SHARE_HEADER, takeShareCookies, withSecret } from './private/index.ts';

/** Pairs of a name and a value; more are refused with 431. */
const MAX_HEADERS = 100;

export interface RequestFacts {
  method: string;
  target: string;
  httpVersion: string;
  /** name, value, name, value, … as received. */
  rawHeaders: readonly string[];
}

export interface RequestHead {
  kind: 'ok';
  /** In lower case, without port. */
  host: string;
  /** As received. */
  hostHeader: string;
  /** `\nname\nvalue` of each header that a function may see; forwarding headers not yet added. */
  headerLines: string;
  hasBody: boolean;
  /** Null for a chunked body, or none. */
  contentLength: number | null;
  /** Of share links; no function ever sees one. */
  shareSecrets: readonly string[];
  /** As received, for those who trust the peer. */
  forwardedFor: string;
  forwardedProto: string;
}

export interface RefusedRequest {
  kind: 'refused';
  status: 400 | 405 | 417 | 426 | 431 | 505;
  message: string;
}

/** Headers that concern one connection only (RFC 9110 section 7.6.1), or that the door sets itself. */
const DROPPED = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'expect',
  'forwarded',
  'proxy', // Becomes HTTP_PROXY in CGI-like variables (CVE-2016-5385).
  'x-request-id',
  'x-real-ip',
]);
/** Naming these in Connection would take from a message what says where it goes or how long it is. */
const NEVER_NOMINATED = new Set(['', 'close', 'keep-alive', 'host', 'content-length']);

export function readRequestHead(facts: RequestFacts): RequestHead | RefusedRequest {
  const { rawHeaders, method, target, httpVersion } = facts;
  if (rawHeaders.length > 2 * MAX_HEADERS) return refused(431, 'Too many headers');
  if (method === 'TRACE' || method === 'CONNECT') return refused(405, 'Method not allowed');
  // Node reads lines without a version as HTTP/0.9, and takes 2.0 in the first line of a text.
  if (httpVersion !== '1.1' && httpVersion !== '1.0') {
    return refused(505, 'This port speaks HTTP/1.1');
  }
  if (!target.startsWith('/') && !(target === '*' && method === 'OPTIONS')) {
    return refused(400, 'The request target must be a path');
  }
  const head: RequestHead = {
    kind: 'ok',
    host: '',
    hostHeader: '',
    headerLines: '',
    hasBody: false,
    contentLength: null,
    shareSecrets: NO_SECRETS,
    forwardedFor: '',
    forwardedProto: '',
  };
  let connection = '';
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = (rawHeaders[at] ?? '').toLowerCase();
    const value = rawHeaders[at + 1] ?? '';
    switch (name) {
      case 'host': {
        if (head.hostHeader !== '') return refused(400, 'More than one Host header');
        const host = hostName(value);
        if (host === null) return refused(400, 'Bad Host header');
        head.host = host;
        head.hostHeader = value;
        break;
      }
      case 'connection':
        connection += `,${value.toLowerCase()}`;
        continue;
      case 'transfer-encoding':
        if (head.hasBody || httpVersion !== '1.1' || value.toLowerCase() !== 'chunked') {
          return refused(400, 'Unsupported Transfer-Encoding');
        }
        head.hasBody = true;
        continue;
      case 'content-length':
        if (head.contentLength !== null) return refused(400, 'More than one Content-Length header');
        head.contentLength = Number(value);
        if (head.contentLength > 0) head.hasBody = true;
        break;
      case 'expect':
        if (value.toLowerCase() === '100-continue') continue;
        return refused(417, 'Only 100-continue can be expected');
      case 'upgrade':
        return value.toLowerCase() === 'websocket'
          ? refused(426, 'WebSocket connections are not supported')
          : refused(400, 'Upgrade is not supported');
      case 'cookie': {
        const taken = takeShareCookies(value, head.shareSecrets);
        if (taken === null) break;
        head.shareSecrets = taken.secrets;
        if (taken.rest !== null) head.headerLines += `\ncookie\n${taken.rest}`;
        continue;
      }
      case SHARE_HEADER:
        head.shareSecrets = withSecret(head.shareSecrets, value);
        continue;
      case 'x-forwarded-for':
        head.forwardedFor += head.forwardedFor === '' ? value : `, ${value}`;
        continue;
      case 'x-forwarded-proto':
        head.forwardedProto = value;
        continue;
      default:
        if (isForPlatform(name)) continue;
    }
    head.headerLines += `\n${name}\n${value}`;
  }
  if (head.hostHeader === '') return refused(400, 'No Host header');
  if (connection !== '') head.headerLines = withoutNominated(head.headerLines, connection);
  return head;
}

/** Names that only the platform may set, and those that become others' names in CGI-like variables. */
export function isForPlatform(name: string): boolean {
  return (
    DROPPED.has(name) ||
    name.startsWith('x-fn-') ||
    name.startsWith('x-forwarded-') ||
    name.startsWith('x-gitfn-') ||
    name.includes('_')
  );
}

/** What a Connection header names, in lower case: it concerns this connection only (RFC 9110 section 7.6.1). */
export function nominatedBy(connection: string): Set<string> {
  const tokens = connection.split(',').map((token) => token.trim().toLowerCase());
  return new Set(tokens.filter((token) => !NEVER_NOMINATED.has(token)));
}

/** Drops what the Connection header names. */
function withoutNominated(lines: string, connection: string): string {
  const nominated = nominatedBy(connection);
  if (nominated.size === 0) return lines;
  const fields = lines.split('\n');
  let kept = '';
  for (let at = 1; at + 1 < fields.length; at += 2) {
    const name = fields[at] ?? '';
    if (!nominated.has(name)) kept += `\n${name}\n${fields[at + 1] ?? ''}`;
  }
  return kept;
}

function refused(status: RefusedRequest['status'], message: string): RefusedRequest {
  return { kind: 'refused', status, message };
}

/**
 * The event of one HTTP request: AWS's HTTP API payload format 2.0, plus `method`, `path`, `query` and `rawBody`
 * for handlers that were written for plain objects. What AWS leaves out when there is none is left out here too.
 */
import { isUtf8 } from 'node:buffer';
import type { PathParameters } from '../../protocol/path-pattern.ts';
import { REQUEST_ID_HEADER, type InvokeHead } from '../../protocol/invoke.ts';
import type { ParameterReader } from './path-parameters.ts';

export type LambdaEvent = Record<string, unknown>;

const DATA_PROPERTY = { enumerable: true, configurable: true, writable: true };

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** What of an event depends on the function. */
export interface EventShape {
  /** Of the path; null when its pattern names none. */
  parameters: ParameterReader | null;
  /** The body stays the raw text, as AWS has it, also when it is JSON. */
  hasRawBody: boolean;
}

export function createLambdaEvent(
  head: InvokeHead,
  body: Buffer | null,
  shape: EventShape,
): LambdaEvent {
  const { target, method } = head;
  const queryAt = target.indexOf('?');
  const path = queryAt === -1 ? target : target.slice(0, queryAt);
  const rawQuery = queryAt === -1 ? '' : target.slice(queryAt + 1);
  const { headers, cookies } = headersOf(head);
  const query = parseQuery(rawQuery);
  const host = headers['host'] ?? '';
  const timeEpoch = Date.now();
  const event: LambdaEvent = {
    version: '2.0',
    routeKey: '$default',
    rawPath: path,
    rawQueryString: rawQuery,
    headers,
    requestContext: {
      accountId: 'anonymous',
      apiId: 'fn',
      domainName: host,
      domainPrefix: firstLabel(host),
      http: {
        method,
        path,
        protocol: 'HTTP/1.1',
        sourceIp: head.peer,
        userAgent: headers['user-agent'] ?? '',
      },
      requestId: head.requestId,
      routeKey: '$default',
      stage: '$default',
      time: formatTime(timeEpoch),
      timeEpoch,
    },
    isBase64Encoded: false,
    method,
    path,
    query: query ?? {},
  };
  if (cookies !== null) event['cookies'] = cookies;
  if (query !== null) event['queryStringParameters'] = query;
  if (shape.parameters !== null) addPathParameters(event, shape.parameters(target));
  if (body !== null) addBody(event, body, { headers, hasRawBody: shape.hasRawBody });
  return event;
}

function addPathParameters(event: LambdaEvent, parameters: PathParameters | null): void {
  if (parameters !== null) event['pathParameters'] = { ...parameters };
}

function firstLabel(host: string): string {
  const dotAt = host.indexOf('.');
  return dotAt === -1 ? host : host.slice(0, dotAt);
}

interface CollectedHeaders {
  headers: Record<string, string>;
  cookies: string[] | null;
}

let lastPairs: readonly string[] = [];
let lastCollected: CollectedHeaders = { headers: {}, cookies: null };

/** A copy of its own for each event, since handlers may change it. */
function headersOf({ sharedHeaders, requestId }: InvokeHead): CollectedHeaders {
  if (sharedHeaders !== lastPairs) {
    lastCollected = collectHeaders(sharedHeaders);
    lastPairs = sharedHeaders;
  }
  const { headers, cookies } = lastCollected;
  return {
    headers: { ...headers, [REQUEST_ID_HEADER]: requestId },
    cookies: cookies === null ? null : [...cookies],
  };
}

function collectHeaders(pairs: readonly string[]): CollectedHeaders {
  const headers: Record<string, string> = {};
  let cookie: string | null = null;
  for (let at = 0; at + 1 < pairs.length; at += 2) {
    const name = pairs[at] ?? '';
    const value = pairs[at + 1] ?? '';
    if (name === 'cookie') cookie = cookie === null ? value : `${cookie}; ${value}`;
    else add(headers, name, value);
  }
  if (cookie === null) return { headers, cookies: null };
  headers['cookie'] = cookie;
  return { headers, cookies: cookie.split(/; */) };
}

/**
 * Repeated names are joined by commas, as AWS does. The names come from outside: what an object inherits is no value
 * that came before, and `__proto__` is a name like any other.
 */
function add(values: Record<string, string>, name: string, value: string): void {
  const before = values[name];
  if (before !== undefined && Object.hasOwn(values, name)) {
    values[name] = `${before},${value}`;
  } else if (name === '__proto__') {
    Object.defineProperty(values, name, { value, ...DATA_PROPERTY });
  } else {
    values[name] = value;
  }
}

function parseQuery(raw: string): Record<string, string> | null {
  if (raw === '') return null;
  const query: Record<string, string> = {};
  for (const [name, value] of new URLSearchParams(raw)) {
    add(query, name, value);
  }
  return query;
}

function addBody(
  event: LambdaEvent,
  body: Buffer,
  { headers, hasRawBody }: { headers: Record<string, string>; hasRawBody: boolean },
): void {
  const type = headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase() ?? '';
  const isEncoded = (headers['content-encoding'] ?? 'identity') !== 'identity';
  if (isEncoded || !isText(type) || !isUtf8(body)) {
    const encoded = body.toString('base64');
    Object.assign(event, { body: encoded, rawBody: encoded, isBase64Encoded: true });
    return;
  }
  const text = body.toString();
  event['rawBody'] = text;
  event['body'] = isJson(type) && !hasRawBody ? parsedBody(text) : text;
}

function isJson(type: string): boolean {
  return type === 'application/json' || type.endsWith('+json');
}

function isText(type: string): boolean {
  return (
    type === '' ||
    type.startsWith('text/') ||
    isJson(type) ||
    /^application\/(x-www-form-urlencoded|javascript|xml|graphql|x-ndjson)$/.test(type) ||
    type.endsWith('+xml')
  );
}

/**
 * The parsed value. An object or array also turns back into the text that it came from, because code written for
 * Lambda calls `JSON.parse(event.body)`; unless the data has a `toString` of its own, which stays. What does not
 * parse stays text.
 */
function parsedBody(text: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return text;
  }
  if (typeof value !== 'object' || value === null || Object.hasOwn(value, 'toString')) return value;
  return Object.defineProperty(value, 'toString', {
    value: () => text,
    enumerable: false,
    configurable: true,
    writable: true,
  });
}

let formattedSecond = -1;
let formattedText = '';

/** As in `12/Mar/2020:19:03:58 +0000`; kept for the second, since every event carries it. */
function formatTime(epochMs: number): string {
  const second = Math.floor(epochMs / 1000);
  if (second !== formattedSecond) {
    const date = new Date(epochMs);
    const two = (value: number): string => String(value).padStart(2, '0');
    const day = `${two(date.getUTCDate())}/${MONTHS[date.getUTCMonth()]}/${date.getUTCFullYear()}`;
    const time = [date.getUTCHours(), date.getUTCMinutes(), date.getUTCSeconds()]
      .map(two)
      .join(':');
    formattedText = `${day}:${time} +0000`;
    formattedSecond = second;
  }
  return formattedText;
}

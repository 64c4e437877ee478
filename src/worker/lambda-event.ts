/**
 * The event of one HTTP request: AWS's HTTP API payload format 2.0, plus `method`, `path`, `query` and `rawBody`
 * for handlers that were written for plain objects. What AWS leaves out when there is none is left out here too.
 */
import type { InvokeHead } from '../protocol/worker.ts';

export type LambdaEvent = Record<string, unknown>;

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

export function createLambdaEvent(head: InvokeHead, body: Buffer | null): LambdaEvent {
  const { target, method } = head;
  const queryAt = target.indexOf('?');
  const path = queryAt === -1 ? target : target.slice(0, queryAt);
  const rawQuery = queryAt === -1 ? '' : target.slice(queryAt + 1);
  const { headers, cookies } = collectHeaders(head.headers);
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
      domainPrefix: host.split('.', 1)[0],
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
  if (body !== null) addBody(event, headers['content-type'] ?? '', body);
  return event;
}

function collectHeaders(pairs: string[]): {
  headers: Record<string, string>;
  cookies: string[] | null;
} {
  const headers: Record<string, string> = {};
  let cookies: string[] | null = null;
  for (let at = 0; at + 1 < pairs.length; at += 2) {
    const name = pairs[at] ?? '';
    const value = pairs[at + 1] ?? '';
    const before = headers[name];
    headers[name] =
      before === undefined ? value : `${before}${name === 'cookie' ? '; ' : ','}${value}`;
    if (name === 'cookie') cookies = [...(cookies ?? []), ...value.split(/; */)];
  }
  return { headers, cookies };
}

/** Repeated names are joined by commas, as AWS does. */
function parseQuery(raw: string): Record<string, string> | null {
  if (raw === '') return null;
  const query: Record<string, string> = {};
  for (const [name, value] of new URLSearchParams(raw)) {
    query[name] = Object.hasOwn(query, name) ? `${query[name]},${value}` : value;
  }
  return query;
}

function addBody(event: LambdaEvent, contentType: string, body: Buffer): void {
  const type = contentType.split(';', 1)[0]?.trim().toLowerCase() ?? '';
  if (!isText(type, body)) {
    const encoded = body.toString('base64');
    Object.assign(event, { body: encoded, rawBody: encoded, isBase64Encoded: true });
    return;
  }
  const text = body.toString();
  event['rawBody'] = text;
  event['body'] = isJson(type) ? parsedBody(text) : text;
}

function isJson(type: string): boolean {
  return type === 'application/json' || type.endsWith('+json');
}

function isText(type: string, body: Buffer): boolean {
  if (type === '') return isUtf8(body);
  return (
    type.startsWith('text/') ||
    isJson(type) ||
    /^application\/(x-www-form-urlencoded|javascript|xml|graphql|x-ndjson)$/.test(type) ||
    type.endsWith('+xml')
  );
}

function isUtf8(body: Buffer): boolean {
  return Buffer.from(body.toString()).equals(body);
}

/**
 * The parsed value. An object or array also turns back into the text that it came from, because code written for
 * Lambda calls `JSON.parse(event.body)`. What does not parse stays text.
 */
function parsedBody(text: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return text;
  }
  if (typeof value !== 'object' || value === null) return value;
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

/** An empty body counts as none. */
export async function readLambdaBody(body: { readAll(): Promise<Buffer> }): Promise<Buffer | null> {
  const bytes = await body.readAll();
  return bytes.length === 0 ? null : bytes;
}

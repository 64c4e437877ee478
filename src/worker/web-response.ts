/** Requests and responses as the web's own classes. */
import type { Invocation } from './invocation.ts';
import { responseHeadText, type HeaderPairs } from './response-headers.ts';

/** Turns of the microtask queue that a finished body needs to say so. */
const TURNS_TO_END = 8;

export function createWebRequest(invocation: Invocation): Request {
  const { head, body } = invocation;
  const headers: [string, string][] = [];
  let host = 'localhost';
  for (let at = 0; at + 1 < head.headers.length; at += 2) {
    const name = head.headers[at] ?? '';
    const value = head.headers[at + 1] ?? '';
    if (name === 'host') host = value;
    headers.push([name, value]);
  }
  const path = head.target.startsWith('/') ? head.target : `/${head.target}`;
  const init: RequestInit = { method: head.method, headers, signal: invocation.signal };
  if (body !== null && head.method !== 'GET' && head.method !== 'HEAD') {
    Object.assign(init, { body: body.stream(), duplex: 'half' });
  }
  return new Request(`${head.scheme}://${host}${path}`, init);
}

/** Also true for a Response of another implementation, which frameworks bring along. */
export function isWebResponse(value: unknown): value is Response {
  if (typeof value !== 'object' || value === null) return false;
  const response = value as Partial<Response>;
  return (
    typeof response.arrayBuffer === 'function' && typeof response.headers?.forEach === 'function'
  );
}

export async function sendWebResponse(invocation: Invocation, response: Response): Promise<void> {
  if (response.status < 200 || response.status > 599) {
    throw new TypeError(`the handler returned status ${response.status}`);
  }
  if (response.bodyUsed) throw new TypeError('the body of the returned Response was already read');
  const headers: HeaderPairs = [...response.headers];
  responseHeadText(headers); // A bad header is an error before anything is sent.
  if (response.body === null) await invocation.reply(response.status, headers, '');
  else await sendStream(invocation, response.status, { headers, body: response.body });
}

/** A body of one chunk, which most are, goes as a whole response; any other is streamed. */
export async function sendStream(
  invocation: Invocation,
  status: number,
  { headers, body }: { headers: HeaderPairs; body: ReadableStream<Uint8Array> },
): Promise<void> {
  const reader = body.getReader();
  // A source that waits for something else than the reader would wait for ever.
  invocation.whenCancelled((reason) => void reader.cancel(reason).catch(() => {}));
  try {
    const first = await reader.read();
    if (first.done) {
      await invocation.reply(status, headers, '');
      return;
    }
    const second = reader.read();
    if (await endsAtOnce(second)) {
      await invocation.reply(status, headers, bytes(first.value));
      return;
    }
    invocation.start(status, headers, null);
    await invocation.write(bytes(first.value));
    for (let next = await second; !next.done; next = await reader.read()) {
      await invocation.write(bytes(next.value));
    }
    invocation.end();
  } catch (error) {
    await reader.cancel(error).catch(() => {}); // The function's own stream may fail to stop: it has failed anyway.
    throw error;
  }
}

/** Whether the read ends the stream within a few turns: nothing waits for a timer or a socket. */
function endsAtOnce(read: Promise<{ done: boolean }>): Promise<boolean> {
  return Promise.race([read.then(({ done }) => done), turns(TURNS_TO_END)]);
}

async function turns(count: number): Promise<boolean> {
  for (let turn = 0; turn < count; turn++) await Promise.resolve();
  return false;
}

/** Text is no part of the web's own streams, but generators and streams of Node give it. */
function bytes(value: unknown): Uint8Array {
  if (value instanceof Uint8Array) return value;
  if (typeof value === 'string') return Buffer.from(value);
  throw new TypeError('the body of a response must be a stream of bytes or text');
}

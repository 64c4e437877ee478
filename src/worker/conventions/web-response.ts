/** Responses of the web's own class, ours or another's, on their way. */
import type { Invocation, Sending } from '../invocation.ts';
import { boundedHeadText, responseHeadText, type HeaderPairs } from '../response-headers.ts';
import { isDecoded } from '../web/fetch.ts';
import { responseState, type ResponseState } from '../web/response.ts';
import { webStreams } from '../web/web-streams.ts';

/** Turns of the microtask queue that a finished body needs to say so. */
const TURNS_TO_END = 8;

/** A Response of another implementation, which frameworks bring along. */
function isWebResponse(value: object): value is Response {
  const response = value as Partial<Response>;
  return (
    typeof response.arrayBuffer === 'function' && typeof response.headers?.forEach === 'function'
  );
}

/** The response that it is, when it is one of our own class or another's; null for anything else. */
export function sendIfResponse(invocation: Invocation, value: object): Sending | 'none' {
  const state = responseState(value);
  if (state !== null) return sendOwn(invocation, state);
  return isWebResponse(value) ? sendForeign(invocation, value) : 'none';
}

/** From its state alone: what the function did to the class or to the object changes nothing here. */
function sendOwn(invocation: Invocation, { status, headers, body }: ResponseState): Sending {
  refuseUnsendable(status, body?.isUsed ?? false);
  const whole = body === null ? '' : body.takeWhole();
  if (body === null || whole !== null) {
    const text = headers.text();
    const checked = text === null ? responseHeadText(headers.pairs()) : boundedHeadText(text);
    return invocation.replyText(status, checked, whole ?? '');
  }
  const stream = body.stream();
  const pairs = isDecoded(stream) ? withoutCoding(headers.pairs()) : headers.pairs();
  responseHeadText(pairs); // A bad header is an error before anything is sent.
  return sendStream(invocation, status, { headers: pairs, body: stream });
}

async function sendForeign(invocation: Invocation, response: Response): Promise<void> {
  const { status } = response;
  refuseUnsendable(status, response.bodyUsed);
  const headers: HeaderPairs = [...response.headers];
  responseHeadText(headers);
  const body: unknown = response.body;
  if (body === null) await invocation.reply(status, headers, '');
  else if (isAsyncIterable(body)) {
    await sendStream(invocation, status, { headers, body: webStreamOf(body) });
  } else {
    await invocation.reply(status, headers, new Uint8Array(await response.arrayBuffer()));
  }
}

function refuseUnsendable(status: number, isUsed: boolean): void {
  if (status < 200 || status > 599) {
    throw new TypeError(`the handler returned status ${status}`);
  }
  if (isUsed) throw new TypeError('the body of the returned Response was already read');
}

/** Node's fetch decodes a body and leaves the headers that spoke of its coding. */
function withoutCoding(headers: HeaderPairs): HeaderPairs {
  return headers.filter(([name]) => name !== 'content-encoding' && name !== 'content-length');
}

function isAsyncIterable(value: unknown): value is AsyncIterable<Uint8Array> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
}

/** A web stream as it is; a stream of Node or a generator as one. */
export function webStreamOf(body: AsyncIterable<Uint8Array>): ReadableStream<Uint8Array> {
  const { ReadableStream } = webStreams();
  return (body instanceof ReadableStream ? body : ReadableStream.from(body)) as ReadableStream;
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

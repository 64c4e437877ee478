import { Body } from './body.ts';
import { isObject, setLength } from './convert.ts';
import { HeaderList } from './header-list.ts';
import { nativeFetch } from './native-fetch.ts';
import { requestState } from './request.ts';
import { newRequestState, type RequestState } from './request-state.ts';
import { createResponse, type Response } from './response.ts';

type NativeResponse = Awaited<ReturnType<typeof nativeFetch>>;

/** Codings that Node's fetch takes off, and leaves in the headers. */
const DECODED = new Set(['gzip', 'x-gzip', 'deflate', 'br', 'zstd']);

const decodedStreams = new WeakSet<object>();

/** Node's own fetch, by requests of ours and with answers of ours. */
export async function fetch(input: unknown, init?: unknown): Promise<Response> {
  const state = isObject(input) ? requestState(input) : null;
  if (state === null) return adopted(await nativeFetch(input as string, init as object));
  const request = newRequestState(state, init);
  return adopted(await nativeFetch(request.url, nativeInit(request)));
}

setLength(fetch, 1);

/** Whether the headers that came with the stream speak of a coding that it no longer has. */
export function isDecoded(stream: object): boolean {
  return decodedStreams.has(stream);
}

/** A copy of the state of an answer of Node's own. */
function adopted(response: NativeResponse): Response {
  const headers = HeaderList.empty();
  for (const [name, value] of response.headers) headers.append(name, value);
  const { body, status, statusText, url } = response;
  if (body !== null && hasDecoding(headers)) decodedStreams.add(body);
  return createResponse({
    status,
    statusText,
    url,
    headers,
    type: response.type,
    isRedirected: response.redirected,
    isImmutable: true,
    body: body === null ? null : adoptedBody(response, body),
  });
}

/** Holds the response: Node cancels the stream of one that nobody holds. */
function adoptedBody(response: NativeResponse, stream: ReadableStream<Uint8Array>): Body {
  return new Body({ stream: () => stream, bytes: () => response.bytes() }, 'stream');
}

function hasDecoding(headers: HeaderList): boolean {
  const codings = headers.get('content-encoding')?.toLowerCase().split(',') ?? [];
  return codings.length > 0 && codings.every((coding) => DECODED.has(coding.trim()));
}

function nativeInit(request: RequestState): RequestInit {
  const { method, headers, options, followed } = request;
  const { dispatcher, ...settings } = options;
  const body = request.body?.takeForFetch() ?? null;
  const init = { ...settings, method, headers: headers.pairs(), body, duplex: 'half' };
  const followedSignal = followed === null ? {} : { signal: followed };
  const given = dispatcher === undefined ? {} : { dispatcher };
  return { ...init, ...followedSignal, ...given } as RequestInit;
}

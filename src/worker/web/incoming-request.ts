import { REQUEST_ID_HEADER, type InvokeHead } from '../../protocol/invoke.ts';
import type { Invocation } from '../invocation.ts';
import type { RequestBody } from '../request-body.ts';
import { Body } from './body.ts';
import { HeaderList } from './header-list.ts';
import { DEFAULT_OPTIONS } from './request-init.ts';
import { RequestState, type RequestSource } from './request-state.ts';
import { createRequest, type Request } from './request.ts';

/** What the URL parser leaves as it is, if no segment begins with a dot. */
const PLAIN_TARGET = /^\/[\w\-~!$&'()*+,;=:@%/.]*(?:\?[\w\-.~!$&()*+,;=:@%/?]*)?$/;
const DOT_SEGMENT = /\/(?:\.|%2e)/i;

/** The request of an invocation for its handler. Nothing of it is parsed before it is looked at. */
export function createIncomingRequest(invocation: Invocation): Request {
  const { head, body } = invocation;
  const { method } = head;
  const hasBody = body !== null && method !== 'GET' && method !== 'HEAD';
  return createRequest(
    new RequestState(new IncomingSource(invocation), {
      method,
      options: DEFAULT_OPTIONS,
      body: hasBody ? new Body(bodySource(body), 'stream') : null,
    }),
  );
}

class IncomingSource implements RequestSource {
  readonly #invocation: Invocation;

  constructor(invocation: Invocation) {
    this.#invocation = invocation;
  }

  url(): string {
    return urlOf(this.#invocation.head);
  }

  headers(): HeaderList {
    const { sharedHeaders, requestId } = this.#invocation.head;
    return HeaderList.ofReceived(sharedHeaders, REQUEST_ID_HEADER, requestId);
  }

  signal(): AbortSignal {
    return this.#invocation.signal;
  }
}

function bodySource(body: RequestBody): { stream(): ReadableStream; bytes(): Promise<Uint8Array> } {
  return {
    stream: () => body.stream(),
    bytes: async () => (await body.readAll(Infinity)) ?? new Uint8Array(),
  };
}

function urlOf(head: InvokeHead): string {
  const origin = originOf(head);
  const target = head.target.startsWith('/') ? head.target : `/${head.target}`;
  const isPlain = PLAIN_TARGET.test(target) && !DOT_SEGMENT.test(target);
  return isPlain ? `${origin}${target}` : new URL(`${origin}${target}`).href;
}

let lastHeaders: readonly string[] | null = null;
let lastScheme = '';
let lastOrigin = '';

/** Requests of one client mostly share one array of headers, whose host is parsed once. */
function originOf({ sharedHeaders: headers, scheme }: InvokeHead): string {
  if (headers !== lastHeaders || scheme !== lastScheme) {
    lastOrigin = new URL(`${scheme}://${hostOf(headers)}/`).href.slice(0, -1);
    lastHeaders = headers;
    lastScheme = scheme;
  }
  return lastOrigin;
}

function hostOf(headers: readonly string[]): string {
  for (let at = 0; at + 1 < headers.length; at += 2) {
    if (headers[at] === 'host') return headers[at + 1] ?? '';
  }
  return 'localhost';
}

import type { Body } from './body.ts';
import { extractBody } from './body-init.ts';
import { usvString } from './convert.ts';
import { HeaderList } from './header-list.ts';
import { fillHeaders } from './headers.ts';
import {
  DEFAULT_OPTIONS,
  readRequestInit,
  type RequestInit,
  type RequestOptions,
} from './request-init.ts';

const METHOD = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const FORBIDDEN_METHODS = new Set(['CONNECT', 'TRACE', 'TRACK']);
/** These are written large whatever their case; others mean what they are. */
const NORMALISED_METHODS = new Set(['DELETE', 'GET', 'HEAD', 'OPTIONS', 'POST', 'PUT', 'QUERY']);
const NO_CORS_METHODS = new Set(['GET', 'HEAD', 'POST']);

const { AbortController: NativeAbortController, AbortSignal: NativeAbortSignal } = globalThis;

/** Where the parts of a request come from that are made when they are asked for. */
export interface RequestSource {
  url(): string;
  headers(): HeaderList;
  /** Null when nothing will ever abort it. */
  signal(): AbortSignal | null;
}

/** What a Request is made of. */
export class RequestState {
  readonly method: string;
  readonly options: Readonly<RequestOptions>;
  readonly body: Body | null;
  readonly #source: RequestSource;
  #url: string | null = null;
  #headers: HeaderList | null = null;
  #signal: AbortSignal | null = null;

  constructor(
    source: RequestSource,
    { method, options, body }: Pick<RequestState, 'method' | 'options' | 'body'>,
  ) {
    this.#source = source;
    this.method = method;
    this.options = options;
    this.body = body;
  }

  get url(): string {
    this.#url ??= this.#source.url();
    return this.#url;
  }

  get headers(): HeaderList {
    this.#headers ??= this.#source.headers();
    return this.#headers;
  }

  get signal(): AbortSignal {
    this.#signal ??= followingSignal(this.followed);
    return this.#signal;
  }

  /** The signal that aborts this request's own; null when none does. */
  get followed(): AbortSignal | null {
    return this.#source.signal();
  }

  clone(): RequestState {
    const { method, options, body } = this;
    const headers = this.headers.copy();
    const source = { url: () => this.url, headers: () => headers, signal: () => this.followed };
    return new RequestState(source, { method, options, body: body?.clone() ?? null });
  }
}

/**
 * https://fetch.spec.whatwg.org/#dom-request. `input` is the state of another request, or a URL.
 *
 * @throws TypeError
 */
export function newRequestState(input: unknown, givenInit: unknown): RequestState {
  const other = input instanceof RequestState ? input : null;
  const url = other === null ? parseUrl(usvString(input)) : '';
  const init = readRequestInit(givenInit);
  const method = init.method === undefined ? (other?.method ?? 'GET') : readMethod(init.method);
  const options = mergedOptions(other, init);
  if (init.options.mode === 'no-cors' && !NO_CORS_METHODS.has(method)) {
    throw new TypeError(`'${method} is unsupported in no-cors mode.`);
  }
  const headers = newHeaders(other, init);
  const body = newBody(other, init, { method, options, headers });
  const followed = init.signal === undefined ? (other?.followed ?? null) : init.signal;
  const source = {
    url: () => other?.url ?? url,
    headers: () => headers,
    signal: () => followed,
  };
  return new RequestState(source, { method, options, body });
}

function followingSignal(followed: AbortSignal | null): AbortSignal {
  return followed === null ? new NativeAbortController().signal : NativeAbortSignal.any([followed]);
}

function parseUrl(text: string): string {
  let url: URL;
  try {
    url = new URL(text);
  } catch (error) {
    throw new TypeError(`Failed to parse URL from ${text}`, { cause: error });
  }
  if (url.username === '' && url.password === '') return url.href;
  throw new TypeError(
    `Request cannot be constructed from a URL that includes credentials: ${text}`,
  );
}

function readMethod(method: string): string {
  if (!METHOD.test(method)) throw new TypeError(`'${method}' is not a valid HTTP method.`);
  const large = method.toUpperCase();
  if (FORBIDDEN_METHODS.has(large)) {
    throw new TypeError(`'${method}' HTTP method is unsupported.`);
  }
  return NORMALISED_METHODS.has(large) ? large : method;
}

/** A request that is given anything new no longer comes from where the other one came from. */
function mergedOptions(other: RequestState | null, init: RequestInit): Readonly<RequestOptions> {
  const inherited = other?.options ?? DEFAULT_OPTIONS;
  if (init.isEmpty) return inherited;
  const { referrer, referrerPolicy } = DEFAULT_OPTIONS;
  const options = { ...inherited, referrer, referrerPolicy, ...init.options };
  if (options.cache === 'only-if-cached' && options.mode !== 'same-origin') {
    throw new TypeError("'only-if-cached' can be set only with 'same-origin' mode");
  }
  return options;
}

function newHeaders(other: RequestState | null, { headers }: RequestInit): HeaderList {
  if (headers === undefined) return other?.headers.copy() ?? HeaderList.empty();
  const list = HeaderList.empty();
  fillHeaders(list, headers);
  return list;
}

function newBody(
  other: RequestState | null,
  init: RequestInit,
  { method, options, headers }: Pick<RequestState, 'method' | 'options' | 'headers'>,
): Body | null {
  const hasBody = init.body !== undefined && init.body !== null;
  const inherited = hasBody ? null : (other?.body ?? null);
  if ((hasBody || inherited !== null) && (method === 'GET' || method === 'HEAD')) {
    throw new TypeError('Request with GET/HEAD method cannot have body.');
  }
  if (hasBody) return initialBody(init, { options, headers });
  if (inherited === null) return null;
  if (inherited.isUnusable) {
    throw new TypeError(
      'Cannot construct a Request with a Request object that has already been used.',
    );
  }
  if (inherited.isStream) refuseModeOfStream(options);
  return inherited.handOver();
}

function initialBody(
  init: RequestInit,
  { options, headers }: Pick<RequestState, 'options' | 'headers'>,
): Body {
  const { body, type } = extractBody(init.body);
  const { isStream } = body;
  if (isStream && options.keepalive) throw new TypeError('keepalive');
  if (type !== null && !headers.has('content-type')) headers.append('content-type', type);
  if (isStream && !init.hasDuplex) {
    throw new TypeError('RequestInit: duplex option is required when sending a body.');
  }
  if (isStream) refuseModeOfStream(options);
  return body;
}

function refuseModeOfStream({ mode }: Readonly<RequestOptions>): void {
  if (mode === 'same-origin' || mode === 'cors') return;
  throw new TypeError(
    'If request is made from ReadableStream, mode should be "same-origin" or "cors"',
  );
}

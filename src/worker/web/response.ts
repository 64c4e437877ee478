import { formatWithOptions, inspect, type InspectOptions } from 'node:util';
import { markAsUncloneable } from 'node:worker_threads';
import { Body } from './body.ts';
import { extractBody, type ExtractedBody } from './body-init.ts';
import { addBodyMethods } from './body-methods.ts';
import {
  byteString,
  dictionary,
  makeEnumerable,
  nameTag,
  requireArguments,
  unsignedShort,
  usvString,
} from './convert.ts';
import { HeaderList } from './header-list.ts';
import { createHeaders, fillHeaders, INTERNAL, type Headers } from './headers.ts';

const REASON_PHRASE = /^[\t\x20-\x7e\x80-\xff]*$/;
const NULL_BODY_STATUSES = new Set([101, 204, 205, 304]);
const REDIRECT_STATUSES = new Set([301, 302, 303, 307, 308]);

/** What a Response is made of; the platform reads it here, whatever the function does to the class. */
export interface ResponseState {
  status: number;
  statusText: string;
  headers: HeaderList;
  /** Whether code can change the headers. */
  isImmutable: boolean;
  body: Body | null;
  type: 'default' | 'error' | 'basic' | 'cors' | 'opaque' | 'opaqueredirect';
  url: string;
  isRedirected: boolean;
}

type ResponseInit = Pick<ResponseState, 'status' | 'statusText'> & { headers: unknown };

/** Null for what is no object of this class, whatever it claims to be. */
let stateOf: (value: object) => ResponseState | null;

/** https://fetch.spec.whatwg.org/#response-class */
export class Response {
  readonly #state: ResponseState;
  #headers: Headers | null = null;

  static error(): Response {
    return createResponse({ ...newState(0, ''), type: 'error', isImmutable: true });
  }

  static json(data: unknown, init?: unknown): Response {
    requireArguments(arguments.length, 1, 'Response.json');
    const read = readInit(init);
    const text = JSON.stringify(data);
    if (text === undefined) throw new TypeError('Value is not JSON serializable');
    return createResponse(initialState(read, { body: new Body(text), type: 'application/json' }));
  }

  static redirect(url: unknown, status: unknown = 302): Response {
    requireArguments(arguments.length, 1, 'Response.redirect');
    const text = usvString(url);
    const code = unsignedShort(status);
    const location = URL.parse(text)?.href;
    if (location === undefined) throw new TypeError(`Failed to parse URL from ${text}`);
    if (!REDIRECT_STATUSES.has(code)) throw new RangeError(`Invalid status code ${code}`);
    const headers = HeaderList.ofOne('location', location);
    return createResponse({ ...newState(code, ''), headers, isImmutable: true });
  }

  constructor(body: unknown = null, init?: unknown) {
    markAsUncloneable(this);
    if (body === INTERNAL) {
      this.#state = init as ResponseState;
      return;
    }
    const extracted = body === null ? null : extractBody(body);
    this.#state = initialState(readInit(init), extracted);
  }

  get type(): string {
    return this.#state.type;
  }

  get url(): string {
    return this.#state.url;
  }

  get redirected(): boolean {
    return this.#state.isRedirected;
  }

  get status(): number {
    return this.#state.status;
  }

  get ok(): boolean {
    return this.#state.status >= 200 && this.#state.status <= 299;
  }

  get statusText(): string {
    return this.#state.statusText;
  }

  get headers(): Headers {
    this.#headers ??= createHeaders(this.#state.headers, this.#state.isImmutable);
    return this.#headers;
  }

  get body(): ReadableStream<Uint8Array> | null {
    return this.#state.body?.stream() ?? null;
  }

  get bodyUsed(): boolean {
    return this.#state.body?.isUsed ?? false;
  }

  clone(): Response {
    const { body, headers } = this.#state;
    if (body?.isUnusable === true) {
      throw new TypeError('Response.clone: Body has already been consumed.');
    }
    const copy = { headers: headers.copy(), body: body?.clone() ?? null };
    return createResponse({ ...this.#state, ...copy });
  }

  [inspect.custom](depth: number, options: InspectOptions): string {
    const { status, statusText, headers, body, bodyUsed, ok, redirected, type, url } = this;
    const shown = { status, statusText, headers, body, bodyUsed, ok, redirected, type, url };
    return `Response ${formatWithOptions({ ...options, depth: options.depth ?? 2 }, shown)}`;
  }

  static {
    stateOf = (value) => (#state in value ? value.#state : null);
  }
}

addBodyMethods(Response.prototype, messageOf);
makeEnumerable(Response, ['json', 'redirect', 'error']);
makeEnumerable(Response.prototype, [
  'type',
  'url',
  'status',
  'ok',
  'redirected',
  'statusText',
  'headers',
  'clone',
  'body',
  'bodyUsed',
]);
nameTag(Response.prototype, 'Response');

export function createResponse(state: ResponseState): Response {
  return new Response(INTERNAL, state);
}

/** Null for responses of other implementations. */
export function responseState(value: object): ResponseState | null {
  return stateOf(value);
}

function messageOf(self: unknown): ResponseState {
  const state = typeof self === 'object' && self !== null ? stateOf(self) : null;
  if (state === null) throw new TypeError('Illegal invocation');
  return state;
}

function newState(status: number, statusText: string): ResponseState {
  return {
    status,
    statusText,
    headers: HeaderList.empty(),
    isImmutable: false,
    body: null,
    type: 'default',
    url: '',
    isRedirected: false,
  };
}

const DEFAULT_INIT: ResponseInit = { status: 200, statusText: '', headers: undefined };

/** In the order of the alphabet, as Web IDL reads a dictionary. @throws TypeError */
function readInit(init: unknown): ResponseInit {
  const members = dictionary(init, 'the init of a Response');
  if (members === null) return DEFAULT_INIT;
  const { headers, status, statusText } = members;
  return {
    headers,
    status: status === undefined ? 200 : unsignedShort(status),
    statusText: statusText === undefined ? '' : byteString(statusText, 'statusText'),
  };
}

/** https://fetch.spec.whatwg.org/#initialize-a-response */
function initialState(init: ResponseInit, extracted: ExtractedBody | null): ResponseState {
  const { status, statusText, headers } = init;
  if (status < 200 || status > 599) {
    throw new RangeError('init["status"] must be in the range of 200 to 599, inclusive.');
  }
  if (!REASON_PHRASE.test(statusText)) throw new TypeError('Invalid statusText');
  const state = newState(status, statusText);
  if (headers !== undefined) fillHeaders(state.headers, headers);
  if (extracted === null) return state;
  if (NULL_BODY_STATUSES.has(status)) {
    throw new TypeError(`Response constructor: Invalid response status code ${status}`);
  }
  state.body = extracted.body;
  const { type } = extracted;
  if (type !== null && !state.headers.has('content-type')) {
    state.headers.append('content-type', type);
  }
  return state;
}

import { formatWithOptions, inspect, type InspectOptions } from 'node:util';
import { markAsUncloneable } from 'node:worker_threads';
import type { Body } from './body.ts';
import { addBodyMethods } from './body-methods.ts';
import { makeEnumerable, nameTag, requireArguments, setLength } from './convert.ts';
import { createHeaders, INTERNAL, type Headers } from './headers.ts';
import { newRequestState, type RequestState } from './request-state.ts';

/** Null for what is no object of this class, whatever it claims to be. */
let stateOf: (value: object) => RequestState | null;

/** https://fetch.spec.whatwg.org/#request-class */
export class Request {
  readonly #state: RequestState;
  #headers: Headers | null = null;

  constructor(input: unknown, init?: unknown) {
    markAsUncloneable(this);
    if (input === INTERNAL) {
      this.#state = init as RequestState;
      return;
    }
    requireArguments(arguments.length, 1, 'Request constructor');
    const isObject = typeof input === 'object' && input !== null;
    this.#state = newRequestState((isObject ? stateOf(input) : null) ?? input, init);
  }

  get method(): string {
    return this.#state.method;
  }

  get url(): string {
    return this.#state.url;
  }

  get headers(): Headers {
    this.#headers ??= createHeaders(this.#state.headers, false);
    return this.#headers;
  }

  get destination(): string {
    void this.#state;
    return '';
  }

  get referrer(): string {
    return this.#state.options.referrer;
  }

  get referrerPolicy(): string {
    return this.#state.options.referrerPolicy;
  }

  get mode(): string {
    return this.#state.options.mode;
  }

  get credentials(): string {
    return this.#state.options.credentials;
  }

  get cache(): string {
    return this.#state.options.cache;
  }

  get redirect(): string {
    return this.#state.options.redirect;
  }

  get integrity(): string {
    return this.#state.options.integrity;
  }

  get keepalive(): boolean {
    return this.#state.options.keepalive;
  }

  get isReloadNavigation(): boolean {
    void this.#state;
    return false;
  }

  get isHistoryNavigation(): boolean {
    void this.#state;
    return false;
  }

  get signal(): AbortSignal {
    return this.#state.signal;
  }

  get body(): ReadableStream<Uint8Array> | null {
    return this.#state.body?.stream() ?? null;
  }

  get bodyUsed(): boolean {
    return this.#state.body?.isUsed ?? false;
  }

  get duplex(): string {
    void this.#state;
    return 'half';
  }

  clone(): Request {
    if (this.#state.body?.isUnusable === true) throw new TypeError('unusable');
    return createRequest(this.#state.clone());
  }

  [inspect.custom](depth: number, options: InspectOptions): string {
    const { method, url, headers, destination, referrer, referrerPolicy, mode, credentials } = this;
    const { cache, redirect, integrity, keepalive, signal } = this;
    const { isReloadNavigation, isHistoryNavigation } = this;
    const facts = {
      method,
      url,
      headers,
      destination,
      referrer,
      referrerPolicy,
      mode,
      credentials,
    };
    const settings = { cache, redirect, integrity, keepalive };
    const shown = { ...facts, ...settings, isReloadNavigation, isHistoryNavigation, signal };
    return `Request ${formatWithOptions({ ...options, depth: options.depth ?? 2 }, shown)}`;
  }

  static {
    stateOf = (value) => (#state in value ? value.#state : null);
  }
}

addBodyMethods(Request.prototype, messageOf);
setLength(Request, 1);
makeEnumerable(Request.prototype, [
  'method',
  'url',
  'headers',
  'redirect',
  'clone',
  'signal',
  'duplex',
  'destination',
  'body',
  'bodyUsed',
  'isHistoryNavigation',
  'isReloadNavigation',
  'keepalive',
  'integrity',
  'cache',
  'credentials',
  'referrerPolicy',
  'referrer',
  'mode',
]);
nameTag(Request.prototype, 'Request');

export function createRequest(state: RequestState): Request {
  return new Request(INTERNAL, state);
}

/** Null for requests of other implementations. */
export function requestState(value: object): RequestState | null {
  return stateOf(value);
}

function messageOf(self: unknown): { body: Body | null; headers: RequestState['headers'] } {
  const state = typeof self === 'object' && self !== null ? stateOf(self) : null;
  if (state === null) throw new TypeError('Illegal invocation');
  return state;
}

/** https://fetch.spec.whatwg.org/#requestinit: what a Request can be told. */
import { byteString, dictionary, domString, oneOf, usvString } from './convert.ts';

const REFERRER_POLICIES = [
  '',
  'no-referrer',
  'no-referrer-when-downgrade',
  'same-origin',
  'origin',
  'strict-origin',
  'origin-when-cross-origin',
  'strict-origin-when-cross-origin',
  'unsafe-url',
] as const;
const MODES = ['navigate', 'same-origin', 'no-cors', 'cors'] as const;
const CREDENTIALS = ['omit', 'same-origin', 'include'] as const;
const CACHES = [
  'default',
  'no-store',
  'reload',
  'no-cache',
  'force-cache',
  'only-if-cached',
] as const;
const REDIRECTS = ['follow', 'manual', 'error'] as const;
const PRIORITIES = ['high', 'low', 'auto'] as const;

const NativeAbortSignal = AbortSignal;

/** Settings that only fetch looks at. */
export interface RequestOptions {
  cache: (typeof CACHES)[number];
  credentials: (typeof CREDENTIALS)[number];
  integrity: string;
  keepalive: boolean;
  mode: (typeof MODES)[number];
  redirect: (typeof REDIRECTS)[number];
  referrer: string;
  referrerPolicy: (typeof REFERRER_POLICIES)[number];
  /** Of undici: by which connections it is sent. */
  dispatcher: unknown;
}

export const DEFAULT_OPTIONS: Readonly<RequestOptions> = {
  cache: 'default',
  credentials: 'same-origin',
  integrity: '',
  keepalive: false,
  mode: 'cors',
  redirect: 'follow',
  referrer: 'about:client',
  referrerPolicy: '',
  dispatcher: undefined,
};

export interface RequestInit {
  body: unknown;
  hasDuplex: boolean;
  headers: unknown;
  method: string | undefined;
  signal: AbortSignal | null | undefined;
  options: Partial<RequestOptions>;
  /** Nothing at all was given. */
  isEmpty: boolean;
}

const NOTHING: RequestInit = {
  body: undefined,
  hasDuplex: false,
  headers: undefined,
  method: undefined,
  signal: undefined,
  options: {},
  isEmpty: true,
};

type Reader = (value: unknown) => unknown;

/** In the order of the alphabet, as Web IDL reads a dictionary. */
const READERS: [name: string, read: Reader][] = [
  ['body', asItIs],
  ['cache', (value) => oneOf(value, { what: 'cache', allowed: CACHES })],
  ['credentials', (value) => oneOf(value, { what: 'credentials', allowed: CREDENTIALS })],
  ['dispatcher', asItIs],
  ['duplex', (value) => oneOf(value, { what: 'duplex', allowed: ['half'] })],
  ['headers', asItIs],
  ['integrity', (value) => domString(value, 'integrity')],
  ['keepalive', Boolean],
  ['method', (value) => byteString(value, 'method')],
  ['mode', (value) => oneOf(value, { what: 'mode', allowed: MODES })],
  ['priority', (value) => oneOf(value, { what: 'priority', allowed: PRIORITIES })],
  ['redirect', (value) => oneOf(value, { what: 'redirect', allowed: REDIRECTS })],
  ['referrer', usvString],
  ['referrerPolicy', (value) => oneOf(value, { what: 'policy', allowed: REFERRER_POLICIES })],
  ['signal', readSignal],
  ['window', asItIs],
];

/** @throws TypeError */
export function readRequestInit(init: unknown): RequestInit {
  const members = dictionary(init, 'the init of a Request');
  if (members === null) return NOTHING;
  const given: Record<string, unknown> = {};
  for (const [name, read] of READERS) {
    const value = members[name];
    if (value !== undefined) given[name] = read(value);
  }
  const { body, duplex, headers, method, signal, window, priority: _unused, ...options } = given;
  if (window !== undefined && window !== null) throw new TypeError('window can be null only');
  return {
    body,
    hasDuplex: duplex !== undefined,
    headers,
    method: method as string | undefined,
    signal: signal as AbortSignal | null | undefined,
    options: readOptions(options),
    isEmpty: Object.keys(given).length === 0,
  };
}

function asItIs(value: unknown): unknown {
  return value;
}

function readSignal(value: unknown): AbortSignal | null {
  if (value === null || value instanceof NativeAbortSignal) return value;
  throw new TypeError('signal must be an AbortSignal');
}

function readOptions(options: Partial<RequestOptions>): Partial<RequestOptions> {
  const { mode, referrer } = options;
  if (mode === 'navigate')
    throw new TypeError('Request constructor: invalid request mode navigate.');
  if (referrer === undefined || referrer === '') return options;
  const url = URL.parse(referrer);
  if (url === null) throw new TypeError(`Referrer "${referrer}" is not a valid URL.`);
  return { ...options, referrer: url.href };
}

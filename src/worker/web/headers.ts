import { format, formatWithOptions, inspect, type InspectOptions } from 'node:util';
import { markAsUncloneable } from 'node:worker_threads';
import { isObject, makeEnumerable, nameTag, requireArguments, setLength } from './convert.ts';
import { headerName, HeaderList, headerValue } from './header-list.ts';

/** Known in this folder alone: makes an object of one of its classes around what is there already. */
export const INTERNAL: unique symbol = Symbol('internal');

/** Null for what is no object of this class, whatever it claims to be. */
let listOf: (value: object) => HeaderList | null;

/** https://fetch.spec.whatwg.org/#headers-class, as servers have it: no name is forbidden. */
export class Headers {
  readonly #list: HeaderList;
  readonly #isImmutable: boolean = false;

  constructor(init?: unknown, list?: unknown, isImmutable?: unknown) {
    markAsUncloneable(this);
    if (init === INTERNAL) {
      this.#list = list as HeaderList;
      this.#isImmutable = isImmutable as boolean;
      return;
    }
    this.#list = HeaderList.empty();
    if (init !== undefined) fillHeaders(this.#list, init);
  }

  append(name: unknown, value: unknown): void {
    requireArguments(arguments.length, 2, 'Headers.append');
    const validName = headerName(name, 'Headers.append');
    const validValue = headerValue(value, 'Headers.append');
    this.#changing().append(validName, validValue);
  }

  delete(name: unknown): void {
    requireArguments(arguments.length, 1, 'Headers.delete');
    const validName = headerName(name, 'Headers.delete');
    this.#changing().delete(validName);
  }

  get(name: unknown): string | null {
    requireArguments(arguments.length, 1, 'Headers.get');
    return this.#list.get(headerName(name, 'Headers.get'));
  }

  has(name: unknown): boolean {
    requireArguments(arguments.length, 1, 'Headers.has');
    return this.#list.has(headerName(name, 'Headers.has'));
  }

  set(name: unknown, value: unknown): void {
    requireArguments(arguments.length, 2, 'Headers.set');
    const validName = headerName(name, 'Headers.set');
    const validValue = headerValue(value, 'Headers.set');
    this.#changing().set(validName, validValue);
  }

  getSetCookie(): string[] {
    return this.#list.setCookies();
  }

  keys(): HeadersIterator {
    return new HeadersIterator(this.#list, ([name]) => name);
  }

  values(): HeadersIterator {
    return new HeadersIterator(this.#list, ([, value]) => value);
  }

  entries(): HeadersIterator {
    return new HeadersIterator(this.#list, ([name, value]) => [name, value]);
  }

  forEach(
    callback: (value: string, name: string, headers: Headers) => unknown,
    self: unknown = globalThis,
  ): void {
    const list = this.#list;
    requireArguments(arguments.length, 1, 'Headers.forEach');
    if (typeof callback !== 'function') {
      throw new TypeError(`Headers.forEach: ${format('%s', callback)} is not a function`);
    }
    for (let at = 0; at < list.sorted().length; at++) {
      const [name, value] = list.sorted()[at] ?? ['', ''];
      callback.call(self, value, name, this);
    }
  }

  [inspect.custom](depth: number, options: InspectOptions): string {
    const entries: Record<string, unknown> = {};
    for (const [name] of this.#list.pairs()) entries[name] = this.#list.get(name);
    return `Headers ${formatWithOptions({ ...options, depth: options.depth ?? depth }, entries)}`;
  }

  #changing(): HeaderList {
    if (this.#isImmutable) throw new TypeError('immutable');
    return this.#list;
  }

  static {
    listOf = (value) => (#list in value ? value.#list : null);
  }
}

/** Sees what was set meanwhile, as Web IDL wants it. */
class HeadersIterator extends Iterator<unknown> {
  readonly #list: HeaderList;
  readonly #pick: (entry: readonly [string, string]) => unknown;
  #next = 0;

  constructor(list: HeaderList, pick: (entry: readonly [string, string]) => unknown) {
    super();
    this.#list = list;
    this.#pick = pick;
  }

  next(): IteratorResult<unknown> {
    const entry = this.#list.sorted()[this.#next];
    if (entry === undefined) return { value: undefined, done: true };
    this.#next++;
    return { value: this.#pick(entry), done: false };
  }
}

Reflect.deleteProperty(HeadersIterator.prototype, 'constructor');
makeEnumerable(HeadersIterator.prototype, ['next']);
nameTag(HeadersIterator.prototype, 'Headers Iterator');

const { value: entries } = Object.getOwnPropertyDescriptor(Headers.prototype, 'entries') ?? {};
Object.defineProperty(Headers.prototype, Symbol.iterator, {
  value: entries,
  writable: true,
  configurable: true,
});
setLength(Headers, 0);
makeEnumerable(Headers.prototype, [
  'append',
  'delete',
  'get',
  'has',
  'set',
  'getSetCookie',
  'keys',
  'values',
  'entries',
  'forEach',
]);
nameTag(Headers.prototype, 'Headers');

/** https://fetch.spec.whatwg.org/#concept-headers-fill. @throws TypeError */
export function fillHeaders(list: HeaderList, init: unknown): void {
  if (!isObject(init)) {
    throw new TypeError('Headers constructor: headers are an object, a list of pairs or Headers');
  }
  const other = listOf(init);
  const iterator: unknown = init[Symbol.iterator as never];
  if (other !== null && iterator === entries) {
    for (const [name, value] of other.pairs()) list.append(name, value);
  } else if (typeof iterator === 'function') {
    fillFromPairs(list, init as unknown as Iterable<unknown>);
  } else if (iterator !== undefined && iterator !== null) {
    throw new TypeError('Headers constructor: headers are not iterable');
  } else {
    fillFromRecord(list, init);
  }
}

function fillFromPairs(list: HeaderList, pairs: Iterable<unknown>): void {
  for (const pair of pairs) {
    if (!isObject(pair)) throw new TypeError('Headers constructor: a pair is not iterable');
    const parts = [...(pair as unknown as Iterable<unknown>)];
    if (parts.length !== 2) {
      throw new TypeError(`Headers constructor: a pair has ${parts.length} elements instead of 2`);
    }
    appendTo(list, parts[0], parts[1]);
  }
}

function fillFromRecord(list: HeaderList, record: Record<string, unknown>): void {
  for (const name of Reflect.ownKeys(record)) {
    const descriptor = Reflect.getOwnPropertyDescriptor(record, name);
    if (descriptor?.enumerable === true) appendTo(list, name, record[name as string]);
  }
}

function appendTo(list: HeaderList, name: unknown, value: unknown): void {
  list.append(headerName(name, 'Headers.append'), headerValue(value, 'Headers.append'));
}

export function createHeaders(list: HeaderList, isImmutable: boolean): Headers {
  return new Headers(INTERNAL, list, isImmutable);
}

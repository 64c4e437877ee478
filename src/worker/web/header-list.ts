/** The list of headers behind a `Headers` object: https://fetch.spec.whatwg.org/#concept-header-list */
import { byteString, domString } from './convert.ts';

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** What HTTP can carry. The web's classes take a few characters more, which fail when a response is sent. */
const SENDABLE = /^[\t\x20-\x7e\x80-\xff]*$/;
const FORBIDDEN_CHARACTER = /[\0\r\n]/;
const SURROUNDING_SPACE = /^[\t\n\r ]+|[\t\n\r ]+$/g;

/** Names come from code and are few: those of 256 need no second look. A request's own names are not kept. */
const MAX_KNOWN_NAMES = 256;
const MAX_KNOWN_NAME_CHARACTERS = 64;
const knownNames = new Map<string, string>();

export class HeaderList {
  /** name, value, name, value, …: names in lower case, and only `set-cookie` more than once. */
  readonly #entries: string[];
  #sorted: [name: string, value: string][] | null = null;
  #isSendable = true;

  private constructor(entries: string[]) {
    this.#entries = entries;
  }

  static empty(): HeaderList {
    return new HeaderList([]);
  }

  static ofOne(name: string, value: string): HeaderList {
    return new HeaderList([name, value]);
  }

  /** Headers as they arrived, names in lower case, and one more that is none of them; the array stays as it is. */
  static ofReceived(received: readonly string[], name: string, value: string): HeaderList {
    return new HeaderList([...combined(received), name, value]);
  }

  copy(): HeaderList {
    const list = new HeaderList([...this.#entries]);
    list.#isSendable = this.#isSendable;
    return list;
  }

  has(name: string): boolean {
    return this.#indexOf(name) !== -1;
  }

  get(name: string): string | null {
    const at = this.#indexOf(name);
    if (at === -1) return null;
    return name === 'set-cookie' ? this.setCookies().join(', ') : this.#at(at + 1);
  }

  setCookies(): string[] {
    const cookies: string[] = [];
    for (let at = 0; at < this.#entries.length; at += 2) {
      if (this.#entries[at] === 'set-cookie') cookies.push(this.#at(at + 1));
    }
    return cookies;
  }

  append(name: string, value: string): void {
    const entries = this.#changing(value);
    const at = name === 'set-cookie' ? -1 : this.#indexOf(name);
    if (at === -1) entries.push(name, value);
    else entries[at + 1] = joined(name, this.#at(at + 1), value);
  }

  set(name: string, value: string): void {
    const entries = this.#changing(value);
    const at = this.#indexOf(name);
    if (at === -1) entries.push(name, value);
    else {
      entries[at + 1] = value;
      if (name === 'set-cookie') removeAll(entries, name, at + 2);
    }
  }

  delete(name: string): void {
    if (this.has(name)) removeAll(this.#changing(''), name, 0);
  }

  /** As iteration gives them: by name, cookies one by one. The array is the list's own. */
  sorted(): readonly (readonly [name: string, value: string])[] {
    this.#sorted ??= this.pairs().sort(([one], [other]) =>
      one < other ? -1 : one === other ? 0 : 1,
    );
    return this.#sorted;
  }

  /** In the order in which they were set. */
  pairs(): [name: string, value: string][] {
    const pairs: [string, string][] = [];
    for (let at = 0; at < this.#entries.length; at += 2) {
      pairs.push([this.#at(at), this.#at(at + 1)]);
    }
    return pairs;
  }

  /** `name\nvalue\nname\nvalue`; null when HTTP cannot carry one of them. */
  text(): string | null {
    return this.#isSendable ? this.#entries.join('\n') : null;
  }

  #at(index: number): string {
    return this.#entries[index] ?? '';
  }

  #indexOf(name: string): number {
    for (let at = 0; at < this.#entries.length; at += 2) if (this.#entries[at] === name) return at;
    return -1;
  }

  #changing(value: string): string[] {
    this.#sorted = null;
    if (!SENDABLE.test(value)) this.#isSendable = false;
    return this.#entries;
  }
}

/** The name in lower case. @throws TypeError for what is no name of a header. */
export function headerName(value: unknown, where: string): string {
  const known = typeof value === 'string' ? knownNames.get(value) : undefined;
  if (known !== undefined) return known;
  const text = byteString(value, `${where}: the name`);
  if (!TOKEN.test(text)) throw new TypeError(`${where}: "${text}" is an invalid header name.`);
  const name = text.toLowerCase();
  if (knownNames.size < MAX_KNOWN_NAMES && text.length <= MAX_KNOWN_NAME_CHARACTERS) {
    knownNames.set(text, name);
  }
  return name;
}

/** The value without space around it. @throws TypeError for what is no value of a header. */
export function headerValue(value: unknown, where: string): string {
  const text = domString(value, `${where}: the value`);
  if (
    SENDABLE.test(text) &&
    !isSpace(text.charCodeAt(0)) &&
    !isSpace(text.charCodeAt(text.length - 1))
  ) {
    return text;
  }
  const trimmed = byteString(text, `${where}: the value`).replace(SURROUNDING_SPACE, '');
  if (FORBIDDEN_CHARACTER.test(trimmed)) {
    throw new TypeError(`${where}: "${trimmed}" is an invalid header value.`);
  }
  return trimmed;
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

let lastReceived: readonly string[] = [];
let lastCombined: readonly string[] = [];

/** One entry for each name. Requests of one client mostly share one array, which is looked at once. */
function combined(received: readonly string[]): readonly string[] {
  if (received === lastReceived) return lastCombined;
  const entries: string[] = [];
  const places = new Map<string, number>();
  for (let at = 0; at + 1 < received.length; at += 2) {
    const name = received[at] ?? '';
    const value = received[at + 1] ?? '';
    const place = name === 'set-cookie' ? undefined : places.get(name);
    if (place === undefined) {
      places.set(name, entries.length);
      entries.push(name, value);
    } else {
      entries[place + 1] = joined(name, entries[place + 1] ?? '', value);
    }
  }
  lastReceived = received;
  lastCombined = entries;
  return entries;
}

function joined(name: string, first: string, second: string): string {
  return name === 'cookie' ? `${first}; ${second}` : `${first}, ${second}`;
}

function removeAll(entries: string[], name: string, from: number): void {
  let kept = from;
  for (let at = from; at < entries.length; at += 2) {
    if (entries[at] === name) continue;
    entries[kept] = entries[at] ?? '';
    entries[kept + 1] = entries[at + 1] ?? '';
    kept += 2;
  }
  entries.length = kept;
}

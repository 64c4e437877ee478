/** Conversions of Web IDL (https://webidl.spec.whatwg.org) that the classes of this folder need. */

const BEYOND_LATIN1 = /[^\0-\xff]/;

/** @throws TypeError for symbols and for characters that are no byte. */
export function byteString(value: unknown, what: string): string {
  const text = domString(value, what);
  if (BEYOND_LATIN1.test(text)) {
    throw new TypeError(`${what} has a character that is greater than 255`);
  }
  return text;
}

/** @throws TypeError for symbols. */
export function domString(value: unknown, what: string): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'symbol') throw new TypeError(`${what} is a symbol, which is no text`);
  return String(value);
}

/** Text without halves of surrogate pairs. @throws TypeError for symbols. */
export function usvString(value: unknown): string {
  return domString(value, 'the text').toWellFormed();
}

/** `unsigned short`: fractions are cut off, what is larger wraps around. */
export function unsignedShort(value: unknown): number {
  const number = Math.trunc(Number(value));
  return Number.isFinite(number) ? number % 0x1_0000 : 0;
}

/** @throws TypeError when it is none of the allowed words. */
export function oneOf<Word extends string>(
  value: unknown,
  { what, allowed }: { what: string; allowed: readonly Word[] },
): Word {
  const text = domString(value, what);
  const found = allowed.find((word) => word === text);
  if (found === undefined) {
    throw new TypeError(`${what} is "${text}", and can be ${allowed.join(', ')}`);
  }
  return found;
}

/** An object to read members from, or none. @throws TypeError for anything else. */
export function dictionary(value: unknown, what: string): Record<string, unknown> | null {
  if (value === undefined || value === null) return null;
  if (isObject(value)) return value;
  throw new TypeError(`${what} must be an object, or undefined, or null`);
}

/** @throws TypeError as Web IDL has it, when a call has fewer arguments than it needs. */
export function requireArguments(given: number, wanted: number, where: string): void {
  if (given >= wanted) return;
  const s = wanted === 1 ? '' : 's';
  throw new TypeError(`${where}: ${wanted} argument${s} required, but only ${given} found.`);
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return (typeof value === 'object' && value !== null) || typeof value === 'function';
}

/** As Web IDL wants the members of an interface, which class syntax makes otherwise. */
export function makeEnumerable(target: object, names: readonly string[]): void {
  for (const name of names) Object.defineProperty(target, name, { enumerable: true });
}

/** How many arguments must be given, as Web IDL counts them. */
export function setLength(target: object, length: number): void {
  Object.defineProperty(target, 'length', { value: length, configurable: true });
}

/** `[object Name]`. */
export function nameTag(prototype: object, name: string): void {
  Object.defineProperty(prototype, Symbol.toStringTag, { value: name, configurable: true });
}

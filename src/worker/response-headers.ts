export type HeaderPairs = [name: string, value: string][];

// RFC 9110 section 5: a token, and field values of visible characters, spaces, tabs and obs-text.
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const FIELD_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

/** The platform takes no more, and a frame that is much larger ends the worker. */
const MAX_HEAD_CHARACTERS = 64 * 1024;

/**
 * Headers as the protocol carries them. The other end checks them again; checking here as well gives the function
 * an error that names the header.
 *
 * @throws TypeError
 */
export function responseHeadText(headers: HeaderPairs): string {
  let text = '';
  for (const [name, value] of headers) {
    if (!TOKEN.test(name)) throw new TypeError(`invalid response header name ${quote(name)}`);
    if (!FIELD_VALUE.test(value)) {
      throw new TypeError(`invalid character in the value of response header ${quote(name)}`);
    }
    text += text === '' ? `${name}\n${value}` : `\n${name}\n${value}`;
  }
  return boundedHeadText(text);
}

/** @throws TypeError when the platform would not take that much. */
export function boundedHeadText(text: string): string {
  if (text.length > MAX_HEAD_CHARACTERS) throw new TypeError('the response headers are too large');
  return text;
}

/** The reverse of `responseHeadText`. */
export function headerPairsOf(text: string): HeaderPairs {
  const lines = text === '' ? [] : text.split('\n');
  const pairs: HeaderPairs = [];
  for (let at = 0; at < lines.length; at += 2) pairs.push([lines[at] ?? '', lines[at + 1] ?? '']);
  return pairs;
}

/** Adds the headers of a result object: any value, or a list of values, per name. */
export function addResultHeaders(pairs: HeaderPairs, headers: unknown): void {
  if (typeof headers !== 'object' || headers === null) return;
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined || value === null) continue;
    if (Array.isArray(value)) {
      for (const one of value) pairs.push([name, String(one)]);
    } else {
      pairs.push([name, String(value)]);
    }
  }
}

/** Those of `multiValueHeaders`, which take the place of what `headers` has of the same name, as with AWS. */
export function addMultiValueHeaders(pairs: HeaderPairs, headers: unknown): void {
  if (typeof headers !== 'object' || headers === null) return;
  const names = new Set(Object.keys(headers).map((name) => name.toLowerCase()));
  const kept = pairs.filter(([name]) => !names.has(name.toLowerCase()));
  pairs.splice(0, pairs.length, ...kept);
  addResultHeaders(pairs, headers);
}

export function hasHeader(headers: HeaderPairs, wanted: string): boolean {
  return headers.some(([name]) => name.toLowerCase() === wanted);
}

function quote(name: string): string {
  return JSON.stringify(name.slice(0, 100));
}

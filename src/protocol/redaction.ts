/**
 * Takes secret values out of text that people see: log lines, push output, stack traces. It finds a value as it is and
 * in the forms in which programs print it without meaning to: JSON and URL escapes, hexadecimal, base64 in each
 * alignment (so also inside a longer encoded text, such as a Basic header), one line of a value with many, and the
 * password of a URL. It protects against carelessness, not against code that hides what it prints.
 */

/** Secrets by name. One name may have several values, as an app's have in several scopes. */
export type SecretValues = Readonly<Record<string, string>> | Iterable<readonly [string, string]>;

/** Text with each secret replaced by `[redacted NAME]`. */
export type Redact = (text: string) => string;

/**
 * Shorter values are left alone: `true`, `8080` or `dev` stand in any text by chance, so taking them out would spoil
 * what people read, and show each reader what the value is.
 */
export const MIN_REDACTED_CHARACTERS = 6;

interface Needle {
  text: string;
  name: string;
}

/** The same text of which nothing is taken: most functions have no secrets. */
const KEEP: Redact = (text) => text;

/**
 * A redactor of these secrets. It is compiled when it is first used, since most workers print nothing, and
 * then looks at each character once, however many secrets there are.
 */
export function createRedactor(secrets: SecretValues): Redact {
  const all = Symbol.iterator in secrets ? [...secrets] : Object.entries(secrets);
  const known = all.filter(([, value]) => value.length >= MIN_REDACTED_CHARACTERS);
  if (known.length === 0) return KEEP;
  let compiled: Redact | null = null;
  return (text) => {
    if (text.length < MIN_REDACTED_CHARACTERS) return text;
    compiled ??= compile(known);
    return compiled(text);
  };
}

/** Positions whose next characters begin no needle are told by one look into a table of this size, a power of 2. */
const FILTER_SIZE = 16_384;

function compile(secrets: (readonly [name: string, value: string])[]): Redact {
  const filter = new Uint8Array(FILTER_SIZE);
  const byPrefix = new Map<string, Needle[]>();
  for (const needle of needlesOf(secrets)) {
    filter[filterSlot(needle.text, 0)] = 1;
    const prefix = needle.text.slice(0, MIN_REDACTED_CHARACTERS);
    const sharing = byPrefix.get(prefix);
    if (sharing === undefined) byPrefix.set(prefix, [needle]);
    else sharing.push(needle);
  }
  const needleAt = (text: string, at: number): Needle | undefined => {
    if (filter[filterSlot(text, at)] === 0) return undefined;
    const sharing = byPrefix.get(text.slice(at, at + MIN_REDACTED_CHARACTERS));
    return sharing?.find((needle) => text.startsWith(needle.text, at));
  };
  return (text) => replaceAll(text, needleAt);
}

/** Mixes the first three characters from `at`; no needle is shorter. */
function filterSlot(text: string, at: number): number {
  const first = text.charCodeAt(at);
  const mixed = (first * 31 + text.charCodeAt(at + 1)) * 31 + text.charCodeAt(at + 2);
  return mixed & (FILTER_SIZE - 1);
}

function replaceAll(
  text: string,
  needleAt: (text: string, at: number) => Needle | undefined,
): string {
  let redacted = '';
  let keptFrom = 0;
  for (let at = 0; at <= text.length - MIN_REDACTED_CHARACTERS; at++) {
    const needle = needleAt(text, at);
    if (needle === undefined) continue;
    redacted += `${text.slice(keptFrom, at)}[redacted ${needle.name}]`;
    keptFrom = at + needle.text.length;
    at = keptFrom - 1;
  }
  return keptFrom === 0 ? text : redacted + text.slice(keptFrom);
}

/** Longest first: of two secrets that begin alike, none of the longer one's characters stays. */
function needlesOf(secrets: (readonly [name: string, value: string])[]): Needle[] {
  const needles = new Map<string, string>();
  for (const [name, value] of secrets) {
    for (const part of [value, ...linesOf(value), ...passwordOf(value)]) {
      for (const text of formsOf(part)) {
        if (text.length >= MIN_REDACTED_CHARACTERS && !needles.has(text)) needles.set(text, name);
      }
    }
  }
  return [...needles]
    .map(([text, name]) => ({ text, name }))
    .sort((a, b) => b.text.length - a.text.length);
}

/** The frame of a PEM block, which all keys have alike. */
const PEM_FRAME = /^-----(BEGIN|END) [A-Z0-9 ]+-----$/;

/** What prints line by line is redacted line by line. */
function linesOf(value: string): string[] {
  if (!value.includes('\n')) return [];
  return value
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line.length >= MIN_REDACTED_CHARACTERS && !PEM_FRAME.test(line));
}

/** Database drivers print the parts of the URL that they were given. */
function passwordOf(value: string): string[] {
  const password = /^[a-z][a-z0-9+.-]*:\/\/[^/@\s]*:([^/@\s]+)@/i.exec(value)?.[1];
  if (password === undefined || password.length < MIN_REDACTED_CHARACTERS) return [];
  return [password, decoded(password)];
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // A lone percent sign: it is used as it stands.
  }
}

function formsOf(value: string): string[] {
  const bytes = Buffer.from(value);
  const hex = bytes.toString('hex');
  return [
    value,
    ...jsonForms(value),
    ...urlForms(value),
    hex,
    hex.toUpperCase(),
    ...base64Forms(bytes),
  ];
}

function jsonForms(value: string): string[] {
  const escaped = JSON.stringify(value).slice(1, -1);
  const ascii = escaped.replace(
    /[\u0080-\uffff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  // As JSON inside JSON has it.
  const twice = JSON.stringify(escaped).slice(1, -1);
  return [escaped, ascii, twice, escaped.replaceAll('/', '\\/')];
}

/** Percent escapes come in both cases, and forms write a space as a plus sign. */
function urlForms(value: string): string[] {
  const strict = encodeURIComponent(value.toWellFormed());
  const form = new URLSearchParams([['', value]]).toString().slice(1);
  const lenient = encodeURI(value.toWellFormed());
  return [strict, form, lenient].flatMap((text) => [
    text,
    text.replace(/%[0-9A-F]{2}/g, (escape) => escape.toLowerCase()),
  ]);
}

/** In base64 3 bytes are 4 characters, so a value inside a longer text begins at one of 3 places. */
const ALIGNMENTS = [0, 1, 2];

/**
 * The characters that the value alone decides. Those at its edges, which hold bits of its neighbours too, stay: at
 * most 4 bits of the value on either side.
 */
function base64Forms(bytes: Buffer): string[] {
  const inner = ALIGNMENTS.map((before) => {
    const encoded = Buffer.concat([Buffer.alloc(before), bytes]).toString('base64');
    const from = Math.ceil((before * 8) / 6);
    const to = Math.floor(((before + bytes.length) * 8) / 6);
    return encoded.slice(from, to);
  });
  return [bytes.toString('base64'), bytes.toString('base64').replace(/=+$/, ''), ...inner].flatMap(
    (text) => [text, text.replaceAll('+', '-').replaceAll('/', '_')],
  );
}

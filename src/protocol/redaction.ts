/**
 * Takes secret values out of text that people see: log lines, push output, stack traces. It finds a value as it is and
 * in the forms in which programs print it without meaning to: JSON and URL escapes, hexadecimal, base64 in each
 * alignment (so also inside a longer encoded text, such as a Basic header), one line of a value with many, and the
 * password of a URL. It protects against carelessness, not against code that hides what it prints.
 */
import { createNeedleIndex, type Needle } from './needle-index.ts';

/** Secrets by name. One name may have several values, as an app's have in several scopes. */
export type SecretValues = Readonly<Record<string, string>> | Iterable<readonly [string, string]>;

/** Text with each secret replaced by `[redacted NAME]`. */
export type Redact = (text: string) => string;

/**
 * Shorter values are left alone: `true`, `8080` or `dev` stand in any text by chance, so taking them out would spoil
 * what people read, and show each reader what the value is.
 */
export const MIN_REDACTED_CHARACTERS = 6;

/**
 * Lines of values that are looked for by themselves, of all secrets together: as many as dozens of keys in PEM or JSON
 * have. Each line more would cost time and memory in processes that serve others too.
 */
const MAX_LINES = 2_000;

/** The same text of which nothing is taken: most functions have no secrets. */
const KEEP: Redact = (text) => text;

/**
 * A redactor of these secrets. It is compiled when it is first used, since most workers print nothing, and
 * then takes about the same time for a text, however many secrets there are.
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

function compile(secrets: (readonly [name: string, value: string])[]): Redact {
  const needles = createNeedleIndex(needlesOf(secrets));
  return (text) => {
    let redacted = '';
    let keptFrom = 0;
    let found = needles.find(text, 0);
    while (found !== null) {
      redacted += text.slice(keptFrom, found.at) + found.replacement;
      keptFrom = found.at + found.length;
      found = needles.find(text, keptFrom);
    }
    return keptFrom === 0 ? text : redacted + text.slice(keptFrom);
  };
}

function* needlesOf(secrets: (readonly [name: string, value: string])[]): Generator<Needle> {
  let lines = 0;
  for (const [name, value] of secrets) {
    const own = linesOf(value).slice(0, MAX_LINES - lines);
    lines += own.length;
    for (const part of [value, ...own, ...passwordOf(value)]) {
      for (const text of formsOf(part)) {
        if (text.length < MIN_REDACTED_CHARACTERS) continue;
        yield { text, replacement: `[redacted ${name}]` };
      }
    }
  }
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

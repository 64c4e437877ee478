/**
 * `.env` files as the dotenv package reads them: `export` may stand before a name; a value is cut at `#` and trimmed
 * unless it is quoted by ', " or `, when it may have several lines; in double quotes `\n` and `\r` are line ends; of
 * two lines for one name the later holds. What is no assignment is refused here, where dotenv would pass over it.
 */
import { PlatformError } from '../../../protocol/errors.ts';

export interface DotenvValue {
  name: string;
  value: string;
}

const ASSIGNMENT = /[ \t]*(?:export[ \t]+)?([\w.-]+)[ \t]*=[ \t]*/y;
const BLANK = /[ \t]*(?:#.*)?$/my;
const UNQUOTED = /[^#\r\n]*/y;

/** `file` is for messages. @throws PlatformError bad-request with the line */
export function parseDotenv(text: string, file: string): DotenvValue[] {
  const source = text.replace(/\r\n?/g, '\n');
  const values = new Map<string, string>();
  let at = 0;
  while (at < source.length) {
    if (!isBlankAt(source, at)) {
      const assignment = matchAt(ASSIGNMENT, source, at);
      const name = assignment?.[1];
      if (assignment === null || name === undefined) throw problem(source, at, file);
      const read = readValue(source, at + assignment[0].length);
      if (read === null || !isBlankAt(source, read.end)) throw problem(source, at, file);
      values.delete(name);
      values.set(name, read.value);
      at = read.end;
    }
    const lineEnd = source.indexOf('\n', at);
    if (lineEnd === -1) break;
    at = lineEnd + 1;
  }
  return Array.from(values, ([name, value]) => ({ name, value }));
}

/** Null for a quote that nothing closes. */
function readValue(source: string, at: number): { value: string; end: number } | null {
  const quote = source.charAt(at);
  if (!["'", '"', '`'].includes(quote) || quote === '') {
    const raw = matchAt(UNQUOTED, source, at)?.[0] ?? '';
    return { value: raw.trim(), end: at + raw.length };
  }
  const end = closingQuote(source, at, quote);
  if (end === -1) return null;
  const inner = source.slice(at + 1, end);
  const value = quote === '"' ? inner.replaceAll('\\n', '\n').replaceAll('\\r', '\r') : inner;
  return { value, end: end + 1 };
}

function closingQuote(source: string, from: number, quote: string): number {
  let at = source.indexOf(quote, from + 1);
  while (at !== -1 && source.charAt(at - 1) === '\\') at = source.indexOf(quote, at + 1);
  return at;
}

function isBlankAt(source: string, at: number): boolean {
  return matchAt(BLANK, source, at) !== null;
}

function matchAt(pattern: RegExp, source: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at;
  return pattern.exec(source);
}

function problem(source: string, at: number, file: string): PlatformError {
  const line = source.slice(0, at).split('\n').length;
  return new PlatformError('bad-request', `line ${line} of ${file} is no NAME=value`, {
    hint: 'nothing was changed; a value with several lines stands in quotes',
  });
}

/** A line for a value that `parseDotenv` reads back as it is, or null when no kind of quotes can hold it. */
export function formatDotenv({ name, value }: DotenvValue): string | null {
  const forms = [value, `'${value}'`, `"${value}"`, `\`${value}\``];
  const line = forms.map((form) => `${name}=${form}`).find((text) => isReadBack(text, value));
  return line ?? null;
}

function isReadBack(line: string, value: string): boolean {
  try {
    const [read, ...others] = parseDotenv(line, '');
    return others.length === 0 && read?.value === value;
  } catch {
    return false;
  }
}

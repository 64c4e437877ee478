/**
 * The path of a function, as fn.json and file names give it: `/users/:id`, `/files/*rest`, `/*`. Router and worker
 * read it alike: the one to choose a function, the other to tell it what the parameters were.
 *
 *     segment     matches
 *     text        itself, compared after percent-decoding
 *     :name       one segment that is not empty
 *     *  *name    whatever is left, also nothing; only at the end
 *
 * A slash at the end of a path does not count.
 */
export interface PathPattern {
  readonly text: string;
  readonly segments: readonly PathSegment[];
}

type PathSegment =
  | { kind: 'text'; text: string }
  | { kind: 'parameter'; name: string }
  | { kind: 'rest'; name: string };

/** Decoded values by name; what an unnamed `*` matched is `*`. */
export type PathParameters = Record<string, string>;

export const MAX_PATTERN_CHARACTERS = 512;

const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
const REST_NAME = '*';

/** @throws SyntaxError whose message completes `path "…" `, as in `must begin with "/"`. */
export function parsePathPattern(text: string): PathPattern {
  if (!text.startsWith('/')) throw new SyntaxError('must begin with "/"');
  if (text.length > MAX_PATTERN_CHARACTERS) {
    throw new SyntaxError(`must have at most ${MAX_PATTERN_CHARACTERS} characters`);
  }
  if (/[?#\s]/.test(text)) throw new SyntaxError('must be a path without query, "#" or spaces');
  const parts = splitPath(text);
  const segments = parts.map((part, index) => parseSegment(part, index === parts.length - 1));
  const names = segments.flatMap((segment) => (segment.kind === 'text' ? [] : [segment.name]));
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new SyntaxError(`has the parameter "${twice}" twice`);
  return { text, segments };
}

function parseSegment(part: string, isLast: boolean): PathSegment {
  if (part.startsWith(':')) return { kind: 'parameter', name: checkedName(part.slice(1)) };
  if (!part.startsWith('*')) return { kind: 'text', text: decode(part) };
  if (!isLast) throw new SyntaxError('may have "*" only at the end');
  return { kind: 'rest', name: part === '*' ? REST_NAME : checkedName(part.slice(1)) };
}

function checkedName(name: string): string {
  if (NAME.test(name)) return name;
  throw new SyntaxError(`has "${name}" as a parameter: use letters, digits and "_"`);
}

/** The parameters when the path (percent-encoded, without its query) matches; null when it does not. */
export function matchPath(pattern: PathPattern, path: string): PathParameters | null {
  const parts = splitDecoded(path);
  if (!matchesParts(pattern, parts)) return null;
  const parameters: PathParameters = Object.create(null) as PathParameters;
  for (const [index, segment] of pattern.segments.entries()) {
    if (segment.kind === 'parameter') parameters[segment.name] = parts[index] ?? '';
    if (segment.kind === 'rest') parameters[segment.name] = parts.slice(index).join('/');
  }
  return parameters;
}

/** Whether a path matches that `splitDecoded` took apart: once, however many patterns it is then compared with. */
export function matchesParts({ segments }: PathPattern, parts: readonly string[]): boolean {
  for (const [index, segment] of segments.entries()) {
    if (segment.kind === 'rest') return true;
    const part = parts[index];
    if (part === undefined || part === '') return false;
    if (segment.kind === 'text' && segment.text !== part) return false;
  }
  return parts.length === segments.length;
}

/**
 * Orders patterns for matching: of two that match one path, the more specific comes first, segment by segment text
 * before parameter before rest. 0 for two that match the same paths, which no deployment may have with one method.
 */
export function comparePatterns(a: PathPattern, b: PathPattern): number {
  for (let index = 0; ; index++) {
    const one = a.segments[index];
    const other = b.segments[index];
    // `/a` before `/a/*`: a pattern that has ended can only be met by a rest.
    if (one === undefined || other === undefined) return rankOfEnd(one) - rankOfEnd(other);
    const rank = RANK[one.kind] - RANK[other.kind];
    if (rank !== 0) return rank;
    if (one.kind !== 'text' || other.kind !== 'text') continue;
    if (one.text !== other.text) return one.text < other.text ? -1 : 1;
  }
}

const RANK = { text: 0, parameter: 1, rest: 2 } as const;

function rankOfEnd(segment: PathSegment | undefined): number {
  return segment === undefined ? 0 : 1;
}

/** The parts between slashes, percent-decoded each, so that an encoded slash separates nothing. */
export function splitDecoded(path: string): string[] {
  return splitPath(path).map(decode);
}

/** The parts between slashes, without the empty one of a slash at the end. */
function splitPath(path: string): string[] {
  const parts = path.split('/').slice(1);
  if (parts.at(-1) === '') parts.pop();
  return parts;
}

/** As it is when it is no valid encoding: such a path names nothing, but is no error either. */
function decode(part: string): string {
  if (!part.includes('%')) return part;
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** Which function of a deployment answers a request. Pure: made once from the deployment. */
import type { ServedDeployment, ServedFunction } from '../../model/served.ts';
import {
  comparePatterns,
  matchesParts,
  parsePathPattern,
  splitDecoded,
  type PathPattern,
} from '../../protocol/path-pattern.ts';
import { targetPath } from '../target-path.ts';

export type FunctionMatch =
  | { kind: 'function'; served: ServedFunction }
  /** No function answers the path. */
  | { kind: 'no-path' }
  /** Functions answer the path, but with other methods: those of `allow`, as that header has them. */
  | { kind: 'no-method'; allow: string };

export interface FunctionTable {
  /** `target` is the request target as it came. */
  find(method: string, target: string): FunctionMatch;
}

interface Entry {
  pattern: PathPattern;
  /** Null when it answers all. */
  methods: ReadonlySet<string> | null;
  match: Extract<FunctionMatch, { kind: 'function' }>;
}

const EVERY_PATH = parsePathPattern('/*');
const NO_PATH: FunctionMatch = { kind: 'no-path' };

/**
 * The most specific pattern wins, among the functions that answer the method: `GET /users/:id` and a function for all
 * the rest share the paths below /users as Go's ServeMux would have it. Paths are compared as URL parsers read them, so
 * `/x/../admin` belongs to who answers `/admin`. An encoded slash separates nothing, a doubled one leaves an empty
 * segment that only `*` matches, `;` is a letter like any other. The function gets the target unchanged.
 */
export function createFunctionTable({ functions }: ServedDeployment): FunctionTable {
  const [only] = functions;
  if (only !== undefined && functions.length === 1 && answersAll(only)) {
    // What nearly all apps are: no path is looked at.
    const match: FunctionMatch = { kind: 'function', served: only };
    return { find: () => match };
  }
  const entries = entriesOf(functions);
  return {
    find: (method, target) => {
      const parts = splitDecoded(targetPath(target));
      const matching = entries.filter(({ pattern }) => matchesParts(pattern, parts));
      if (matching.length === 0) return NO_PATH;
      const found = matching.find(({ methods }) => methods === null || methods.has(method));
      return found?.match ?? { kind: 'no-method', allow: allowOf(matching) };
    },
  };
}

function answersAll({ path, methods }: ServedFunction): boolean {
  return path === undefined && methods === undefined;
}

/** Most specific first; those with one pattern by their names, so that the order never depends on the manifest's. */
function entriesOf(functions: readonly ServedFunction[]): Entry[] {
  const entries = functions.flatMap((served): Entry[] => {
    const pattern = patternOf(served);
    const methods = served.methods === undefined ? null : new Set(served.methods);
    return pattern === null ? [] : [{ pattern, methods, match: { kind: 'function', served } }];
  });
  entries.sort(
    (a, b) =>
      comparePatterns(a.pattern, b.pattern) || (a.match.served.name < b.match.served.name ? -1 : 1),
  );
  return entries.map((entry) => ({ ...entry, methods: withHead(entry, entries) }));
}

/** The builder lets no such pattern through. If one comes, its function is not reachable, and the door goes on. */
function patternOf({ path }: ServedFunction): PathPattern | null {
  if (path === undefined) return EVERY_PATH;
  try {
    return parsePathPattern(path);
  } catch {
    return null;
  }
}

/** Who answers GET answers HEAD (RFC 9110 section 9.1), unless another one at the same path names it. */
function withHead({ methods, pattern }: Entry, all: readonly Entry[]): ReadonlySet<string> | null {
  if (methods?.has('GET') !== true) return methods;
  const isTaken = all.some(
    (other) => other.methods?.has('HEAD') === true && comparePatterns(other.pattern, pattern) === 0,
  );
  return isTaken ? methods : new Set([...methods, 'HEAD']);
}

function allowOf(entries: readonly Entry[]): string {
  const all = new Set(entries.flatMap(({ methods }) => [...(methods ?? [])]));
  return [...all].sort().join(', ');
}

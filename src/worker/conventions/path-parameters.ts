/** What the path of a request says where the function's pattern has a name. */
import {
  matchPath,
  parsePathPattern,
  type PathParameters,
  type PathPattern,
} from '../../protocol/path-pattern.ts';

export type ParameterReader = (target: string) => PathParameters | null;

/**
 * Compiled once. Null for a pattern that names nothing, as most do: then no path is ever looked at. The reader gives
 * null when a path does not match, which the router lets no request do.
 */
export function parameterReader(path: string | null): ParameterReader | null {
  if (path === null) return null;
  const pattern = parsePathPattern(path);
  if (!hasParameters(pattern)) return null;
  return (target) => {
    const queryAt = target.indexOf('?');
    return matchPath(pattern, queryAt === -1 ? target : target.slice(0, queryAt));
  };
}

/** A lone `*` names nothing: the rest of the path is the path. */
function hasParameters({ text, segments }: PathPattern): boolean {
  return text !== '/*' && segments.some(({ kind }) => kind !== 'text');
}

/** What URL parsers read otherwise than it is written: dot segments, backslashes and fragments. */
const REWRITTEN = /[\\#]|\/(?:\.|%2e)/i;
const GIT_TARGET = /^\/[^/?]+\.git\//;

/**
 * The path of a request target as every URL parser reads it (WHATWG URL), in which a function's own code finds it:
 * `/x/../admin` is `/admin`. Still percent-encoded, and with doubled slashes as they are.
 */
export function targetPath(target: string): string {
  const path = target.slice(0, queryIndex(target));
  return REWRITTEN.test(path) ? new URL(`http://host${path}`).pathname : path;
}

/** The query with its question mark, as it came; empty when there is none. */
export function targetQuery(target: string): string {
  return target.slice(queryIndex(target));
}

/** On the control host: `/<app>.git/…`, which is the git front's. */
export function isGitTarget(target: string): boolean {
  return GIT_TARGET.test(target);
}

function queryIndex(target: string): number {
  const index = target.indexOf('?');
  return index === -1 ? target.length : index;
}

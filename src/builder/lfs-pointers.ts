import type { BuildProblem } from '../protocol/builder.ts';

/**
 * A pointer of Git LFS stands in the repository for a file that lies elsewhere. It is text of less than 1024 bytes,
 * `version` first, and names the file by its hash (git-lfs, docs/spec.md). Nothing here fetches that file, and what
 * is pushed must not be served in its place.
 */
export const MAX_POINTER_BYTES = 1024;

/** Of a push with hundreds of them, this many are named. */
const MAX_NAMED = 5;
/** Both addresses of the specification: the second is that of releases before 1.0. */
const VERSION = /^version https:\/\/(git-lfs\.github\.com|hawser\.github\.com)\/spec\/v\d+\r?\n/;
const OID = /^oid sha256:[0-9a-f]{64}\r?$/m;

export function isLfsPointer(content: Buffer): boolean {
  if (content.length === 0 || content.length > MAX_POINTER_BYTES) return false;
  const text = content.toString('latin1');
  return VERSION.test(text) && OID.test(text);
}

/** What the pusher reads: which files, why not, and how they get into the repository. */
export function lfsProblems(paths: readonly string[]): BuildProblem[] {
  const named = paths.slice(0, MAX_NAMED).map((path) => `"${path}"`);
  const rest = paths.length - named.length;
  const which = [...named, ...(rest > 0 ? [`${rest} more`] : [])].join(', ');
  const are = paths.length === 1 ? 'is a pointer' : 'are pointers';
  const message = `${which} ${are} of Git LFS: the content lies outside this repository and is not fetched`;
  const hint = 'To have it here: git lfs untrack PATTERN && git add --renormalize . && git commit';
  return [{ message, at: null, frame: [], hint }];
}

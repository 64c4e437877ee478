const MAX_REF_BYTES = 200;
const ALLOWED_REF = /^refs\/(heads|tags)\/[\p{L}\p{N}._/\-+#@=]+$/u;

/** What git-check-ref-format forbids of these characters. */
const MALFORMED_REF = /\/[./]|\.\.|\.lock(?:\/|$)|[/.]$/;

export type RefKind = 'branch' | 'tag';

/** An object id that stands for "no object" in a ref update. */
export const ZERO_OID = '0'.repeat(40);

/** Says why a ref may not be pushed, or null when it may. */
export function refProblem(ref: string): string | null {
  if (Buffer.byteLength(ref) > MAX_REF_BYTES)
    return `ref names have at most ${MAX_REF_BYTES} bytes`;
  if (!/^refs\/(heads|tags)\//.test(ref)) return 'only branches and tags can be pushed';
  if (!ALLOWED_REF.test(ref)) {
    return 'ref names here have letters, digits and . _ / - + # @ = only';
  }
  if (MALFORMED_REF.test(ref)) return 'git has no refs of this name: git help check-ref-format';
  if (ref.split('/').some((part) => part.startsWith('-')))
    return 'no part of a ref may start with -';
  return null;
}

/** Whether a valid ref is a branch or a tag. */
export function refKind(ref: string): RefKind {
  return ref.startsWith('refs/tags/') ? 'tag' : 'branch';
}

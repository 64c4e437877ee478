import { createHash } from 'node:crypto';

const LABEL_LIMIT = 63; // RFC 1035 section 2.3.4
/** More only where a shorter hash is taken as well. */
const HASH_CHARACTERS = [6, 9, 12];

/** Separates the slug from the app in `<slug>--<app>.<base>`. */
export const SLUG_SEPARATOR = '--';

/** The name of a branch or tag without `refs/heads/` or `refs/tags/`. */
export function shortRefName(ref: string): string {
  return ref.replace(/^refs\/(heads|tags)\//, '');
}

/**
 * The host-name part of a branch or tag, with room for `--<app>` in one label of 63 characters. `isTaken` tells
 * whether another ref of the app owns a slug. The clean form is used where it is unambiguous; otherwise `-` and 6
 * hex digits of sha256(ref) are appended: for an empty or cut slug, one that looks like a commit, one of two
 * characters (RFC 5890 reserves labels with `--` in third place), or one that is taken.
 */
export function slugForRef(
  ref: string,
  appName: string,
  isTaken: (slug: string) => boolean,
): string {
  const room = LABEL_LIMIT - SLUG_SEPARATOR.length - appName.length;
  const clean = cleanSlug(shortRefName(ref));
  const isAmbiguous =
    clean.length === 0 ||
    clean.length === 2 ||
    clean.length > room ||
    /^[0-9a-f]{7,40}$/.test(clean) ||
    isTaken(clean);
  if (!isAmbiguous) return clean;
  const hash = createHash('sha256').update(ref).digest('hex');
  const hashed = HASH_CHARACTERS.map((count) => withHash(clean, hash.slice(0, count), room));
  const free = hashed.find((slug) => !isTaken(slug));
  // With 12 digits the odds are none; whoever claims it finds out.
  return free ?? hashed.at(-1) ?? hash;
}

function withHash(clean: string, hash: string, room: number): string {
  const stem = trimHyphens(clean.slice(0, Math.max(0, room - hash.length - 1)));
  // An empty stem must not leave a label that starts with a hyphen.
  return (stem === '' ? `r-${hash}` : `${stem}-${hash}`).slice(0, room);
}

function cleanSlug(name: string): string {
  return trimHyphens(
    name
      .normalize('NFKD')
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, '-'),
  );
}

function trimHyphens(text: string): string {
  return text.replace(/^-+|-+$/g, '');
}

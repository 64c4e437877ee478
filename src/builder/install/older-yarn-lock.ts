/**
 * Lockfiles of Yarn 2 to 4.17. The Yarn of this project rewrites them in its own format while it installs, which its
 * `--immutable` forbids. So they are installed without it, and what they say about packages is compared afterwards.
 */
import { readFileSync } from 'node:fs';

/** `__metadata.version` of the pinned Yarn. */
const CURRENT_VERSION = 10;

/** What of the lockfile must stay as it is; null for one that the pinned Yarn writes itself. */
export function olderYarnLock(lockfile: string): string | null {
  const text = readFileSync(lockfile, 'utf8');
  const version = Number(/^__metadata:\s+version: (\d+)/m.exec(text)?.[1] ?? CURRENT_VERSION);
  return version < CURRENT_VERSION ? meaningOf(text) : null;
}

export function hasSameMeaning(lockfile: string, before: string): boolean {
  return meaningOf(readFileSync(lockfile, 'utf8')) === before;
}

/** Without the format's own lines. Checksums are of the archives that Yarn makes, which Yarn 4 makes in another way. */
function meaningOf(text: string): string {
  return text
    .replace(/^__metadata:\n(?: .*\n)*/m, '')
    .replaceAll(/^ {2}(?:checksum|conditions): .*\n/gm, '')
    .trim();
}

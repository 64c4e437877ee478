import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

/** What is asked of the repository's files again and again while builds are compared; paths are relative to `root`. */
export class SourceFiles {
  readonly root: string;
  readonly #hashes = new Map<string, string | null>();
  readonly #names = new Map<string, string[]>();
  /** Folder → stem → names. */
  readonly #stems = new Map<string, Map<string, string[]>>();

  constructor(root: string) {
    this.root = root;
  }

  /** Null when there is no such file. */
  sha256(path: string): string | null {
    const known = this.#hashes.get(path);
    if (known !== undefined) return known;
    const content = read(join(this.root, path));
    const hash = content === null ? null : createHash('sha256').update(content).digest('hex');
    this.#hashes.set(path, hash);
    return hash;
  }

  /** The names in a folder, sorted; none when there is no such folder. */
  names(folder: string): string[] {
    const known = this.#names.get(folder);
    if (known !== undefined) return known;
    const names = list(join(this.root, folder)).sort();
    this.#names.set(folder, names);
    return names;
  }

  /** The names beside a path that are alike up to their first dot, itself among them. */
  namesLike(path: string): string[] {
    const folder = dirname(path);
    const stems = this.#stems.get(folder) ?? Map.groupBy(this.names(folder), stemOf);
    this.#stems.set(folder, stems);
    return stems.get(stemOf(basename(path))) ?? [];
  }
}

function stemOf(name: string): string {
  const dot = name.indexOf('.', 1);
  return dot < 0 ? name : name.slice(0, dot);
}

function read(path: string): Buffer | null {
  return nullWhenMissing(() => readFileSync(path));
}

function list(path: string): string[] {
  return nullWhenMissing(() => readdirSync(path)) ?? [];
}

function nullWhenMissing<Result>(attempt: () => Result): Result | null {
  try {
    return attempt();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'EISDIR') return null;
    throw error;
  }
}

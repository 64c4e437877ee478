/**
 * Measures the files of a commit before anything lists or unpacks them. git's own limit is on the compressed pack
 * only, and ten kilobytes of trees can describe a billion files: so each tree is read once, however often it
 * occurs, and what it holds is added up from what its parts hold. A megabyte of trees that resemble each other can
 * describe a hundred different ones of a hundred thousand files: so one tree is read after the other, and reading
 * ends as soon as what was read is too much, since each distinct tree occurs at least once.
 *
 * Submodules are refused (docs/decisions/0045-submodules-and-lfs-pointers-are-refused.md): what they name is in no
 * object of the push.
 */
import { PlatformError } from '../protocol/errors.ts';
import { printableLine } from '../std/printable.ts';
import type { TreeLimits } from './limits.ts';
import type { ObjectReader } from './object-reader.ts';

/** Finds what is wrong with trees; one for all commits of a push, which have most trees in common. */
export interface TreeCheck {
  /**
   * Says in which way the files are too many or too large, or null when they may be built. One commit at a time: the
   * next when the answer is there.
   */
  problemOf(tree: string): Promise<string | null>;
}

/** What one tree holds, folders and what is in them included. */
interface Extent {
  entries: number;
  bytes: number;
  /** Of the longest path below. */
  pathBytes: number;
  /** Levels of folders. */
  depth: number;
  submodules: number;
  /** Path of one of them; empty without any. */
  submodule: string;
}

interface TreeEntry {
  kind: 'tree' | 'blob' | 'submodule';
  name: Buffer;
  id: string;
}

const ID_BYTES = 20;
const SPACE = 32;
const MAX_SHOWN_CHARACTERS = 200;
/** Sizes that are asked for together: enough to hide the way to git and back, few enough to cost nothing. */
const SIZES_AT_ONCE = 1_000;

export function createTreeCheck(objects: ObjectReader, limits: TreeLimits): TreeCheck {
  const known = new Map<string, Extent>();
  /** Of the trees that were read for the commit at hand. */
  let entriesRead = 0;

  async function extentOf(tree: string, level: number): Promise<Extent> {
    if (level > limits.depth) {
      throw new TreeProblem(`its folders are more than ${limits.depth} deep`);
    }
    const before = known.get(tree);
    if (before !== undefined) return before;
    const extent = await measure(tree, level);
    known.set(tree, extent);
    return extent;
  }

  async function measure(tree: string, level: number): Promise<Extent> {
    const entries = await readTree(tree);
    let extent = await extentOfFiles(entries.filter(({ kind }) => kind !== 'tree'));
    for (const { kind, id, name } of entries) {
      if (kind === 'tree') extent = sum(extent, below(await extentOf(id, level + 1), name));
    }
    return extent;
  }

  async function readTree(tree: string): Promise<TreeEntry[]> {
    const object = await objects.read(tree);
    const room = limits.entries - entriesRead;
    const entries = parseTree(object?.content ?? Buffer.alloc(0), room + 1);
    if (entries.length > room) throw new TreeProblem(tooMany(limits));
    entriesRead += entries.length;
    return entries;
  }

  async function extentOfFiles(files: TreeEntry[]): Promise<Extent> {
    let bytes = 0;
    for (let at = 0; at < files.length; at += SIZES_AT_ONCE) {
      const blobs = files.slice(at, at + SIZES_AT_ONCE).filter(({ kind }) => kind === 'blob');
      const sizes = await Promise.all(blobs.map(({ id }) => objects.sizeOf(id)));
      bytes = sizes.reduce((total, size) => total + size, bytes);
    }
    const submodules = files.filter(({ kind }) => kind === 'submodule');
    return {
      entries: files.length,
      bytes,
      pathBytes: files.reduce((longest, { name }) => Math.max(longest, name.length), 0),
      depth: files.length === 0 ? 0 : 1,
      submodules: submodules.length,
      submodule: submodules[0]?.name.toString('utf8') ?? '',
    };
  }

  return {
    async problemOf(tree) {
      entriesRead = 0;
      // Kept for the commits of one push, which may be all different.
      if (known.size > limits.entries) known.clear();
      try {
        return problemIn(await extentOf(tree, 1), limits);
      } catch (error) {
        if (error instanceof TreeProblem) return error.message;
        if (error instanceof PlatformError && error.code === 'too-large') return tooMany(limits);
        throw error;
      }
    },
  };
}

/** Ends a measurement whose outcome is certain already. */
class TreeProblem extends Error {}

function tooMany({ entries }: TreeLimits): string {
  return `it has more than ${entries} files`;
}

function problemIn(extent: Extent, limits: TreeLimits): string | null {
  if (extent.entries > limits.entries) return tooMany(limits);
  if (extent.bytes > limits.bytes)
    return `its files have more than ${limits.bytes / 1024 ** 2} MiB`;
  if (extent.pathBytes > limits.pathBytes) {
    return `a path in it has more than ${limits.pathBytes} bytes`;
  }
  if (extent.depth > limits.depth) return `its folders are more than ${limits.depth} deep`;
  return submoduleProblem(extent);
}

/** Two lines: the second is indented as the pusher's terminal shows it. */
function submoduleProblem({ submodules, submodule }: Extent): string | null {
  if (submodules === 0) return null;
  const more = submodules === 1 ? '' : ` (and ${submodules - 1} more)`;
  return [
    `"${printableLine(submodule, MAX_SHOWN_CHARACTERS)}"${more} is a submodule, whose files are not in this repository and are not fetched`,
    '       Put them in its place: git rm --cached PATH && rm -rf PATH/.git && git add PATH',
  ].join('\n');
}

/** A folder as an entry of the one above it. */
function below(extent: Extent, name: Buffer): Extent {
  return {
    ...extent,
    entries: extent.entries + 1,
    pathBytes: name.length + 1 + extent.pathBytes,
    depth: extent.depth + 1,
    submodule: extent.submodules === 0 ? '' : `${name.toString('utf8')}/${extent.submodule}`,
  };
}

function sum(left: Extent, right: Extent): Extent {
  return {
    entries: left.entries + right.entries,
    bytes: left.bytes + right.bytes,
    pathBytes: Math.max(left.pathBytes, right.pathBytes),
    depth: Math.max(left.depth, right.depth),
    submodules: left.submodules + right.submodules,
    submodule: left.submodules > 0 ? left.submodule : right.submodule,
  };
}

/** `<mode> <name>NUL<20 bytes of id>`, again and again; at most so many of them. */
function parseTree(content: Buffer, maxEntries: number): TreeEntry[] {
  const entries: TreeEntry[] = [];
  let at = 0;
  while (at < content.length && entries.length < maxEntries) {
    const space = content.indexOf(SPACE, at);
    const nameEnd = content.indexOf(0, space);
    if (space === -1 || nameEnd === -1) break; // fsck has refused what is not a tree.
    const mode = content.toString('latin1', at, space);
    const end = nameEnd + 1 + ID_BYTES;
    const kind = mode === '40000' ? 'tree' : mode === '160000' ? 'submodule' : 'blob';
    const id = content.toString('hex', nameEnd + 1, end);
    entries.push({ kind, name: content.subarray(space + 1, nameEnd), id });
    at = end;
  }
  return entries;
}

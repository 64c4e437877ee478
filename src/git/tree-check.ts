/**
 * Measures the files of a commit before anything lists or unpacks them. git's own limit is on the compressed pack
 * only, and ten kilobytes of trees can describe a billion files: so each tree is read once, however often it
 * occurs, and what it holds is added up from what its parts hold.
 */
import { PlatformError } from '../protocol/errors.ts';
import type { TreeLimits } from './limits.ts';
import type { ObjectReader } from './object-reader.ts';

/** Finds what is wrong with trees; one for all commits of a push, which have most trees in common. */
export interface TreeCheck {
  /** Says in which way the files are too many or too large, or null when they may be built. */
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
}

interface TreeEntry {
  kind: 'tree' | 'blob' | 'submodule';
  nameBytes: number;
  id: string;
}

const ID_BYTES = 20;
const SPACE = 32;

export function createTreeCheck(objects: ObjectReader, limits: TreeLimits): TreeCheck {
  const known = new Map<string, Promise<Extent>>();

  function extentOf(tree: string, level: number): Promise<Extent> {
    if (level > limits.depth)
      throw new TreeProblem(`its folders are more than ${limits.depth} deep`);
    const before = known.get(tree);
    if (before !== undefined) return before;
    // Each distinct tree is at least one entry of the whole.
    if (known.size >= limits.entries) throw new TreeProblem(tooMany(limits));
    const extent = measure(tree, level);
    known.set(tree, extent);
    return extent;
  }

  async function measure(tree: string, level: number): Promise<Extent> {
    const object = await objects.read(tree);
    const entries = parseTree(object?.content ?? Buffer.alloc(0));
    if (entries.length > limits.entries) throw new TreeProblem(tooMany(limits));
    const parts = entries.map(async ({ kind, id, nameBytes }): Promise<Extent> => {
      const flat = { entries: 1, bytes: 0, pathBytes: nameBytes, depth: 1 };
      if (kind === 'blob') return { ...flat, bytes: await objects.sizeOf(id) };
      return kind === 'tree' ? below(await extentOf(id, level + 1), nameBytes) : flat;
    });
    return (await Promise.all(parts)).reduce(sum, { entries: 0, bytes: 0, pathBytes: 0, depth: 0 });
  }

  return {
    async problemOf(tree) {
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
  return null;
}

/** A folder as an entry of the one above it. */
function below(extent: Extent, nameBytes: number): Extent {
  return {
    entries: extent.entries + 1,
    bytes: extent.bytes,
    pathBytes: nameBytes + 1 + extent.pathBytes,
    depth: extent.depth + 1,
  };
}

function sum(left: Extent, right: Extent): Extent {
  return {
    entries: left.entries + right.entries,
    bytes: left.bytes + right.bytes,
    pathBytes: Math.max(left.pathBytes, right.pathBytes),
    depth: Math.max(left.depth, right.depth),
  };
}

/** `<mode> <name>NUL<20 bytes of id>`, again and again. */
function parseTree(content: Buffer): TreeEntry[] {
  const entries: TreeEntry[] = [];
  let at = 0;
  while (at < content.length) {
    const space = content.indexOf(SPACE, at);
    const nameEnd = content.indexOf(0, space);
    if (space === -1 || nameEnd === -1) break; // fsck has refused what is not a tree.
    const mode = content.toString('latin1', at, space);
    const end = nameEnd + 1 + ID_BYTES;
    const kind = mode === '40000' ? 'tree' : mode === '160000' ? 'submodule' : 'blob';
    const id = content.toString('hex', nameEnd + 1, end);
    entries.push({ kind, nameBytes: nameEnd - space - 1, id });
    at = end;
  }
  return entries;
}

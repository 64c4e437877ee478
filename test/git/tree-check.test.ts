import { describe, expect, it } from 'vitest';
import type { ObjectReader } from '../../src/git/object-reader.ts';
import { createTreeCheck } from '../../src/git/tree-check.ts';

const LIMITS = { entries: 10_000, bytes: 1_000_000, pathBytes: 100, depth: 8 };

const idOf = (number: number): string => number.toString(16).padStart(40, '0');

function treeOf(entries: { mode: string; name: string; id: string }[]): Buffer {
  return Buffer.concat(
    entries.flatMap(({ mode, name, id }) => [
      Buffer.from(`${mode} ${name}\0`),
      Buffer.from(id, 'hex'),
    ]),
  );
}

const filesOf = (count: number): Buffer =>
  treeOf(
    Array.from({ length: count }, (_, index) => ({
      mode: '100644',
      name: `f${index}`,
      id: idOf(0xf000000 + index),
    })),
  );

const foldersOf = (ids: string[]): Buffer =>
  treeOf(ids.map((id, index) => ({ mode: '40000', name: `d${index}`, id })));

/** Answers a turn later, as git does, and counts what it is asked. */
function countingReader(trees: Map<string, Buffer>): {
  objects: ObjectReader;
  counts: { reads: number; mostWaiting: number };
} {
  const counts = { reads: 0, mostWaiting: 0 };
  let waiting = 0;
  const answer = async <T>(value: T): Promise<T> => {
    waiting += 1;
    counts.mostWaiting = Math.max(counts.mostWaiting, waiting);
    await new Promise(setImmediate);
    waiting -= 1;
    return value;
  };
  const objects: ObjectReader = {
    read(id) {
      counts.reads += 1;
      return answer({ id, type: 'tree', content: trees.get(id) ?? Buffer.alloc(0) });
    },
    sizeOf: () => answer(10),
  };
  return { objects, counts };
}

describe('a check of trees', () => {
  it('stops reading different trees as soon as they are too much together', async () => {
    const trees = new Map<string, Buffer>();
    const folders = Array.from({ length: 100 }, (_, index) => idOf(index + 1));
    const files = filesOf(4_000);
    for (const id of folders) trees.set(id, files);
    trees.set(idOf(0), foldersOf(folders));
    const { objects, counts } = countingReader(trees);
    const problem = await createTreeCheck(objects, LIMITS).problemOf(idOf(0));
    expect(problem).toBe('it has more than 10000 files');
    // The root, two folders, and the one that is too much.
    expect(counts.reads).toBe(4);
    expect(counts.mostWaiting).toBeLessThanOrEqual(1_000);
  });

  it('counts a tree as often as it occurs, and reads it once', async () => {
    const trees = new Map([[idOf(1), filesOf(200)]]);
    trees.set(idOf(0), foldersOf(Array.from({ length: 49 }, () => idOf(1))));
    trees.set(idOf(2), foldersOf(Array.from({ length: 50 }, () => idOf(1))));
    const { objects, counts } = countingReader(trees);
    const check = createTreeCheck(objects, LIMITS);
    expect(await check.problemOf(idOf(0))).toBeNull();
    expect(await check.problemOf(idOf(2))).toBe('it has more than 10000 files');
    expect(counts.reads).toBe(3);
  });

  it('judges each commit of a push by what it has itself', async () => {
    const trees = new Map<string, Buffer>();
    const roots = Array.from({ length: 20 }, (_, index) => idOf(index + 1));
    for (const id of roots) trees.set(id, filesOf(9_000));
    const check = createTreeCheck(countingReader(trees).objects, LIMITS);
    for (const id of roots) expect(await check.problemOf(id)).toBeNull();
  });

  it('adds up sizes, and finds the longest path and the deepest folder', async () => {
    const trees = new Map([[idOf(0), filesOf(9)]]);
    for (let level = 1; level < 10; level += 1) {
      trees.set(idOf(level), foldersOf([idOf(level - 1)]));
    }
    const { objects } = countingReader(trees);
    const problemWith = (limits: Partial<typeof LIMITS>, root: number): Promise<string | null> =>
      createTreeCheck(objects, { ...LIMITS, ...limits }).problemOf(idOf(root));
    expect(await problemWith({}, 7)).toBeNull();
    expect(await problemWith({}, 8)).toBe('its folders are more than 8 deep');
    expect(await problemWith({ bytes: 90 }, 1)).toBeNull();
    expect(await problemWith({ bytes: 89 }, 1)).toContain('its files have more than');
    expect(await problemWith({ pathBytes: 8 }, 2)).toBeNull(); // d0/d0/f0
    expect(await problemWith({ pathBytes: 7 }, 2)).toBe('a path in it has more than 7 bytes');
  });
});

import { mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openCodeCaches } from '../../src/pool/code-caches.ts';
import type { FunctionSource } from '../../src/pool/ports.ts';

const KIB = 1024;
const ALONE = { place: 0, processes: 1 };

let root = '';
let troubles: unknown[] = [];
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'code-caches-'));
  troubles = [];
});
afterEach(() => rm(root, { recursive: true, force: true }));

const open = (share: Parameters<typeof openCodeCaches>[1] = ALONE) =>
  openCodeCaches(root, share, (error) => void troubles.push(error));

function sourceOf(deployment: string, appName = 'hello', functionName = 'main'): FunctionSource {
  return { appName, deployment: `dep-${deployment}`, functionName };
}

const filled = (bytes: number, value = 7) => Buffer.alloc(bytes, value);
const files = () => readdir(join(root, '0'));

describe('code caches', () => {
  it('give what was kept, to the same function of the same deployment alone, also to the next process', async () => {
    const caches = await open();
    const made = await caches.make(sourceOf('a'), 'started', async () => filled(KIB));
    expect(made).toBe('made');
    const others = [sourceOf('b'), sourceOf('a', 'other'), sourceOf('a', 'hello', 'api/other')];
    for (const one of [caches, await open()]) {
      expect(await one.read(sourceOf('a'))).toEqual(filled(KIB));
      expect(one.stageOf(sourceOf('a'))).toBe('started');
      for (const other of others) expect(await one.read(other)).toBeNull();
    }
    expect(troubles).toEqual([]);
  });

  it('keep the newest alone', async () => {
    const caches = await open();
    await caches.make(sourceOf('a'), 'started', async () => filled(KIB));
    expect(await caches.read(sourceOf('a'))).toEqual(filled(KIB));
    await caches.make(sourceOf('a'), 'answered', async () => filled(KIB, 8));
    expect(await caches.read(sourceOf('a'))).toEqual(filled(KIB, 8));
    await expect.poll(files).toHaveLength(1);
    expect((await open()).stageOf(sourceOf('a'))).toBe('answered');
  });

  it.each([
    ['cut', (bytes: Buffer) => bytes.subarray(0, 500)],
    ['empty', () => Buffer.alloc(0)],
    ['changed', (bytes: Buffer) => bytes.fill(0, 600, 601)],
    ['of zeros', (bytes: Buffer) => Buffer.alloc(bytes.length)],
  ])('are as if they were not when their file is %s', async (_, damage) => {
    await (await open()).make(sourceOf('a'), 'answered', async () => filled(KIB));
    const [name = ''] = await files();
    const path = join(root, '0', name);
    await writeFile(path, damage(await readFile(path)));
    const caches = await open();
    expect(await caches.read(sourceOf('a'))).toBeNull();
    expect(caches.stageOf(sourceOf('a'))).toBeNull();
    expect(troubles).toHaveLength(1);
    await expect.poll(files).toEqual([]);
  });

  it('take no more of the disk than they may, those that were used last longest', async () => {
    const caches = await open({ ...ALONE, maxBytes: 100 * KIB });
    for (const name of ['a', 'b', 'c', 'd', 'e']) {
      await caches.make(sourceOf('x', name), 'started', async () => filled(20 * KIB - 4));
      expect(await caches.read(sourceOf('x', 'a'))).not.toBeNull();
    }
    await caches.make(sourceOf('x', 'f'), 'started', async () => filled(20 * KIB - 4));
    const left = ['a', 'b', 'c', 'd', 'e', 'f'].map((name) => caches.stageOf(sourceOf('x', name)));
    expect(left).toEqual(['started', null, 'started', 'started', 'started', 'started']);
    await expect.poll(files).toHaveLength(5);
  });

  it('of one app drive out others of its own, and not those of another', async () => {
    const caches = await open({ ...ALONE, maxBytes: 100 * KIB });
    await caches.make(sourceOf('first', 'neighbour'), 'started', async () => filled(20 * KIB));
    for (const name of ['a', 'b', 'c', 'd']) {
      await caches.make(sourceOf(name), 'started', async () => filled(10 * KIB));
    }
    const left = ['a', 'b', 'c', 'd'].map((name) => caches.stageOf(sourceOf(name)));
    expect(left).toEqual([null, null, 'started', 'started']);
    expect(caches.stageOf(sourceOf('first', 'neighbour'))).toBe('started');
  });

  it('that were used last are known to the next process by the times of their files', async () => {
    const caches = await open();
    for (const name of ['a', 'b']) {
      await caches.make(sourceOf(name), 'started', async () => filled(20 * KIB));
    }
    for (const name of await files()) await utimes(join(root, '0', name), 1, 1);
    expect(await caches.read(sourceOf('a'))).not.toBeNull();
    const [ofA = ''] = (await files()).filter((name) => name.includes('dep-a'));
    await expect.poll(async () => (await stat(join(root, '0', ofA))).mtimeMs).toBeGreaterThan(2e3);
    const next = await open({ ...ALONE, maxBytes: 100 * KIB });
    expect(next.stageOf(sourceOf('a'))).toBe('started');
    expect(next.stageOf(sourceOf('b'))).toBeNull();
  });

  it('go with their deployment', async () => {
    const caches = await open();
    for (const name of ['a', 'b']) {
      await caches.make(sourceOf(name), 'started', async () => filled(KIB));
    }
    caches.keepOnly(new Set(['dep-b']));
    expect(caches.stageOf(sourceOf('a'))).toBeNull();
    expect(caches.stageOf(sourceOf('b'))).toBe('started');
    await expect.poll(files).toHaveLength(1);
  });

  it('are made one at a time', async () => {
    const caches = await open();
    const { promise, resolve } = Promise.withResolvers<null>();
    const first = caches.make(sourceOf('a'), 'started', () => promise);
    expect(await caches.make(sourceOf('b'), 'started', async () => filled(KIB))).toBe('busy');
    resolve(null);
    expect(await first).toBe('none');
    expect(await caches.make(sourceOf('b'), 'started', async () => filled(KIB))).toBe('made');
  });

  it('are none where nothing can be written, which is told once', async () => {
    root = join(root, 'file');
    await writeFile(root, '');
    const caches = await open();
    for (const name of ['a', 'b']) {
      expect(await caches.make(sourceOf(name), 'started', async () => filled(KIB))).toBe('none');
      expect(await caches.read(sourceOf(name))).toBeNull();
    }
    expect(troubles).toHaveLength(1);
  });

  it('of data processes that are no more are removed', async () => {
    const second = await open({ place: 1, processes: 2 });
    await second.make(sourceOf('a'), 'started', async () => filled(KIB));
    await open({ place: 0, processes: 2 });
    expect(await readdir(root)).toEqual(['0', '1']);
    await open();
    expect(await readdir(root)).toEqual(['0']);
  });

  it('of names that no app has become no file', async () => {
    const caches = await open();
    for (const appName of ['../up', 'a/b', '']) {
      await caches.make(sourceOf('a', appName), 'started', async () => filled(KIB));
      expect(await caches.read(sourceOf('a', appName))).toBeNull();
    }
    expect(await files()).toEqual([]);
    expect(await readdir(join(root, '..'))).not.toContain('up');
  });
});

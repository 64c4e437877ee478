import { chmodSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { type BundleStore, createBundleStore } from '../../src/bundles/index.ts';

const LIMITS = { memoryMib: 128, timeoutMs: 1000, concurrency: 1, maxBodyBytes: 1 };

function bundleOf(files: Record<string, string>, appId = 'app-one') {
  return {
    appId,
    runtime: 'nodejs26',
    environment: { reads: [], required: [] },
    functions: [{ name: 'main', file: 'main.js', entry: 'index.ts', ...LIMITS }],
    warnings: [],
    files: Object.entries(files).map(([path, text]) => ({ path, content: Buffer.from(text) })),
  };
}

describe('the bundle store', () => {
  let folder: string;
  let store: BundleStore;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'bundle-store-'));
    store = createBundleStore(folder);
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  });

  test('gives back what was put, under a hash of all of it', async () => {
    const { hash, manifest } = await store.put(bundleOf({ 'main.js': 'code', 'a/b.txt': 'text' }));
    expect(hash).toMatch(/^[0-9a-f]{64}$/);
    expect(await store.has(hash)).toBe(true);
    expect(await store.verify(hash)).toBe(true);
    expect(await store.readManifest(hash)).toEqual(manifest);
    expect((await store.readFile(hash, 'a/b.txt')).toString()).toBe('text');
    expect(manifest.files.map(({ path }) => path)).toEqual(['a/b.txt', 'main.js']);
  });

  test('names bundles by files, function settings and app', async () => {
    const same = bundleOf({ 'main.js': 'code' });
    const slower = { ...same, functions: [{ ...same.functions[0], timeoutMs: 2 }] };
    const names = await Promise.all(
      [
        same,
        bundleOf({ 'main.js': 'other' }),
        slower,
        bundleOf({ 'main.js': 'code' }, 'app-two'),
      ].map((bundle) => store.put(bundle as typeof same)),
    );
    expect(new Set(names.map(({ hash }) => hash)).size).toBe(4);
  });

  test('stores a bundle once when many put it at the same time', async () => {
    const puts = Array.from({ length: 20 }, () => store.put(bundleOf({ 'main.js': 'code' })));
    const hashes = new Set((await Promise.all(puts)).map(({ hash }) => hash));
    expect(hashes.size).toBe(1);
    expect(readdirSync(folder)).toEqual([...hashes]);
  });

  test('notices a spoilt file, and mends it when the bundle is put again', async () => {
    const { hash } = await store.put(bundleOf({ 'main.js': 'code' }));
    chmodSync(join(folder, hash, 'main.js'), 0o644);
    writeFileSync(join(folder, hash, 'main.js'), 'evil');
    expect(await store.verify(hash)).toBe(false);
    await store.put(bundleOf({ 'main.js': 'code' }));
    expect(await store.verify(hash)).toBe(true);
    expect(readdirSync(folder)).toEqual([hash]);
  });

  test('notices a missing file, and says no to a bundle that was never there', async () => {
    const { hash } = await store.put(bundleOf({ 'main.js': 'code' }));
    rmSync(join(folder, hash, 'main.js'));
    expect(await store.verify(hash)).toBe(false);
    expect(await store.has('0'.repeat(64))).toBe(false);
    await expect(store.readManifest('0'.repeat(64))).rejects.toMatchObject({ code: 'not-found' });
    await expect(store.readManifest('../..')).rejects.toMatchObject({ code: 'not-found' });
  });

  test('lets every user read, and nobody write', async () => {
    const { hash } = await store.put(bundleOf({ 'main.js': 'code' }));
    expect(statSync(join(folder, hash)).mode & 0o777).toBe(0o755);
    expect(statSync(join(folder, hash, 'main.js')).mode & 0o777).toBe(0o444);
  });

  test.each([
    [['../main.js']],
    [['/etc/passwd']],
    [['a//b']],
    [['.hidden']],
    [['manifest.json']],
    [['a', 'a/b']],
    [['a', 'a']],
    [['a b']],
    [['x'.repeat(300)]],
    [[]],
    [Array.from({ length: 17 }, (_, index) => `f${index}`)],
  ])('refuses files named %j', async (names) => {
    const files = names.map((path) => ({ path, content: Buffer.from('') }));
    const putting = store.put({ ...bundleOf({}), files });
    await expect(putting).rejects.toMatchObject({ code: 'build-failed' });
    expect(readdirSync(folder)).toEqual([]);
  });
});

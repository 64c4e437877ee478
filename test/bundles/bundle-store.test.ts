import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
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
    publicFiles: [],
    releaseCommand: null,
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

  test('removes what a process left that was killed while it stored', async () => {
    const { hash } = await store.put(bundleOf({ 'main.js': 'code' }));
    for (const name of ['.new-abc', '.spoilt-abc']) {
      mkdirSync(join(folder, name));
      writeFileSync(join(folder, name, 'main.js'), 'co');
    }
    store = createBundleStore(folder);
    expect(readdirSync(folder)).toEqual([hash]);
    expect(await store.verify(hash)).toBe(true);
  });

  test('lets every user read, and nobody write', async () => {
    const { hash } = await store.put(bundleOf({ 'main.js': 'code' }));
    expect(statSync(join(folder, hash)).mode & 0o777).toBe(0o755);
    expect(statSync(join(folder, hash, 'main.js')).mode & 0o777).toBe(0o444);
  });

  test('lets packages start the programs that they ship', async () => {
    const files = {
      'main.js': 'code',
      'node_modules/engine/bin/engine': '\x7fELF…',
      'node_modules/engine/cli.js': '#!/usr/bin/env node',
    };
    const { hash } = await store.put(bundleOf(files));
    const modes = Object.keys(files).map(
      (name) => statSync(join(folder, hash, name)).mode & 0o7777,
    );
    expect(modes).toEqual([0o444, 0o555, 0o555]);
  });

  test('takes the names that packages and people give their files', async () => {
    const names = [
      'node_modules/@scope/pack.age/lib/a+b.js',
      'node_modules/.package-lock.json',
      'public/über uns/日本.html',
      'public/.well-known/security.txt',
      `${'x/'.repeat(31)}x`,
    ];
    const { hash } = await store.put(
      bundleOf(Object.fromEntries(['main.js', ...names].map((name) => [name, name]))),
    );
    expect(await store.verify(hash)).toBe(true);
    for (const name of names) expect(String(await store.readFile(hash, name))).toBe(name);
    expect(statSync(join(folder, hash, 'node_modules/@scope')).mode & 0o777).toBe(0o755);
  });

  test('stores thousands of files whole, and notices when one has gone or is another', async () => {
    const names = Array.from(
      { length: 3000 },
      (_, index) => `node_modules/p${index % 40}/${index}`,
    );
    const { hash } = await store.put(
      bundleOf(Object.fromEntries(['main.js', ...names].map((name) => [name, 'x']))),
    );
    expect(await store.verify(hash)).toBe(true);
    rmSync(join(folder, hash, 'node_modules/p7/7'));
    expect(await store.verify(hash)).toBe(false);
    symlinkSync('8', join(folder, hash, 'node_modules/p7/7'));
    expect(await store.verify(hash)).toBe(false);
  });

  test('describes public files by what is stored, and refuses those that are not', async () => {
    const files = { 'public/a.js': 'text', 'public/a.js.br': 'br' };
    const a = { path: '/a.js', file: 'public/a.js', encodings: { br: 'public/a.js.br' } };
    const { manifest } = await store.put({ ...bundleOf(files), functions: [], publicFiles: [a] });
    expect(manifest.public).toEqual([{ ...a, bytes: 4, sha256: manifest.files[0]?.sha256 }]);
    const lost = { path: '/b.js', file: 'public/b.js', encodings: {} };
    const putting = store.put({ ...bundleOf(files), publicFiles: [lost] });
    await expect(putting).rejects.toMatchObject({ code: 'build-failed' });
  });

  test.each([
    [['../main.js']],
    [['/etc/passwd']],
    [['a//b']],
    [['a/../b']],
    [['./a']],
    [['a/']],
    [['line\nbreak']],
    [['nul\0']],
    [['\u0085']],
    [['lone\ud800half']],
    [['manifest.json']],
    [['a', 'a/b']],
    [['a', 'a']],
    [['x'.repeat(256)]],
    [[`${'x/'.repeat(32)}x`]],
    [[Array.from({ length: 6 }, () => 'x'.repeat(200)).join('/')]],
    [[]],
  ])('refuses files named %j', async (names) => {
    const files = names.map((path) => ({ path, content: Buffer.from('') }));
    const putting = store.put({ ...bundleOf({}), files });
    await expect(putting).rejects.toMatchObject({ code: 'build-failed' });
    expect(readdirSync(folder)).toEqual([]);
  });
});

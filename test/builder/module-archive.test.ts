import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import { packFolders, unpackFolders } from '../../src/builder/install/module-archive.ts';

const OFTEN_READ = ['index.js', 'license.js', 'notes.txt', 'package.json', 'types.ts'];
const SELDOM_READ = ['LICENSE', 'index.d.cts', 'index.d.ts', 'index.js.flow', 'readme.md'];
const LONG = `${'deep/'.repeat(30)}index.js`;

let archive: Buffer;
beforeEach(async () => {
  const root = folder();
  mkdirSync(join(root, 'node_modules/p', LONG, '..'), { recursive: true });
  for (const name of [...OFTEN_READ, ...SELDOM_READ, LONG]) {
    writeFileSync(join(root, 'node_modules/p', name), name.repeat(1_000));
  }
  archive = await buffer(packFolders(root, ['node_modules']));
});

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'module-archive-'));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

function filesIn(root: string): string[] {
  return readdirSync(join(root, 'node_modules/p')).filter((name) => name !== 'deep');
}

const inChunks = (bytes: Buffer): Readable =>
  Readable.from(
    Array.from({ length: Math.ceil(bytes.length / 100) }, (_, at) =>
      bytes.subarray(at * 100, at * 100 + 100),
    ),
  );

test('what imports lead to comes without the rest, and the rest comes beside it', async () => {
  const root = folder();
  const stream = inChunks(archive);
  await unpackFolders(stream, root, 'often-read');
  expect(filesIn(root).sort()).toEqual(OFTEN_READ);
  expect(readdirSync(join(root, 'node_modules/p', LONG, '..'))).toEqual(['index.js']);
  // What was not needed holds nobody up.
  await expect.poll(() => stream.readableEnded).toBe(true);
  await unpackFolders(inChunks(archive), root, 'seldom-read');
  expect(filesIn(root).sort()).toEqual([...OFTEN_READ, ...SELDOM_READ].sort());
});

test('everything comes at once', async () => {
  const root = folder();
  await unpackFolders(inChunks(archive), root, 'all');
  expect(filesIn(root).sort()).toEqual([...OFTEN_READ, ...SELDOM_READ].sort());
});

test.each(['often-read', 'seldom-read', 'all'] as const)(
  'an archive that is cut short is refused: %s',
  async (part) => {
    const cut = inChunks(archive.subarray(0, 200));
    await expect(unpackFolders(cut, folder(), part)).rejects.toThrow();
  },
);

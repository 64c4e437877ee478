import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { writeFileAtomically } from '../../src/std/atomic-file.ts';

async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'gitfn-atomic-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  return folder;
}

it('replaces a file, and leaves nothing else in its folder', async () => {
  const folder = await temporaryFolder();
  await writeFileAtomically(join(folder, 'a'), 'old');
  await writeFileAtomically(join(folder, 'a'), 'new');
  expect(await readFile(join(folder, 'a'), 'utf8')).toBe('new');
  expect(await readdir(folder)).toEqual(['a']);
});

it('leaves nothing behind when it fails', async () => {
  const folder = await temporaryFolder();
  await mkdir(join(folder, 'taken', 'full'), { recursive: true });
  await expect(writeFileAtomically(join(folder, 'taken'), 'x')).rejects.toThrow();
  expect(await readdir(folder)).toEqual(['taken']);
});

import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, expect, it, onTestFinished } from 'vitest';
import { openProgramCache } from '../../../../src/main/supervisor/programs/program-cache.ts';

const INSTALLED = 'node_modules/.package-lock.json';
let project: string;

beforeEach(async () => {
  project = await mkdtemp(join(tmpdir(), 'program-cache-'));
  onTestFinished(() => rm(project, { recursive: true, force: true }));
  await mkdir(join(project, 'src/worker'), { recursive: true });
  await writeFile(join(project, 'src/worker/main.ts'), 'first');
  await mkdir(join(project, 'node_modules'));
  await mkdir(join(project, 'bin'));
  for (const path of [INSTALLED, 'package.json', 'bin/fn-credential']) {
    await writeFile(join(project, path), '{}');
  }
});

/** Fills a folder of its own, and tells what is in it and whether it had to be made. */
async function fill(): Promise<{ text: string; isMade: boolean }> {
  const out = await mkdtemp(join(project, 'out-'));
  let isMade = false;
  await openProgramCache(project).fill(out, async () => {
    isMade = true;
    await mkdir(join(out, 'builder'));
    await writeFile(join(out, 'worker.cjs'), 'a worker');
    await writeFile(join(out, 'builder/builder.mjs'), 'a builder');
  });
  const texts = ['worker.cjs', 'builder/builder.mjs'].map((path) =>
    readFile(join(out, path), 'utf8'),
  );
  return { text: (await Promise.all(texts)).join(', '), isMade };
}

async function keptFolders(): Promise<string[]> {
  const folder = join(project, 'node_modules/.cache/gitfn/programs');
  return (await readdir(folder)).map((name) => join(folder, name));
}

it('makes programs once for the same sources', async () => {
  expect(await fill()).toEqual({ text: 'a worker, a builder', isMade: true });
  expect(await fill()).toEqual({ text: 'a worker, a builder', isMade: false });
});

it.each([
  ['a source has changed', 'src/worker/main.ts'],
  ['a source was added', 'src/worker/other.ts'],
  ['a package has another version', INSTALLED],
  ['this is another version of gitfn', 'package.json'],
])('makes them anew when %s', async (_, path) => {
  await fill();
  await writeFile(join(project, path), 'second');
  expect((await fill()).isMade).toBe(true);
});

it('does not run what was torn', async () => {
  await fill();
  const [kept = ''] = await keptFolders();
  await writeFile(join(kept, 'worker.cjs'), 'a wor');
  expect(await fill()).toEqual({ text: 'a worker, a builder', isMade: true });
  expect((await fill()).isMade).toBe(false);
});

it('keeps those of a few sources', async () => {
  for (let turn = 0; turn < 6; turn += 1) {
    await writeFile(join(project, 'src/worker/main.ts'), `${turn}`);
    await fill();
  }
  expect(await keptFolders()).toHaveLength(4);
});

it('starts without a cache where nothing can be written', async () => {
  await writeFile(join(project, 'node_modules/.cache'), 'no folder');
  expect(await fill()).toEqual({ text: 'a worker, a builder', isMade: true });
});

it('keeps nothing where nobody says which packages are installed', async () => {
  await rm(join(project, INSTALLED));
  await fill();
  expect((await fill()).isMade).toBe(true);
});

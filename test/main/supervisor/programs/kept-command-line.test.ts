import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as esbuild from 'esbuild';
import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  bundleKeptCommandLine,
  keepCommandLine,
} from '../../../../src/main/supervisor/programs/kept-command-line.ts';
import { makeHome, run } from '../../../cli/run-fn.ts';

const ROOT = join(import.meta.dirname, '../../../..');
const KEPT = 'node_modules/.cache/gitfn/command-line/fn.cjs';
const GREETING = 'Push a git repository, get a URL.';
let project: string;

interface Versioned {
  version: string;
}

/** A clone with packages that are links, whose kept program says of itself that it is the one. */
beforeAll(async () => {
  project = await mkdtemp(join(tmpdir(), 'gitfn-kept-'));
  for (const path of ['src', 'bin', 'package.json', 'tsconfig.json']) {
    await cp(join(ROOT, path), join(project, path), { recursive: true });
  }
  await mkdir(join(project, 'node_modules'));
  for (const name of ['commander', '.bin']) {
    await symlink(join(ROOT, 'node_modules', name), join(project, 'node_modules', name));
  }
  await writeFile(join(project, 'node_modules/.package-lock.json'), '{}');
  await make();
});

afterAll(() => rm(project, { recursive: true }));

async function make(): Promise<void> {
  const outFile = join(project, 'made.cjs');
  await rm(outFile, { force: true });
  await bundleKeptCommandLine(esbuild, { projectDir: project, outFile });
  const made = await readFile(outFile, 'utf8').catch(() => null);
  if (made !== null) await writeFile(outFile, made.replace(GREETING, 'This is the kept one.'));
  await keepCommandLine(project, outFile);
}

async function help(): Promise<string> {
  const ran = await run(makeHome(), join(project, 'bin/fn'), ['help']);
  expect(ran).toMatchObject({ code: 0, stderr: '' });
  return ran.stdout.split('\n')[2] ?? '';
}

it('is what bin/fn starts', async () => {
  expect(await help()).toBe('This is the kept one.');
  const ran = await run(makeHome(), join(project, 'bin/fn'), ['version', '--json']);
  const { version } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as Versioned;
  expect(JSON.parse(ran.stdout)).toMatchObject({ version, node: process.versions.node });
});

it.each([
  ['a source', 'src/cli/main.ts'],
  ['a source that is used far below', 'src/std/printable.ts'],
  ['the version', 'package.json'],
  ['the packages', 'node_modules/.package-lock.json'],
  ['how TypeScript is read', 'tsconfig.json'],
])('gives way to the sources when %s has changed, by one blank at the end', async (_, path) => {
  const before = await readFile(join(project, path), 'utf8');
  await writeFile(join(project, path), `${before} `);
  expect(await help()).toBe(GREETING);
  await writeFile(join(project, path), before);
  expect(await help()).toBe('This is the kept one.');
});

it('gives way when one of its sources is gone', async () => {
  const path = join(project, 'src/main/kept-fn.ts');
  const before = await readFile(path);
  await rm(path);
  expect(await help()).toBe(GREETING);
  await writeFile(path, before);
});

it('leaves the commands that run the platform to the sources', async () => {
  for (const command of ['server', 'dev', 'doctor']) {
    const ran = await run(makeHome(), join(project, 'bin/fn'), [command, '--nonsense']);
    expect(ran.stderr).not.toContain('command line alone');
    expect(ran.code).not.toBe(0);
  }
});

it('is replaced by the next one, and is none where nobody says which packages there are', async () => {
  const list = join(project, 'node_modules/.package-lock.json');
  await writeFile(list, '{ "another": true }');
  expect(await help()).toBe(GREETING);
  await make();
  expect(await help()).toBe('This is the kept one.');
  await rm(list);
  await rm(join(project, KEPT));
  await make();
  await expect(readFile(join(project, KEPT))).rejects.toThrow('ENOENT');
  expect(await help()).toBe(GREETING);
});

it('is no reason to fail where nothing can be written', async () => {
  await writeFile(join(project, 'made.cjs'), 'program');
  await rm(join(project, 'node_modules/.cache'), { recursive: true, force: true });
  await writeFile(join(project, 'node_modules/.cache'), 'no folder');
  await keepCommandLine(project, join(project, 'made.cjs'));
  expect(await help()).toBe(GREETING);
});

import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';

const PROJECT = resolve(import.meta.dirname, '../..');
const page = await readFile(join(PROJECT, 'docs/security.md'), 'utf8');

it('docs/security.md names tests and sources that there are', () => {
  const named = [...page.matchAll(/`((?:test|src)\/[^`]+)`/g)].map(([, path = '']) => path);
  expect(named.length).toBeGreaterThan(30);
  expect(named.filter((path) => !existsSync(join(PROJECT, path)))).toEqual([]);
});

it('docs/security.md names a test for every promise', () => {
  const promises = page
    .slice(page.indexOf('## Promises'), page.indexOf('## The self-test'))
    .split('\n')
    .filter((line) => line.startsWith('| ') && !/^\| (promise|---)/.test(line));
  expect(promises.length).toBeGreaterThan(20);
  const isNamed = /`test\/[^`]+\.ts`(?:, `test\/[^`]+\.ts`)* \|$/;
  expect(promises.filter((promise) => !isNamed.test(promise))).toEqual([]);
});

it('docs/security.md names commands that there are', async () => {
  const { scripts } = JSON.parse(await readFile(join(PROJECT, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>;
  };
  const commands = [...page.matchAll(/^npm run (\S+)/gm)].map(([, name = '']) => name);
  expect(commands.length).toBeGreaterThan(2);
  expect(commands.filter((name) => !(name in scripts))).toEqual([]);
});

import { readdir, readFile, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { ask } from '../support/ask.ts';
import { eventually } from '../support/eventually.ts';
import { createRepository } from '../support/repository.ts';
import { usePlatform } from '../support/use-platform.ts';

const platform = usePlatform();

/** Some 60 KiB. */
const LARGE = [
  ...Array.from(
    { length: 1_000 },
    (_, number) => `const add${number} = (value) => value + ${number} - ${number};\n`,
  ),
  `const all = [${Array.from({ length: 1_000 }, (_, number) => `add${number}`).join()}];\n`,
  'export const handler = async () => ({ statusCode: 200, body: all.reduce((sum, add) => add(sum), 42) });\n',
].join('');
const LONG_AGO = 1;

const folder = (): string => join(platform().dataDir, 'code-caches/0');

/** The path of an app's only code cache. */
async function cacheOf(app: string): Promise<string> {
  const names = (await readdir(folder())).filter((name) => name.startsWith(`${app}.`));
  expect(names).toEqual([expect.stringMatching(/\.answered$/)]);
  return join(folder(), names[0] ?? '');
}

it('a cold start after a restart uses the code cache that a worker made, and not one that was damaged', async () => {
  for (const app of ['whole', 'damaged']) {
    const repository = await createRepository(platform(), app);
    await repository.commit({ 'index.js': LARGE });
    expect(await repository.push('main')).toMatchObject({ code: 0 });
    expect(await ask(platform(), app)).toMatchObject({ status: 200, body: '42' });
  }
  const whole = await eventually(() => cacheOf('whole'));
  const damaged = await eventually(() => cacheOf('damaged'));
  await platform().stop();
  await utimes(whole, LONG_AGO, LONG_AGO);
  const bytes = await readFile(damaged);
  await writeFile(damaged, Buffer.from(bytes).fill(0xff, bytes.length / 2, bytes.length / 2 + 99));

  await platform().restart();
  for (const app of ['whole', 'damaged']) {
    expect(await ask(platform(), app)).toMatchObject({ status: 200, body: '42' });
  }
  // Who reads one tells by its time that it was used.
  await eventually(async () => expect((await stat(whole)).mtimeMs).toBeGreaterThan(2_000));
  expect(await cacheOf('whole')).toBe(whole);
  expect(platform().output()).toMatch(/is not as it was written/);
  await eventually(async () => {
    expect((await readFile(await cacheOf('damaged'))).length).toBeGreaterThan(bytes.length / 2);
    expect((await readFile(damaged)).includes(Buffer.alloc(99, 0xff))).toBe(false);
  });
});

import { access, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { removeLocksLater, removeQuarantinesLater } from '../../src/git/leftovers.ts';
import { openRepositories } from '../../src/git/repositories.ts';
import { newId } from '../../src/std/ids.ts';
import { eventually } from '../support/eventually.ts';
import { createWorkTree, type WorkTree } from './support/work-tree.ts';

let folder: string;
let work: WorkTree;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gitfn-leftovers-'));
  work = await createWorkTree();
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
  await work[Symbol.asyncDispose]();
});

const open = () =>
  openRepositories({ repositoriesDir: join(folder, 'repositories'), stateDir: folder });
const isThere = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

it('locks that a killed git left keep nobody from pushing after the next start', async () => {
  const repository = await (await open()).ensure(newId('app'));
  await work.commit('index.ts', 'export {}');
  await work.must('push', repository, 'main', 'main:refs/heads/deep/down', 'main:refs/tags/v1');
  const locks = ['refs/heads/main', 'refs/heads/deep/down', 'refs/tags/v2', 'HEAD', 'packed-refs'];
  for (const name of locks) await writeFile(join(repository, `${name}.lock`), '');
  await work.commit('index.ts', 'export {};');
  expect(await work.git('push', repository, 'main')).toMatchObject({
    code: 1,
    text: expect.stringContaining('main.lock'),
  });
  await open();
  for (const name of locks) expect(await isThere(join(repository, `${name}.lock`))).toBe(false);
  expect(await work.git('push', repository, 'main', 'main:refs/heads/deep/down')).toMatchObject({
    code: 0,
  });
});

it('a lock is removed when it is older than any that is in use', async () => {
  const repository = await (await open()).ensure(newId('app'));
  const lock = join(repository, 'refs/heads/main.lock');
  const other = join(repository, 'refs/heads/other.lock');
  const shared = ['HEAD.lock', 'packed-refs.lock', 'shallow.lock'].map((name) =>
    join(repository, name),
  );
  await Promise.all([lock, other, ...shared].map((path) => writeFile(path, '')));
  removeLocksLater(repository, () => ['refs/heads/main', 'refs/heads/none'], 500);
  expect(await isThere(lock)).toBe(true);
  await eventually(async () => {
    const left = await Promise.all([lock, ...shared].map(isThere));
    expect(left).toEqual([false, false, false, false]);
  });
  expect(await isThere(other)).toBe(true);
});

it('a quarantine is removed when no push can have it any more, and that of a newer push is left alone', async () => {
  const repository = await (await open()).ensure(newId('app'));
  const old = 'objects/incoming-Old123';
  const newer = 'objects/tmp_objdir-incoming-New123';
  await mkdir(join(repository, old, 'pack'), { recursive: true });
  await delay(50); // Its time is before the kill.
  const other = new AbortController();
  const done = removeQuarantinesLater(repository, [{ ended: other.signal }], 100);
  await delay(300);
  await mkdir(join(repository, newer, 'pack'), { recursive: true });
  expect(await isThere(join(repository, old))).toBe(true);
  other.abort();
  await done;
  expect(await isThere(join(repository, old))).toBe(false);
  expect(await isThere(join(repository, newer))).toBe(true);
});

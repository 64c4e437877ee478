import { cp, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { migrate } from '../../src/store/migrate.ts';
import { createEmptyDatabase } from '../support/database.ts';

const MIGRATIONS = resolve(import.meta.dirname, '../../migrations');
async function copyMigrations(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'gitfn-migrations-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  await cp(MIGRATIONS, folder, { recursive: true });
  return folder;
}

it('runs each migration once, also when several processes start at once', async () => {
  const database = await createEmptyDatabase();
  const runs = await Promise.all([1, 2, 3].map(() => migrate(database, MIGRATIONS)));
  expect(runs.flat()).toEqual((await readdir(MIGRATIONS)).sort());
  expect(await migrate(database, MIGRATIONS)).toEqual([]);
});

it('applies one with a lower number that was added after a higher one', async () => {
  const database = await createEmptyDatabase();
  const folder = await copyMigrations();
  await writeFile(join(folder, '9999_later.sql'), 'CREATE TABLE later (id int);');
  await migrate(database, folder);
  await writeFile(join(folder, '9998_earlier.sql'), 'CREATE TABLE earlier (id int);');
  expect(await migrate(database, folder)).toEqual(['9998_earlier.sql']);
});

it('refuses a database that knows more than it does, and says what to do', async () => {
  const database = await createEmptyDatabase();
  const newer = await copyMigrations();
  await writeFile(join(newer, '9999_future.sql'), 'CREATE TABLE future (id int);');
  await migrate(database, newer);
  await expect(migrate(database, MIGRATIONS)).rejects.toMatchObject({
    code: 'schema-newer',
    message: expect.stringContaining('9999_future.sql'),
    hint: expect.stringContaining('version of gitfn'),
  });
});

it('leaves nothing behind when a migration fails', async () => {
  const database = await createEmptyDatabase();
  const broken = await copyMigrations();
  await writeFile(join(broken, '0002_broken.sql'), 'CREATE TABLE half (id int); SELECT nonsense;');
  await expect(migrate(database, broken)).rejects.toThrow(/nonsense/);
  const { rows } = await database.query(
    "SELECT to_regclass('apps') AS apps, to_regclass('half') AS half",
  );
  expect(rows).toEqual([{ apps: null, half: null }]);
});

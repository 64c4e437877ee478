import { expect, it } from 'vitest';
import { createMasterKeys, createVault, type Vault } from '../../src/secrets/index.ts';
import { ensureApp } from '../../src/store/apps.ts';
import { createDatabase } from '../support/database.ts';

const APP = 'app-1';
const BY = { tokenId: 'tok-1' };

async function openVault(): Promise<Vault> {
  const db = await createDatabase();
  await ensureApp(db, { id: APP, name: 'hello' });
  return createVault({ db, masterKeys: createMasterKeys([Buffer.alloc(32, 7)]) });
}

async function set(vault: Vault, value: string, kind: 'plain' | 'secret'): Promise<void> {
  await vault.change(APP, [{ name: 'DATABASE', scope: 'all', value, kind }], BY);
}

it('shows a value that became a secret in no version, and restores it as a secret', async () => {
  const vault = await openVault();
  await set(vault, 'postgres://me:hunter2@db', 'plain');
  expect((await vault.describe(APP, 1)).entries).toMatchObject([{ kind: 'plain' }]);
  await set(vault, 'postgres://me:hunter2@db', 'secret');
  await set(vault, 'postgres://me:hunter3@db', 'secret');
  const hidden = [{ name: 'DATABASE', kind: 'secret', value: null }];
  for (const version of [1, 2, 3]) {
    expect((await vault.describe(APP, version)).entries).toMatchObject(hidden);
  }
  await vault.restore(APP, 1, BY);
  expect(await vault.describe(APP, null)).toMatchObject({ version: 4, entries: hidden });
  expect(await vault.read(APP, 4)).toMatchObject([{ value: 'postgres://me:hunter2@db' }]);
});

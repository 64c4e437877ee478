import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { createMasterKeyFile, loadSecrets } from '../../../src/main/config/secrets.ts';

async function secretFiles() {
  const folder = await mkdtemp(join(tmpdir(), 'gitfn-secrets-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  return { masterKeyFile: join(folder, 'master-key'), adminTokenFile: join(folder, 'admin-token') };
}

it('makes both secrets at the first start, readable by their owner alone', async () => {
  const files = await secretFiles();
  const secrets = await loadSecrets(files);
  expect(secrets.masterKeys.map((key) => key.length)).toEqual([32]);
  expect(secrets.adminToken).toMatch(/^fn_[a-z2-7]{40}$/);
  for (const path of Object.values(files)) expect((await stat(path)).mode & 0o777).toBe(0o600);
});

it('keeps them at the next', async () => {
  const files = await secretFiles();
  expect(await loadSecrets(files)).toEqual(await loadSecrets(files));
});

it('refuses a key that others can read, and says what to run', async () => {
  const files = await secretFiles();
  await loadSecrets(files);
  await chmod(files.masterKeyFile, 0o640);
  await expect(loadSecrets(files)).rejects.toMatchObject({
    code: 'data-folder',
    hint: `run: chmod 600 ${files.masterKeyFile}`,
  });
});

it.each(['', 'c2hvcnQ=', 'not base64 at all'])(
  'refuses %j as a key, and leaves it alone',
  async (text) => {
    const files = await secretFiles();
    await writeFile(files.masterKeyFile, text, { mode: 0o600 });
    await expect(loadSecrets(files)).rejects.toMatchObject({ code: 'master-key' });
    expect(await readFile(files.masterKeyFile, 'utf8')).toBe(text);
  },
);

it('holds two keys while one replaces the other', async () => {
  const files = await secretFiles();
  const { masterKeys } = await loadSecrets(files);
  const file = createMasterKeyFile(files.masterKeyFile, masterKeys);
  await file.add();
  await file.add();
  expect(file.keys).toHaveLength(2);
  expect(file.keys[1]).toEqual(masterKeys[0]);
  expect((await loadSecrets(files)).masterKeys).toEqual(file.keys);
  await file.retireOld();
  expect((await loadSecrets(files)).masterKeys).toEqual([file.keys[0]]);
  expect((await stat(files.masterKeyFile)).mode & 0o777).toBe(0o600);
});

it('makes no new key where one was lost', async () => {
  const files = await secretFiles();
  await expect(loadSecrets({ ...files, isSealed: true })).rejects.toMatchObject({
    code: 'master-key',
  });
  await expect(stat(files.masterKeyFile)).rejects.toMatchObject({ code: 'ENOENT' });
});

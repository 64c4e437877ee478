import { expect, it } from 'vitest';
import { ensureApp } from '../../src/store/apps.ts';
import { findLastBuild, recordBuild, recordBundle } from '../../src/store/builds.ts';
import { createDatabase } from '../support/database.ts';

it('keeps what a build was made from until the next build of the app that says it', async () => {
  const database = await createDatabase();
  for (const id of ['app-1', 'app-2']) {
    await ensureApp(database, { id, name: id });
    const facts = { bytes: 10, hasPublicFiles: false, runtime: 'nodejs26' };
    const bundle = { hash: 'b'.repeat(64), functions: [], ...facts };
    await recordBundle(database, id, bundle);
  }
  const record = (appId: string, key: string, isTold = true): Promise<void> => {
    const inputs = isTold ? { files: [{ path: key, sha256: '' }], units: [], trace: null } : null;
    return recordBuild(database, appId, { key, bundle: 'b'.repeat(64), inputs, builder: 'v1' });
  };
  await record('app-2', 'other');
  for (const key of ['first', 'second', 'third']) await record('app-1', key);
  await record('app-1', 'untold', false);
  const { rows } = await database.query<{ key: string }>(
    'SELECT key FROM builds WHERE inputs IS NOT NULL ORDER BY key',
  );
  expect(rows.map(({ key }) => key)).toEqual(['other', 'third']);
  const last = await findLastBuild(database, 'app-1', 'v1');
  expect(last?.inputs.files).toEqual([{ path: 'third', sha256: '' }]);
});

import { expect, it } from 'vitest';
import { deleteApp } from '../../src/store/apps.ts';
import { beginDeletion } from '../../src/store/deleted-apps.ts';
import { READY, setUpDeploys, sha } from './deploy-harness.ts';

it('what is still warmed of an app that is gone leaves no environment behind', async () => {
  const { database, harness } = await setUpDeploys();
  await harness.push('refs/heads/main', sha('1'));
  await harness.push('refs/heads/main', sha('2'));
  const app = await harness.app;
  harness.prepare = async () => {
    expect(harness.sealed.size).toBeGreaterThan(0);
    await beginDeletion(database, app.id, new Date());
    for (const id of harness.sealed.keys()) if (id !== warmed()) harness.sealed.delete(id);
    await deleteApp(database, app.id);
    return READY;
  };
  const warmed = (): string | undefined => [...harness.sealed.keys()].at(-1);
  const rollback = { target: 'v1', hasEnvironment: false };
  await expect(harness.rollbacks.rollback(app, rollback, { tokenId: 'tok-1' })).rejects.toThrow(
    'overtaken',
  );
  expect([...harness.sealed.keys()]).toEqual([]);
});

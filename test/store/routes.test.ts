import { expect, it } from 'vitest';
import { ensureApp, settleProductionRef, takeVersion } from '../../src/store/apps.ts';
import { recordBundle } from '../../src/store/builds.ts';
import type { Database } from '../../src/store/database.ts';
import { advanceDeployment, insertDeployment } from '../../src/store/deployments.ts';
import { claimSlug } from '../../src/store/refs.ts';
import { deleteRoute, PRODUCTION_ROUTE, readSnapshot, setRoute } from '../../src/store/routes.ts';
import { createDatabase } from '../support/database.ts';
import { PUBLIC_ACCESS } from '../support/public-access.ts';

async function addLive(database: Database, id: string): Promise<void> {
  await recordBundle(database, 'app-1', {
    hash: 'b'.repeat(64),
    functions: [],
    bytes: 10,
    hasPublicFiles: true,
    runtime: 'nodejs26',
  });
  await insertDeployment(database, {
    id,
    appId: 'app-1',
    version: await takeVersion(database, 'app-1'),
    kind: 'production',
    ref: 'refs/heads/main',
    slug: null,
    commit: 'c'.repeat(40),
    subject: 'Say hello',
    author: 'A <a@example.com>',
    trigger: 'push',
    sourceVersion: null,
    pushId: null,
    createdBy: null,
    owesDomains: false,
  });
  await advanceDeployment(database, id, 'built', { bundle: 'b'.repeat(64) });
  await advanceDeployment(database, id, 'released');
}

it('shows the data plane what is routed, in generations that grow', async () => {
  const database = await createDatabase();
  await ensureApp(database, { id: 'app-1', name: 'hello' });
  const empty = await readSnapshot(database);
  expect(empty.apps).toEqual([
    { name: 'hello', access: PUBLIC_ACCESS, production: null, slugs: {}, commits: {} },
  ]);
  await addLive(database, 'dep-1');
  await setRoute(database, 'app-1', { ...PRODUCTION_ROUTE, deploymentId: 'dep-1' });
  await setRoute(database, 'app-1', { kind: 'ref', target: 'topic', deploymentId: 'dep-1' });
  const snapshot = await readSnapshot(database);
  expect(snapshot.generation).toBeGreaterThan(empty.generation);
  expect(snapshot.apps).toEqual([
    {
      name: 'hello',
      access: PUBLIC_ACCESS,
      production: 'dep-1',
      slugs: { topic: 'dep-1' },
      commits: {},
    },
  ]);
  expect(snapshot.deployments).toHaveLength(1);
  expect(snapshot.deployments[0]).toMatchObject({ id: 'dep-1', version: 1, appName: 'hello' });
});

it('tells what a route pointed at before', async () => {
  const database = await createDatabase();
  await ensureApp(database, { id: 'app-1', name: 'hello' });
  await addLive(database, 'dep-1');
  await addLive(database, 'dep-2');
  const route = { ...PRODUCTION_ROUTE };
  expect(await setRoute(database, 'app-1', { ...route, deploymentId: 'dep-1' })).toBeNull();
  expect(await setRoute(database, 'app-1', { ...route, deploymentId: 'dep-2' })).toBe('dep-1');
  expect(await deleteRoute(database, 'app-1', route)).toBe('dep-2');
});

it('refuses an event that the state does not allow, and changes nothing', async () => {
  const database = await createDatabase();
  await ensureApp(database, { id: 'app-1', name: 'hello' });
  await addLive(database, 'dep-1');
  expect(await advanceDeployment(database, 'dep-1', 'failed', { reason: 'no' })).toBe(false);
  expect(await advanceDeployment(database, 'dep-1', 'replaced')).toBe(true);
});

it('lets one of several win: an app name, a slug, the production branch', async () => {
  const database = await createDatabase();
  const apps = await Promise.all(
    ['app-1', 'app-2', 'app-3'].map((id) => ensureApp(database, { id, name: 'hello' })),
  );
  expect(new Set(apps.map((app) => app.id)).size).toBe(1);
  const id = apps[0]?.id ?? '';
  const claims = await Promise.all(
    ['refs/heads/a/b', 'refs/heads/a-b'].map((ref) =>
      claimSlug(database, id, { ref, slug: 'a-b' }),
    ),
  );
  expect(claims.filter(Boolean)).toHaveLength(1);
  const refs = await Promise.all(
    ['refs/heads/main', 'refs/heads/master'].map((ref) => settleProductionRef(database, id, ref)),
  );
  expect(new Set(refs).size).toBe(1);
});

it('gives every version number once', async () => {
  const database = await createDatabase();
  await ensureApp(database, { id: 'app-1', name: 'hello' });
  const versions = await Promise.all(
    Array.from({ length: 20 }, () => database.transaction((tx) => takeVersion(tx, 'app-1'))),
  );
  expect(versions.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
});

import { expect, it } from 'vitest';
import type { Database } from '../../src/store/database.ts';
import { setUpDeploys, sha } from './deploy-harness.ts';

const MAIN = 'refs/heads/main';

/** Whose push declares domains, and what was declared when. */
async function setUp() {
  const { database, harness } = await setUpDeploys();
  const declared: string[][] = [];
  harness.domains = ['shop.example'];
  harness.declare = async (names) => {
    declared.push([...names]);
    return [];
  };
  return { database, harness, declared };
}

/** As if it had been released minutes ago. */
async function age(database: Database): Promise<void> {
  await database.query(`UPDATE deployments SET live_at = live_at - interval '2 minutes'`);
}

it('a push to production declares the domains of fn.json once', async () => {
  const { database, harness, declared } = await setUp();
  await harness.push(MAIN, sha('1'));
  expect(declared).toEqual([['shop.example']]);
  await age(database);
  await harness.reconciler.reconcile();
  expect(declared).toHaveLength(1);
});

it('neither a preview nor a rollback declares any', async () => {
  const { database, harness, declared } = await setUp();
  await harness.push('refs/heads/topic', sha('a'));
  expect(declared).toEqual([]);
  await harness.push(MAIN, sha('1'));
  await harness.push(MAIN, sha('2'));
  declared.length = 0;
  const rollback = { target: 'v2', hasEnvironment: false };
  await harness.rollbacks.rollback(await harness.app, rollback, { tokenId: 'tok-1' });
  await age(database);
  await harness.reconciler.reconcile();
  expect(declared).toEqual([]);
});

it('what is owed is owed by the same code that is released again', async () => {
  const { database, harness, declared } = await setUp();
  const declare = harness.declare;
  harness.declare = () => Promise.reject(new Error('stuck'));
  await harness.push(MAIN, sha('1'));
  harness.declare = declare;
  const change = { name: 'A', scope: 'all' as const, value: 'one' };
  await harness.environmentChanges.change(await harness.app, [change], { tokenId: 'tok-1' });
  await age(database);
  await harness.reconciler.reconcile();
  await harness.reconciler.reconcile();
  expect(declared).toEqual([['shop.example']]);
});

it('what trouble has kept from being declared is declared later, and the push is released', async () => {
  const { database, harness, declared } = await setUp();
  const declare = harness.declare;
  harness.declare = () => Promise.reject(new Error('stuck'));
  const lines = await harness.push(MAIN, sha('1'));
  expect(lines?.at(-1)).toContain('the platform tries again');
  expect(harness.errors).toMatchObject([{ message: 'stuck' }]);
  harness.declare = declare;
  await harness.reconciler.reconcile();
  expect(declared).toEqual([]); // The push might still be at it.
  await age(database);
  await harness.reconciler.reconcile();
  await harness.reconciler.reconcile();
  expect(declared).toEqual([['shop.example']]);
});

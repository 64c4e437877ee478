import { describe, expect, it } from 'vitest';
import { listDeployments } from '../../src/store/deployments.ts';
import { createDatabase } from '../support/database.ts';
import { DeployHarness, sha } from './deploy-harness.ts';

const MAIN = 'refs/heads/main';
const TOPIC = 'refs/heads/topic';
const BY = { tokenId: 'tok-1' };

async function setUp() {
  const database = await createDatabase();
  return { database, harness: await DeployHarness.create(database) };
}

async function set(harness: DeployHarness, name: string, value: string) {
  const change = { name, scope: 'all' as const, value };
  return harness.environmentChanges.change(await harness.app, [change], BY);
}

describe('previews', () => {
  it('are restarted later when the router could not be told of their new values', async () => {
    const { harness } = await setUp();
    await harness.push(TOPIC, sha('1'));
    harness.restart = () => Promise.reject(new Error('stuck'));
    await expect(set(harness, 'A', 'one')).rejects.toThrow('stuck');
    const told: string[] = [];
    harness.restart = async (ids) => void told.push(...ids);
    await harness.reconciler.reconcile();
    expect(told).toHaveLength(2);
    await harness.reconciler.reconcile();
    expect(told).toHaveLength(2);
  });
});

describe('a push that a change of the environment overtakes', () => {
  it('is released with the values of now, never with those of before', async () => {
    const { database, harness } = await setUp();
    await harness.push(MAIN, sha('1'));
    const pushed = harness.pushOf(MAIN, sha('2'));
    const lines: string[] = [];
    const report = (line: string): void => void lines.push(line);
    const { signal } = new AbortController();
    expect(await harness.pushes.preReceive(pushed, report, signal)).toBe(true);
    await set(harness, 'A', 'one');
    harness.moveRef(MAIN, sha('2'));
    expect(await harness.pushes.postReceive(pushed, report)).toBe(true);
    expect(harness.commitServed()).toBe(sha('2'));
    const served = (await listDeployments(database, 'app-1', { limit: 9 })).filter(
      ({ commit, liveAt }) => commit === sha('2') && liveAt !== null,
    );
    expect(served.map(({ envVersion }) => envVersion)).toEqual([1]);
    expect(harness.sealed.get(served[0]?.id ?? '')?.values).toMatchObject({ A: 'one' });
  });
});

describe('what functions may reach', () => {
  it('is sealed with every deployment of the bundle, also of a change of the environment', async () => {
    const { harness } = await setUp();
    harness.egress = ['db.internal:5432'];
    await harness.push(MAIN, sha('1'));
    await harness.push(TOPIC, sha('2'));
    await set(harness, 'A', 'one');
    expect(harness.sealed.size).toBeGreaterThan(3);
    for (const { egress } of harness.sealed.values()) expect(egress).toEqual(harness.egress);
  });
});

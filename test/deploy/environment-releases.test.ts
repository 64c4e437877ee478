import { describe, expect, it } from 'vitest';
import { listDeployments } from '../../src/store/deployments.ts';
import type { PrepareResult } from '../../src/protocol/data-plane.ts';
import { eventually } from '../support/eventually.ts';
import { type DeployHarness, READY, setUpDeploys, sha } from './deploy-harness.ts';

const MAIN = 'refs/heads/main';
const TOPIC = 'refs/heads/topic';
const BY = { tokenId: 'tok-1' };

async function set(harness: DeployHarness, name: string, value: string) {
  const change = { name, scope: 'all' as const, value };
  return harness.environmentChanges.change(await harness.app, [change], BY);
}

describe('previews', () => {
  it('are restarted later when the router could not be told of their new values', async () => {
    const { harness } = await setUpDeploys();
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

describe('previews whose values were set back before they were restarted', () => {
  it('are restarted: workers may have started with the values between', async () => {
    const { harness } = await setUpDeploys();
    await harness.push(TOPIC, sha('1'));
    await set(harness, 'A', 'one');
    harness.restart = () => Promise.reject(new Error('stuck'));
    await expect(set(harness, 'A', 'two')).rejects.toThrow('stuck');
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
    const { database, harness } = await setUpDeploys();
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

describe('a change of the environment that a rollback overtakes', () => {
  it('does not undo it, although it has the later version', async () => {
    const { harness } = await setUpDeploys();
    await harness.push(MAIN, sha('1'));
    await harness.push(MAIN, sha('2'));
    const warming: ((result: PrepareResult) => void)[] = [];
    harness.prepare = () => new Promise((resolve) => warming.push(resolve));
    const target = { target: 'v1', hasEnvironment: false };
    const rolledBack = harness.rollbacks.rollback(await harness.app, target, BY);
    await eventually(() => warming.length === 1);
    const changed = set(harness, 'A', 'one');
    await eventually(() => warming.length === 2);
    harness.prepare = async () => READY;
    warming[0]?.(READY);
    await rolledBack;
    warming[1]?.(READY);
    await changed;
    expect(harness.commitServed()).toBe(sha('1'));
    const production = harness.served.apps[0]?.production ?? '';
    expect(harness.sealed.get(production)?.values).toMatchObject({ A: 'one' });
  });
});

describe('a rollback with its environment that fails', () => {
  async function failRollback(whileWarming: (harness: DeployHarness) => Promise<unknown>) {
    const { harness } = await setUpDeploys();
    await harness.push(MAIN, sha('1'));
    await set(harness, 'A', 'one');
    await harness.push(MAIN, sha('2'));
    harness.prepare = async () => {
      harness.prepare = async () => READY;
      await whileWarming(harness);
      return { kind: 'unavailable', message: 'too many sandboxes' };
    };
    const rollback = { target: 'v1', hasEnvironment: true };
    await expect(harness.rollbacks.rollback(await harness.app, rollback, BY)).rejects.toThrow();
    await harness.push(MAIN, sha('3'));
    return harness.sealed.get(harness.served.apps[0]?.production ?? '')?.values;
  }

  it('changes nothing', async () => {
    expect(await failRollback(async () => {})).toMatchObject({ A: 'one' });
  });

  it('leaves what somebody has set meanwhile', async () => {
    const values = await failRollback((harness) => set(harness, 'B', 'two'));
    expect(values).toMatchObject({ A: 'one', B: 'two' });
  });
});

describe('a rollback with its environment', () => {
  async function withTwoEnvironments() {
    const { database, harness } = await setUpDeploys();
    await harness.push(MAIN, sha('1'));
    await set(harness, 'A', 'one');
    await harness.push(MAIN, sha('2'));
    const rollBack = async () => {
      const rollback = { target: 'v1', hasEnvironment: true };
      return harness.rollbacks.rollback(await harness.app, rollback, BY);
    };
    const valuesServed = () => harness.sealed.get(harness.served.apps[0]?.production ?? '')?.values;
    return { database, harness, rollBack, valuesServed };
  }

  it('brings both back together, as the newest version', async () => {
    const { database, harness, rollBack, valuesServed } = await withTwoEnvironments();
    await rollBack();
    expect(harness.commitServed()).toBe(sha('1'));
    expect(valuesServed()).not.toHaveProperty('A');
    const [live] = await listDeployments(database, 'app-1', { limit: 1 });
    expect(live).toMatchObject({ state: 'live', envVersion: 2 });
    await harness.reconciler.reconcile();
    expect(await listDeployments(database, 'app-1', { limit: 1 })).toEqual([live]);
  });

  it('changes nothing before its code is warm, whatever ends it then', async () => {
    const { database, harness, rollBack, valuesServed } = await withTwoEnvironments();
    const begun = Promise.withResolvers<void>();
    harness.prepare = () => {
      begun.resolve();
      return new Promise(() => {});
    };
    void rollBack();
    await begun.promise;
    harness.prepare = async () => READY;
    await harness.push(MAIN, sha('3'));
    await harness.reconciler.reconcile();
    expect(harness.commitServed()).toBe(sha('3'));
    expect(valuesServed()).toMatchObject({ A: 'one' });
    const rows = await listDeployments(database, 'app-1', { limit: 9 });
    expect(rows.find(({ state }) => state === 'live')).toMatchObject({ envVersion: 1 });
  });

  it('keeps both when the router was not told of it at once', async () => {
    const { harness, rollBack, valuesServed } = await withTwoEnvironments();
    harness.applySnapshot = () => Promise.reject(new Error('stuck'));
    await expect(rollBack()).rejects.toThrow('stuck');
    harness.applySnapshot = async () => {};
    await harness.reconciler.reconcile();
    expect(harness.commitServed()).toBe(sha('1'));
    expect(valuesServed()).not.toHaveProperty('A');
  });
});

describe('what functions may reach', () => {
  it('is sealed with every deployment of the bundle, also of a change of the environment', async () => {
    const { harness } = await setUpDeploys();
    harness.egress = ['db.internal:5432'];
    await harness.push(MAIN, sha('1'));
    await harness.push(TOPIC, sha('2'));
    await set(harness, 'A', 'one');
    expect(harness.sealed.size).toBeGreaterThan(3);
    for (const { egress } of harness.sealed.values()) expect(egress).toEqual(harness.egress);
  });
});

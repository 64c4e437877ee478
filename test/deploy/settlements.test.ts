import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { createSettlements } from '../../src/deploy/settlements.ts';
import { listDeployments, type Deployment } from '../../src/store/deployments.ts';
import type { Database } from '../../src/store/database.ts';
import { findRecordedSha } from '../../src/store/refs.ts';
import { eventually } from '../support/eventually.ts';
import {
  BROKEN,
  type DeployHarness,
  pushWithoutHook,
  setUpDeploys,
  sha,
  holdNextWorkers,
} from './deploy-harness.ts';

const MAIN = 'refs/heads/main';
const TOPIC = 'refs/heads/topic';
const BY = { tokenId: 'tok-1' };

/** Those with a version, the newest first. */
const rowsOf = (database: Database): Promise<Deployment[]> =>
  listDeployments(database, 'app-1', { limit: 20 });

async function rollBack(harness: DeployHarness, target: string) {
  return harness.rollbacks.rollback(await harness.app, { target, hasEnvironment: false }, BY);
}

describe('a push that is settled', () => {
  it('is recorded with its release, so that nobody settles it again', async () => {
    const { database, harness } = await setUpDeploys();
    await harness.push(MAIN, sha('1'));
    expect(await findRecordedSha(database, 'app-1', MAIN)).toBe(sha('1'));
  });

  it('of the commit that is live already is recorded, and releases nothing', async () => {
    const { database, harness } = await setUpDeploys();
    await harness.push(MAIN, sha('1'));
    await harness.push(MAIN, sha('2'));
    await rollBack(harness, 'v1');
    const lines = await harness.push(MAIN, sha('1'));
    expect(lines).toContainEqual(expect.stringContaining('1111111 is live already, as v3'));
    expect(await findRecordedSha(database, 'app-1', MAIN)).toBe(sha('1'));
    expect(await rowsOf(database)).toHaveLength(3);
  });

  it('of a deletion ends the deployment, and gives up the host for another ref', async () => {
    const { database, harness } = await setUpDeploys();
    await harness.push(MAIN, sha('1'));
    await harness.push('refs/heads/a/b', sha('2'));
    expect(harness.commitServed('a-b')).toBe(sha('2'));
    await harness.push('refs/heads/a/b', null);
    const [removed] = await rowsOf(database);
    expect(removed).toMatchObject({ commit: sha('2'), state: 'draining' });
    await harness.push('refs/heads/a-b', sha('3'));
    expect(harness.commitServed('a-b')).toBe(sha('3'));
  });

  it('never goes live with an environment that has changed meanwhile', async () => {
    const { database, harness } = await setUpDeploys();
    const pushed = await pushWithoutHook(harness, MAIN, sha('1'));
    const change = { name: 'A', scope: 'all' as const, value: 'one' };
    await harness.environmentChanges.change(await harness.app, [change], BY);
    expect(await harness.pushes.postReceive(pushed, () => {})).toBe(true);
    expect(await rowsOf(database)).toMatchObject([
      { version: 2, state: 'live', envVersion: 1 },
      { version: 1, state: 'failed', reason: 'overtaken by environment version 1' },
    ]);
  });
});

/** Production serves an older commit than its branch is at; and what a release of the older one waits for. */
async function rolledBack() {
  const { database, harness } = await setUpDeploys();
  await harness.push(MAIN, sha('1'));
  await harness.push(MAIN, sha('2'));
  await rollBack(harness, 'v1');
  return { database, harness, workers: holdNextWorkers(harness) };
}

describe('what somebody else still makes of the same commit', () => {
  it('is not released by a push: a new environment that the code may not start with', async () => {
    const { database, harness, workers } = await rolledBack();
    const change = { name: 'A', scope: 'all' as const, value: 'bad' };
    const changed = harness.environmentChanges.change(await harness.app, [change], BY);
    await workers.begun;
    await harness.push(MAIN, sha('1'));
    workers.end(BROKEN);
    expect(await changed).toMatchObject({ production: { kind: 'failed' } });
    const rows = await rowsOf(database);
    expect(rows.find(({ state }) => state === 'live')).toMatchObject({ version: 3 });
    expect(rows.find(({ trigger }) => trigger === 'environment')).toMatchObject({
      state: 'failed',
      liveAt: null,
    });
  });

  it('is left to it where two push it at once: each releases its own', async () => {
    const { database, harness } = await setUpDeploys();
    await harness.push(MAIN, sha('1'));
    const first = await pushWithoutHook(harness, MAIN, sha('2'));
    const second = await pushWithoutHook(harness, MAIN, sha('2'));
    await harness.pushes.postReceive(first, () => {});
    const rows = await rowsOf(database);
    expect(rows.find(({ state }) => state === 'live')?.pushId).toBe(first.pushId);
    expect(rows.find(({ state }) => state === 'warming')?.pushId).toBe(second.pushId);
  });
});

describe('a push whose second hook is late', () => {
  it.each([
    ['a newer push', sha('3'), 'superseded by 3333333'],
    ['a deletion', null, 'its ref was deleted meanwhile'],
  ])('changes nothing after %s that was settled first, and says so', async (_, newer, reason) => {
    const { database, harness } = await setUpDeploys();
    await harness.push(MAIN, sha('1'));
    const late = await pushWithoutHook(harness, TOPIC, sha('2'));
    await harness.push(TOPIC, newer);
    const lines: string[] = [];
    expect(await harness.pushes.postReceive(late, (line) => lines.push(line))).toBe(false);
    expect(harness.commitServed('topic')).toBe(newer ?? undefined);
    expect(lines).toEqual([` !     not released: ${reason}`]);
    expect(harness.journal.find('app-1', late.pushId)?.outcome).toBe('superseded');
    const deployments = await listDeployments(database, 'app-1', { limit: 10 });
    const failed = deployments.find(({ commit }) => commit === sha('2'));
    expect(failed).toMatchObject({ state: 'failed', reason });
  });

  it('does not take away a branch that was deleted by it and is back with the same commit', async () => {
    const { harness } = await setUpDeploys();
    await harness.push(MAIN, sha('1'));
    await harness.push(TOPIC, sha('2'));
    const late = await pushWithoutHook(harness, TOPIC, null);
    await harness.push(TOPIC, sha('2'));
    await harness.pushes.postReceive(late, () => {});
    expect(harness.commitServed('topic')).toBe(sha('2'));
  });

  it('gets a version later than what went live meanwhile', async () => {
    const { database, harness } = await setUpDeploys();
    await harness.push(MAIN, sha('1'));
    await harness.push(MAIN, sha('2'));
    const late = await pushWithoutHook(harness, MAIN, sha('3'));
    const app = await harness.app;
    await harness.rollbacks.rollback(app, { target: 'v1', hasEnvironment: false }, BY);
    expect(await harness.pushes.postReceive(late, () => {})).toBe(true);
    const [newest, , reserved] = await listDeployments(database, 'app-1', { limit: 3 });
    expect(newest).toMatchObject({ version: 5, commit: sha('3'), state: 'live' });
    expect(reserved).toMatchObject({ version: 3, state: 'failed', reason: 'overtaken by v4' });
  });

  it('ends no deployment of a later push of the same commit', async () => {
    const { database, harness } = await setUpDeploys();
    await harness.push(MAIN, sha('1'));
    const late = await pushWithoutHook(harness, TOPIC, sha('2'));
    await harness.push(TOPIC, sha('3'));
    const again = harness.pushOf(TOPIC, sha('2'));
    await harness.pushes.preReceive(again, () => {}, new AbortController().signal);
    await harness.pushes.postReceive(late, () => {});
    harness.moveRef(TOPIC, sha('2'));
    expect(await harness.pushes.postReceive(again, () => {})).toBe(true);
    const [newest] = await rowsOf(database);
    expect(newest).toMatchObject({ version: 4, state: 'live', pushId: again.pushId });
  });

  it('is overtaken also in its last moment, while it waits for another release', async () => {
    const { database, harness } = await setUpDeploys();
    await harness.push(MAIN, sha('1'));
    await harness.push(MAIN, sha('2'));
    const late = await pushWithoutHook(harness, MAIN, sha('3'));
    const gate = Promise.withResolvers<void>();
    harness.applySnapshot = () => gate.promise;
    // Holds the turn of the app's releases; the rollback has the next one, and this push the one after.
    const other = harness.push(TOPIC, sha('a'));
    await eventually(async () => (await rowsOf(database))[0]?.state === 'live');
    const rollback = rollBack(harness, 'v1');
    await eventually(async () => (await rowsOf(database))[0]?.version === 5);
    await delay(100);
    const settled = harness.pushes.postReceive(late, () => {});
    await delay(100);
    gate.resolve();
    await Promise.all([other, rollback]);
    expect(await settled).toBe(true);
    const rows = await rowsOf(database);
    expect(rows[0]).toMatchObject({ version: 6, commit: sha('3'), state: 'live' });
    expect(rows.find(({ version }) => version === 3)).toMatchObject({
      state: 'failed',
      reason: 'overtaken by v5',
    });
    // What was sealed for the attempt that was overtaken is gone again.
    const kept = new Set([
      ...harness.served.deployments.map(({ id }) => id),
      ...rows.filter(({ state }) => state !== 'failed').map(({ id }) => id),
    ]);
    expect([...harness.sealed.keys()].filter((id) => !kept.has(id))).toEqual([]);
  });

  it('takes no host that is another ref’s by now', async () => {
    const { harness } = await setUpDeploys();
    await harness.push(MAIN, sha('1'));
    const late = await pushWithoutHook(harness, 'refs/heads/a/b', sha('2'));
    await harness.push('refs/heads/a/b', null);
    const other = await pushWithoutHook(harness, 'refs/heads/a-b', sha('3'));
    harness.moveRef('refs/heads/a/b', sha('2'));
    expect(await harness.pushes.postReceive(late, () => {})).toBe(true);
    expect(harness.commitServed('a-b')).toBeUndefined();
    await harness.pushes.postReceive(other, () => {});
    expect(harness.commitServed('a-b')).toBe(sha('3'));
    await harness.reconciler.reconcile();
    expect(harness.commitServed('a-b')).toBe(sha('3'));
    const hosts = Object.keys(harness.served.apps[0]?.slugs ?? {});
    const served = hosts.map((slug) => harness.commitServed(slug));
    expect(new Set(served)).toEqual(new Set([sha('2'), sha('3')]));
  });

  it('to the other of two names for production is live as a branch, at once', async () => {
    const { harness } = await setUpDeploys();
    const main = await pushWithoutHook(harness, MAIN, sha('1'));
    const master = await pushWithoutHook(harness, 'refs/heads/master', sha('2'));
    expect(await harness.pushes.postReceive(main, () => {})).toBe(true);
    expect(await harness.pushes.postReceive(master, () => {})).toBe(true);
    expect(harness.commitServed()).toBe(sha('1'));
    expect(harness.commitServed('master')).toBe(sha('2'));
  });

  it('that others overtake again and again is left open, and that is told', async () => {
    const { database, harness } = await setUpDeploys();
    const late = await pushWithoutHook(harness, MAIN, sha('1'));
    const [update] = late.updates;
    let timesTold = 0;
    const settlements = createSettlements({
      ...harness.settlementDeps,
      releases: { ...harness.settlementDeps.releases, release: async () => null },
      onUnsettled: () => (timesTold += 1),
    });
    const lines: string[] = [];
    const told = { report: (line: string) => lines.push(line), beganAt: 0 };
    if (update === undefined) throw new Error('one update');
    expect(await settlements.settle(late, update, told)).toBe('failed');
    expect(timesTold).toBe(1);
    expect(lines.at(-1)).toContain('other releases were faster');
    expect((await rowsOf(database))[0]?.state).toBe('warming');
    await harness.reconciler.reconcile();
    expect(harness.commitServed()).toBe(sha('1'));
  });

  it('leaves no reservation behind when its release fails and its ref goes', async () => {
    const { database, harness } = await setUpDeploys();
    await harness.push(MAIN, sha('1'));
    const late = await pushWithoutHook(harness, TOPIC, sha('2'));
    const set = harness.sealed.set.bind(harness.sealed);
    harness.sealed.set = () => {
      throw new Error('no room');
    };
    await expect(harness.pushes.postReceive(late, () => {})).rejects.toThrow('no room');
    harness.sealed.set = set;
    harness.moveRef(TOPIC, null);
    await harness.reconciler.reconcile();
    const [left] = await rowsOf(database);
    expect(left).toMatchObject({ commit: sha('2'), state: 'failed' });
  });
});

import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { PlatformError } from '../../src/protocol/errors.ts';
import { listDeployments } from '../../src/store/deployments.ts';
import { hideApp } from '../../src/store/apps.ts';
import { claimSlug, findRecordedSha, findSlug } from '../../src/store/refs.ts';
import { eventually } from '../support/eventually.ts';
import {
  BROKEN,
  built,
  DeployHarness,
  heldBuilds,
  READY,
  pushWithoutHook,
  setUpDeploys,
  sha,
} from './deploy-harness.ts';

const MAIN = 'refs/heads/main';
const TOPIC = 'refs/heads/topic';
/** Sooner than the next round. */
const SOON_MS = 15_000;

/** Another process, which holds nothing in its memory, while the push is still ending. */
async function abandonReservation() {
  const { database, harness } = await setUpDeploys();
  const pushed = harness.pushOf(MAIN, sha('1'));
  await harness.pushes.preReceive(pushed, () => {}, new AbortController().signal);
  const restarted = await DeployHarness.create(database);
  restarted.busyRefs = [MAIN];
  return { database, restarted };
}

function start(harness: DeployHarness): void {
  const stopping = new AbortController();
  onTestFinished(() => stopping.abort());
  harness.reconciler.start(stopping.signal);
}

describe('the reconciler', () => {
  it('releases what was reserved when the second hook never came', async () => {
    const { database, harness } = await setUpDeploys();
    const pushed = harness.pushOf(MAIN, sha('1'));
    const { signal } = new AbortController();
    expect(await harness.pushes.preReceive(pushed, () => {}, signal)).toBe(true);
    harness.moveRef(MAIN, sha('1'));
    await harness.reconciler.reconcile();
    expect(harness.commitServed()).toBe(sha('1'));
    await harness.pushes.postReceive(pushed, () => {});
    expect(await listDeployments(database, 'app-1', { limit: 10 })).toHaveLength(1);
  });

  it('builds a ref that nobody recorded, and once is enough for code that does not build', async () => {
    const { database, harness } = await setUpDeploys();
    await harness.push(MAIN, sha('1'));
    harness.moveRef(MAIN, sha('2'));
    harness.build = async () => ({ kind: 'failed', summary: 'broken', lines: [] });
    await harness.reconciler.reconcile();
    await harness.reconciler.reconcile();
    expect(harness.commitServed()).toBe(sha('1'));
    expect(await listDeployments(database, 'app-1', { limit: 10 })).toHaveLength(2);
  });

  it('tries again what failed by the platform’s fault', async () => {
    const { harness } = await setUpDeploys();
    harness.moveRef(MAIN, sha('1'));
    harness.prepare = async () => ({ kind: 'unavailable', message: 'too many sandboxes' });
    await harness.reconciler.reconcile();
    expect(harness.errors).toHaveLength(1);
    harness.prepare = async () => READY;
    harness.laterMs += 1_000;
    await harness.reconciler.reconcile();
    expect(harness.commitServed()).toBe(sha('1'));
  });

  it('takes few versions for what the platform fails again and again', async () => {
    const { database, harness } = await setUpDeploys();
    harness.moveRef(MAIN, sha('1'));
    harness.prepare = async () => ({ kind: 'unavailable', message: 'too many sandboxes' });
    for (let second = 0; second < 90; second++) {
      await harness.reconciler.reconcile();
      harness.laterMs += 1_000;
    }
    // At once, and 1, 3, 7, 15, 31 and 61 seconds later.
    expect(await listDeployments(database, 'app-1', { limit: 100 })).toHaveLength(7);
  });

  it('never brings back a commit that a push has replaced meanwhile', async () => {
    const { database, harness } = await setUpDeploys();
    await harness.push(MAIN, sha('1'));
    // The round sees both as differing, and topic comes first: it is still building when main is pushed.
    harness.moveRef(MAIN, null);
    harness.moveRef(TOPIC, sha('a'));
    harness.moveRef(MAIN, sha('2'));
    const builds = heldBuilds(harness);
    const round = harness.reconciler.reconcile();
    await eventually(() => builds.has(sha('a')));
    const pushing = harness.push(MAIN, sha('3'));
    await eventually(() => builds.has(sha('3')));
    builds.get(sha('3'))?.();
    await pushing;
    builds.get(sha('a'))?.();
    await round;
    expect(harness.commitServed()).toBe(sha('3'));
    expect(harness.commitServed('topic')).toBe(sha('a'));
    const commits = (await listDeployments(database, 'app-1', { limit: 20 })).map(
      ({ commit }) => commit,
    );
    expect(commits).not.toContain(sha('2'));
  });

  it('takes up again what a newer push superseded and was then rejected', async () => {
    const { harness } = await setUpDeploys();
    await harness.push(MAIN, sha('1'));
    harness.moveRef(MAIN, sha('2'));
    const builds = heldBuilds(harness);
    const round = harness.reconciler.reconcile();
    await eventually(() => builds.has(sha('2')));
    harness.build = async () => ({ kind: 'failed', summary: 'broken', lines: [] });
    expect(await harness.push(MAIN, sha('3'))).toBeNull();
    await round;
    expect(harness.commitServed()).toBe(sha('1'));
    harness.build = async (commit) => built(commit);
    await harness.reconciler.reconcile();
    expect(harness.commitServed()).toBe(sha('2'));
  });

  it('ends no newer push with the build of what was accepted before', async () => {
    const { harness } = await setUpDeploys();
    await harness.push(MAIN, sha('1'));
    harness.moveRef(MAIN, sha('2'));
    const builds = heldBuilds(harness);
    const pushing = harness.push(MAIN, sha('3'));
    await eventually(() => builds.has(sha('3')));
    const round = harness.reconciler.reconcile();
    await eventually(() => builds.has(sha('2')));
    builds.get(sha('2'))?.();
    await round;
    expect(harness.commitServed()).toBe(sha('2'));
    // Released last, it takes a later version.
    harness.build = async (commit) => built(commit);
    builds.get(sha('3'))?.();
    expect(await pushing).not.toBeNull();
    expect(harness.commitServed()).toBe(sha('3'));
  });

  it('settles a branch while another one is pushed', async () => {
    const { harness } = await setUpDeploys();
    await harness.push(MAIN, sha('1'));
    harness.moveRef(MAIN, sha('2'));
    harness.busyRefs = [TOPIC];
    await harness.reconciler.reconcile();
    expect(harness.commitServed()).toBe(sha('2'));
  });

  it('settles at once what a second hook could not, with nobody waiting for the next round', async () => {
    const { harness } = await setUpDeploys();
    const stopping = new AbortController();
    onTestFinished(() => stopping.abort());
    harness.reconciler.start(stopping.signal);
    await harness.push(MAIN, sha('1'));
    harness.applySnapshot = () => Promise.reject(new PlatformError('unavailable', 'stuck'));
    await expect(harness.push(MAIN, sha('2'))).rejects.toThrow('stuck');
    harness.applySnapshot = async () => {};
    await eventually(() => expect(harness.commitServed()).toBe(sha('2')));
  });

  it('settles a push whose second hook never comes shortly after', async () => {
    const { harness } = await setUpDeploys();
    const stopping = new AbortController();
    onTestFinished(() => stopping.abort());
    harness.reconciler.start(stopping.signal);
    await harness.push(MAIN, sha('1'));
    const { signal } = new AbortController();
    expect(await harness.pushes.preReceive(harness.pushOf(MAIN, sha('2')), () => {}, signal)).toBe(
      true,
    );
    harness.moveRef(MAIN, sha('2'));
    await eventually(() => expect(harness.commitServed()).toBe(sha('2')), 15_000);
  });

  it('reports nothing of what a stop of the platform interrupts', async () => {
    const { harness } = await setUpDeploys();
    harness.moveRef(MAIN, sha('1'));
    const building = Promise.withResolvers<void>();
    const closing = Promise.withResolvers<never>();
    harness.build = () => {
      building.resolve();
      return closing.promise;
    };
    const stopping = new AbortController();
    harness.reconciler.start(stopping.signal);
    await building.promise;
    stopping.abort();
    closing.reject(new Error('the database is closed'));
    harness.build = async (commit) => built(commit);
    await eventually(async () => {
      harness.laterMs += 1_000;
      await harness.reconciler.reconcile();
      expect(harness.commitServed()).toBe(sha('1'));
    });
    expect(harness.errors).toEqual([]);
  });

  it('fails a reservation whose ref never moved, and the ref of a push under way is left alone', async () => {
    const { database, restarted } = await abandonReservation();
    await restarted.reconciler.reconcile();
    expect((await listDeployments(database, 'app-1', { limit: 1 }))[0]?.state).toBe('warming');
    restarted.busyRefs = [];
    await restarted.reconciler.reconcile();
    expect((await listDeployments(database, 'app-1', { limit: 1 }))[0]).toMatchObject({
      state: 'failed',
      reason: expect.stringContaining('interrupted'),
    });
  });

  it('fails such a reservation as soon as the push under way has ended, with nobody waiting for the next round', async () => {
    const { database, restarted } = await abandonReservation();
    const stopping = new AbortController();
    onTestFinished(() => stopping.abort());
    restarted.reconciler.start(stopping.signal);
    await delay(500); // The first round finds it, and its ref busy.
    restarted.busyRefs = [];
    await eventually(async () =>
      expect((await listDeployments(database, 'app-1', { limit: 1 }))[0]?.state).toBe('failed'),
    );
  });

  it('publishes again what the router did not take', async () => {
    const { harness } = await setUpDeploys();
    await harness.push(MAIN, sha('1'));
    harness.applySnapshot = () => Promise.reject(new PlatformError('unavailable', 'stuck'));
    await expect(harness.push(MAIN, sha('2'))).rejects.toThrow('stuck');
    expect(harness.commitServed()).toBe(sha('1'));
    harness.applySnapshot = async () => {};
    await harness.reconciler.reconcile();
    expect(harness.commitServed()).toBe(sha('2'));
  });

  it('removes the environments of what has ended, and no other', async () => {
    const { harness } = await setUpDeploys();
    await harness.push(MAIN, sha('1'));
    await harness.push(MAIN, sha('2'));
    await harness.reconciler.reconcile();
    const live = harness.served.deployments.map((deployment) => deployment.id);
    expect([...harness.sealed.keys()].toSorted()).toEqual(live.toSorted());
  });

  it('leaves a ref alone whose push is under way, and settles it shortly after', async () => {
    const { harness } = await setUpDeploys();
    await harness.push(MAIN, sha('1'));
    harness.moveRef(MAIN, sha('2'));
    harness.busyRefs = [MAIN];
    start(harness);
    await delay(500); // The first round finds it, and busy.
    expect(harness.commitServed()).toBe(sha('1'));
    harness.busyRefs = [];
    await eventually(() => expect(harness.commitServed()).toBe(sha('2')), SOON_MS);
  });

  it('fails at once what a push has reserved that was accepted and moved nothing', async () => {
    const { database, harness } = await setUpDeploys();
    start(harness);
    const pushed = harness.pushOf(MAIN, sha('1'));
    await harness.pushes.preReceive(pushed, () => {}, new AbortController().signal);
    harness.pushes.end('app-1', pushed.pushId);
    await eventually(async () =>
      expect((await listDeployments(database, 'app-1', { limit: 1 }))[0]).toMatchObject({
        state: 'failed',
        reason: 'interrupted: the push ended before its ref moved',
      }),
    );
    expect(harness.journal.find('app-1', pushed.pushId)?.outcome).toBe('failed');
  });

  it('releases what a push has moved whose git ended before it could say so', async () => {
    const { database, harness } = await setUpDeploys();
    start(harness);
    const pushed = await pushWithoutHook(harness, MAIN, sha('1'));
    harness.pushes.end('app-1', pushed.pushId);
    await eventually(() => expect(harness.commitServed()).toBe(sha('1')));
    expect(await listDeployments(database, 'app-1', { limit: 5 })).toHaveLength(1);
  });

  it('fails nothing of an app that is still being made', async () => {
    const { database, harness } = await setUpDeploys();
    await pushWithoutHook(harness, MAIN, sha('1'));
    const other = await DeployHarness.create(database);
    await database.query(`UPDATE apps SET state = 'creating'`);
    await other.reconciler.reconcile();
    expect((await listDeployments(database, 'app-1', { limit: 1 }))[0]?.state).toBe('warming');
  });

  it('tells of a push how its second hook ends, however long that takes', async () => {
    const { harness } = await setUpDeploys();
    const pushed = await pushWithoutHook(harness, MAIN, sha('1'));
    const change = { name: 'A', scope: 'all' as const, value: 'one' };
    await harness.environmentChanges.change(await harness.app, [change], { tokenId: 'tok-1' });
    const builds = heldBuilds(harness);
    const settled = harness.pushes.postReceive(pushed, () => {});
    await eventually(() => builds.has(sha('1')));
    harness.pushes.end('app-1', pushed.pushId);
    builds.get(sha('1'))?.();
    expect(await settled).toBe(true);
    expect(harness.journal.find('app-1', pushed.pushId)?.outcome).toBe('succeeded');
  });

  it('gives up the host names of refs that never came to be', async () => {
    const { database, harness } = await setUpDeploys();
    await harness.push(TOPIC, sha('1'));
    await claimSlug(database, 'app-1', { ref: 'refs/heads/none', slug: 'none' });
    start(harness);
    await eventually(async () => {
      expect(await findSlug(database, 'app-1', 'refs/heads/none')).toBeNull();
    });
    expect(await findSlug(database, 'app-1', TOPIC)).toBe('topic');
  });

  it('takes few versions for an environment that no worker can be had for', async () => {
    const { database, harness } = await setUpDeploys();
    await harness.push(MAIN, sha('1'));
    harness.prepare = async () => ({ kind: 'unavailable', message: 'too many sandboxes' });
    const change = { name: 'A', scope: 'all' as const, value: 'one' };
    await harness.environmentChanges.change(await harness.app, [change], { tokenId: 'tok-1' });
    for (let second = 0; second < 20; second++) {
      await harness.reconciler.reconcile();
      harness.laterMs += 1_000;
    }
    // The push, the change, and tries at once and 1, 3, 7 and 15 seconds later.
    expect(await listDeployments(database, 'app-1', { limit: 100 })).toHaveLength(7);
  });

  it('leaves alone what somebody still works on', async () => {
    const { database, harness } = await setUpDeploys();
    const pushed = harness.pushOf(MAIN, sha('1'));
    await harness.pushes.preReceive(pushed, () => {}, new AbortController().signal);
    await harness.reconciler.reconcile();
    harness.moveRef(MAIN, sha('1'));
    await harness.pushes.postReceive(pushed, () => {});
    const rows = await listDeployments(database, 'app-1', { limit: 5 });
    expect(rows).toMatchObject([{ version: 1, state: 'live' }]);
  });

  it('fails nothing of an app while nobody tells where its refs are', async () => {
    const { database, harness } = await setUpDeploys();
    await pushWithoutHook(harness, MAIN, sha('1'));
    const restarted = await DeployHarness.create(database);
    restarted.sealed.clear();
    for (const [id, environment] of harness.sealed) restarted.sealed.set(id, environment);
    restarted.moveRef(MAIN, sha('1'));
    restarted.isRepositoryAway = true;
    await restarted.reconciler.reconcile();
    restarted.isRepositoryAway = false;
    await restarted.reconciler.reconcile();
    const rows = await listDeployments(database, 'app-1', { limit: 5 });
    expect(rows).toMatchObject([{ version: 1, state: 'live' }]);
  });

  it('settles apps whose making was cut off, and waits for none that goes', async () => {
    const { harness } = await setUpDeploys();
    await harness.push(MAIN, sha('1'));
    let timesBegun = 0;
    const clearing = Promise.withResolvers<void>();
    harness.clearEnded = () => {
      timesBegun += 1;
      return clearing.promise;
    };
    await harness.reconciler.reconcile();
    harness.moveRef(MAIN, sha('2'));
    await harness.reconciler.reconcile();
    expect(harness.commitServed()).toBe(sha('2'));
    expect(timesBegun).toBe(1);
    expect(harness.timesSettled).toBe(2);
    clearing.resolve();
    await eventually(async () => {
      await harness.reconciler.reconcile();
      expect(timesBegun).toBe(2);
    });
  });

  it('releases nothing that a crash kept from being warmed, and makes it anew', async () => {
    const { database, harness } = await setUpDeploys();
    await harness.push(MAIN, sha('1'));
    harness.moveRef(MAIN, sha('2'));
    const warming = Promise.withResolvers<void>();
    harness.prepare = () => {
      warming.resolve();
      return new Promise(() => {});
    };
    void harness.reconciler.reconcile();
    await warming.promise;
    const restarted = await DeployHarness.create(database);
    restarted.moveRef(MAIN, sha('2'));
    restarted.prepare = async () => BROKEN;
    await restarted.reconciler.reconcile();
    await restarted.reconciler.reconcile();
    const rows = await listDeployments(database, 'app-1', { limit: 5 });
    expect(rows).toMatchObject([{ state: 'failed' }, { state: 'failed' }, { state: 'live' }]);
  });

  it('keeps what was reserved for a ref that has moved while its release has trouble', async () => {
    const { database, harness } = await setUpDeploys();
    await pushWithoutHook(harness, MAIN, sha('1'));
    const restarted = await DeployHarness.create(database);
    restarted.moveRef(MAIN, sha('1'));
    restarted.applySnapshot = () => Promise.reject(new Error('stuck'));
    const set = restarted.sealed.set.bind(restarted.sealed);
    restarted.sealed.set = () => {
      throw new Error('no room');
    };
    await restarted.reconciler.reconcile();
    restarted.sealed.set = set;
    restarted.applySnapshot = async () => {};
    restarted.laterMs += 1_000;
    await restarted.reconciler.reconcile();
    const rows = await listDeployments(database, 'app-1', { limit: 5 });
    expect(rows).toMatchObject([{ version: 1, state: 'live' }]);
  });

  it('lets one ref that has trouble keep no other waiting', async () => {
    const { harness } = await setUpDeploys();
    harness.moveRef('refs/heads/bad', sha('b'));
    harness.moveRef(MAIN, sha('1'));
    harness.build = async (commit) => {
      if (commit === sha('b')) throw new Error('no builder');
      return built(commit);
    };
    await harness.reconciler.reconcile();
    expect(harness.commitServed()).toBe(sha('1'));
    expect(harness.errors).toMatchObject([{ message: 'no builder' }]);
  });

  it('seals again what is missing, also beside what cannot be', async () => {
    const { harness } = await setUpDeploys();
    await harness.push(MAIN, sha('1'));
    await harness.push(TOPIC, sha('2'));
    const all = [...harness.sealed.keys()];
    harness.sealed.clear();
    harness.damaged.add(sha('1').padEnd(64, '0'));
    await harness.reconciler.reconcile();
    const ofTopic = harness.served.deployments.filter(({ commit }) => commit === sha('2'));
    expect(new Set(harness.sealed.keys())).toEqual(new Set(ofTopic.map(({ id }) => id)));
    harness.damaged.clear();
    await harness.reconciler.reconcile();
    expect(new Set(harness.sealed.keys())).toEqual(new Set(all));
  });

  it('seals nothing of an app that goes', async () => {
    const { database, harness } = await setUpDeploys();
    await harness.push(MAIN, sha('1'));
    harness.sealed.clear();
    await hideApp(database, 'app-1');
    await harness.reconciler.reconcile();
    expect(harness.sealed.size).toBe(0);
  });

  it('takes no environment away from what the router still leads to', async () => {
    const { harness } = await setUpDeploys();
    await harness.push(MAIN, sha('1'));
    const before = new Set(harness.served.deployments.map(({ id }) => id));
    harness.applySnapshot = () => Promise.reject(new Error('stuck'));
    await expect(harness.push(MAIN, sha('2'))).rejects.toThrow('stuck');
    await harness.reconciler.reconcile();
    for (const id of before) expect(harness.sealed.has(id)).toBe(true);
    harness.applySnapshot = async () => {};
    await harness.reconciler.reconcile();
    const after = new Set(harness.served.deployments.map(({ id }) => id));
    expect(new Set(harness.sealed.keys())).toEqual(after);
  });

  it('takes away the host of a ref that is gone', async () => {
    const { database, harness } = await setUpDeploys();
    await harness.push(MAIN, sha('1'));
    await harness.push(TOPIC, sha('2'));
    harness.moveRef(TOPIC, null);
    await harness.reconciler.reconcile();
    expect(harness.commitServed('topic')).toBeUndefined();
    expect(await findRecordedSha(database, 'app-1', TOPIC)).toBeNull();
  });

  it('settles shortly after what a newer push has ended and did not replace', async () => {
    const { harness } = await setUpDeploys();
    await harness.push(MAIN, sha('1'));
    start(harness);
    await delay(200);
    harness.moveRef(MAIN, sha('2'));
    const builds = heldBuilds(harness);
    harness.reconciler.soon();
    await eventually(() => builds.has(sha('2')));
    harness.build = async () => ({ kind: 'failed', summary: 'broken', lines: [] });
    expect(await harness.push(MAIN, sha('3'))).toBeNull();
    harness.build = async (commit) => built(commit);
    await eventually(() => expect(harness.commitServed()).toBe(sha('2')), SOON_MS);
  });

  it('publishes what was committed although its answer was lost', async () => {
    const { database } = await setUpDeploys();
    let isLost = false;
    const harness = await DeployHarness.create({
      ...database,
      transaction: async (work) => {
        const done = await database.transaction(work);
        if (isLost) throw new Error('the connection broke');
        return done;
      },
    });
    await harness.push(MAIN, sha('1'));
    const late = await pushWithoutHook(harness, MAIN, sha('2'));
    isLost = true;
    await expect(harness.pushes.postReceive(late, () => {})).rejects.toThrow('broke');
    isLost = false;
    expect(harness.commitServed()).toBe(sha('1'));
    await harness.reconciler.reconcile();
    expect(harness.commitServed()).toBe(sha('2'));
  });

  it('removes at its start the environments that what has ended left lying about', async () => {
    const { database, harness } = await setUpDeploys();
    await harness.push(MAIN, sha('1'));
    const sealed = new Map(harness.sealed);
    harness.prepare = async () => ({ kind: 'unavailable', message: 'too many sandboxes' });
    await expect(harness.push(MAIN, sha('2'))).rejects.toThrow('too many');
    const [failed] = await listDeployments(database, 'app-1', { limit: 1 });
    const live = [...sealed.values()][0];
    if (failed === undefined || live === undefined) throw new Error('one is live, one failed');
    harness.sealed.set(failed.id, live);
    start(harness);
    await eventually(() => expect(new Set(harness.sealed.keys())).toEqual(new Set(sealed.keys())));
  });
});

import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { PlatformError } from '../../src/protocol/errors.ts';
import { listDeployments } from '../../src/store/deployments.ts';
import { createDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { built, DeployHarness, sha } from './deploy-harness.ts';

const MAIN = 'refs/heads/main';
const TOPIC = 'refs/heads/topic';
const BY = { tokenId: 'tok-1' };

async function setUp() {
  const database = await createDatabase();
  return { database, harness: await DeployHarness.create(database) };
}

/** Another process, which holds nothing in its memory, while the push is still ending. */
async function abandonReservation() {
  const { database, harness } = await setUp();
  const pushed = harness.pushOf(MAIN, sha('1'));
  await harness.pushes.preReceive(pushed, () => {}, new AbortController().signal);
  const restarted = await DeployHarness.create(database);
  restarted.busyRefs = [MAIN];
  return { database, restarted };
}

/** A build that ends when it is let, or with its signal. */
function heldBuilds(harness: DeployHarness): Map<string, () => void> {
  const release = new Map<string, () => void>();
  harness.build = (commit, signal) =>
    new Promise((resolve) => {
      release.set(commit, () => resolve(built(commit)));
      signal.addEventListener('abort', () => resolve({ kind: 'cancelled' }));
    });
  return release;
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 1));

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await nextTurn();
}

describe('a push', () => {
  it('is superseded by a newer one of its branch, which keeps to its own host', async () => {
    const { harness } = await setUp();
    await harness.push(MAIN, sha('1'));
    const builds = heldBuilds(harness);
    const older = harness.push(TOPIC, sha('a'));
    await until(() => builds.has(sha('a')));
    const newer = harness.push(TOPIC, sha('b'));
    await until(() => builds.has(sha('b')));
    expect(await older).toBeNull();
    builds.get(sha('b'))?.();
    expect(await newer).toContainEqual(expect.stringContaining('http://topic--hello.localhost'));
    expect(harness.commitServed('topic')).toBe(sha('b'));
    expect(harness.commitServed()).toBe(sha('1'));
  });

  it('that is rejected gives back the clean host name of a ref that never came to be', async () => {
    const { harness } = await setUp();
    await harness.push(MAIN, sha('1'));
    harness.build = async () => ({ kind: 'failed', summary: 'broken', lines: [' !     broken'] });
    expect(await harness.push('refs/heads/a/bc', sha('2'))).toBeNull();
    harness.build = async (commit) => built(commit);
    await harness.push('refs/heads/a-bc', sha('3'));
    expect(harness.commitServed('a-bc')).toBe(sha('3'));
    expect(harness.sealed.size).toBe(harness.served.deployments.length);
  });

  it('for which no worker can be had fails as the platform’s trouble, and changes nothing', async () => {
    const { harness } = await setUp();
    harness.prepare = async () => ({ kind: 'unavailable', message: 'too many sandboxes' });
    await expect(harness.push(MAIN, sha('1'))).rejects.toMatchObject({ code: 'busy' });
    expect(harness.commitServed()).toBeUndefined();
  });

  it('of too many refs is refused before anything is built', async () => {
    const { harness } = await setUp();
    const pushed = harness.pushOf(MAIN, sha('1'));
    const [update] = pushed.updates;
    if (update === undefined) throw new Error('one update');
    pushed.updates = Array.from({ length: 21 }, (_, at) => ({ ...update, ref: `${TOPIC}-${at}` }));
    const lines: string[] = [];
    const { signal } = new AbortController();
    expect(await harness.pushes.preReceive(pushed, (line) => lines.push(line), signal)).toBe(false);
    expect(lines).toEqual([expect.stringContaining('at most 20')]);
  });

  it('whose branch was pushed again before its deletion was settled lives on', async () => {
    const { harness } = await setUp();
    await harness.push(MAIN, sha('1'));
    await harness.push(TOPIC, sha('2'));
    const deletion = harness.pushOf(TOPIC, null);
    harness.moveRef(TOPIC, null);
    await harness.push(TOPIC, sha('3'));
    await harness.pushes.postReceive(deletion, () => {});
    expect(harness.commitServed('topic')).toBe(sha('3'));
    await harness.push(TOPIC, null);
    expect(harness.commitServed('topic')).toBeUndefined();
  });
});

describe('a push whose second hook is late', () => {
  /** The refs are where it has put them; nothing is released yet. */
  async function moved(harness: DeployHarness, ref: string, commit: string | null) {
    const pushed = harness.pushOf(ref, commit);
    await harness.pushes.preReceive(pushed, () => {}, new AbortController().signal);
    harness.moveRef(ref, commit);
    return pushed;
  }

  it.each([
    ['a newer push', sha('3'), 'superseded by 3333333'],
    ['a deletion', null, 'its ref was deleted meanwhile'],
  ])('changes nothing after %s that was settled first, and says so', async (_, newer, reason) => {
    const { database, harness } = await setUp();
    await harness.push(MAIN, sha('1'));
    const late = await moved(harness, TOPIC, sha('2'));
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
    const { harness } = await setUp();
    await harness.push(MAIN, sha('1'));
    await harness.push(TOPIC, sha('2'));
    const late = await moved(harness, TOPIC, null);
    await harness.push(TOPIC, sha('2'));
    await harness.pushes.postReceive(late, () => {});
    expect(harness.commitServed('topic')).toBe(sha('2'));
  });

  it('gets a version later than what went live meanwhile', async () => {
    const { database, harness } = await setUp();
    await harness.push(MAIN, sha('1'));
    await harness.push(MAIN, sha('2'));
    const late = await moved(harness, MAIN, sha('3'));
    const app = await harness.app;
    await harness.rollbacks.rollback(app, { target: 'v1', hasEnvironment: false }, BY);
    expect(await harness.pushes.postReceive(late, () => {})).toBe(true);
    const [newest, , reserved] = await listDeployments(database, 'app-1', { limit: 3 });
    expect(newest).toMatchObject({ version: 5, commit: sha('3'), state: 'live' });
    expect(reserved).toMatchObject({ version: 3, state: 'failed', reason: 'overtaken by v4' });
  });
});

describe('a push that is cancelled', () => {
  it('is refused also when its last branch had nothing to build', async () => {
    const { harness } = await setUp();
    await harness.push(MAIN, sha('1'));
    const [update] = harness.pushOf(MAIN, sha('1')).updates;
    const pushed = harness.pushOf(TOPIC, sha('2'));
    if (update !== undefined) pushed.updates.push(update);
    const record = () => harness.journal.find('app-1', pushed.pushId);
    harness.prepare = async () => {
      // It is past all that looks for it, and main is live with this commit already.
      setImmediate(() => record()?.cancel('somebody'));
      return { kind: 'ready', initMs: 1, conventions: {} };
    };
    const { signal } = new AbortController();
    expect(await harness.pushes.preReceive(pushed, () => {}, signal)).toBe(false);
    expect(record()?.outcome).toBe('cancelled');
  });
});

describe('the reconciler', () => {
  it('releases what was reserved when the second hook never came', async () => {
    const { database, harness } = await setUp();
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
    const { database, harness } = await setUp();
    await harness.push(MAIN, sha('1'));
    harness.moveRef(MAIN, sha('2'));
    harness.build = async () => ({ kind: 'failed', summary: 'broken', lines: [] });
    await harness.reconciler.reconcile();
    await harness.reconciler.reconcile();
    expect(harness.commitServed()).toBe(sha('1'));
    expect(await listDeployments(database, 'app-1', { limit: 10 })).toHaveLength(2);
  });

  it('tries again what failed by the platform’s fault', async () => {
    const { harness } = await setUp();
    harness.moveRef(MAIN, sha('1'));
    harness.prepare = async () => ({ kind: 'unavailable', message: 'too many sandboxes' });
    await harness.reconciler.reconcile();
    expect(harness.errors).toHaveLength(1);
    harness.prepare = async () => ({ kind: 'ready', initMs: 1, conventions: {} });
    await harness.reconciler.reconcile();
    expect(harness.commitServed()).toBe(sha('1'));
  });

  it('never brings back a commit that a push has replaced meanwhile', async () => {
    const { database, harness } = await setUp();
    await harness.push(MAIN, sha('1'));
    // The round sees both as differing, and topic comes first: it is still building when main is pushed.
    harness.moveRef(MAIN, null);
    harness.moveRef(TOPIC, sha('a'));
    harness.moveRef(MAIN, sha('2'));
    const builds = heldBuilds(harness);
    const round = harness.reconciler.reconcile();
    await until(() => builds.has(sha('a')));
    const pushing = harness.push(MAIN, sha('3'));
    await until(() => builds.has(sha('3')));
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
    const { harness } = await setUp();
    await harness.push(MAIN, sha('1'));
    harness.moveRef(MAIN, sha('2'));
    const builds = heldBuilds(harness);
    const round = harness.reconciler.reconcile();
    await until(() => builds.has(sha('2')));
    harness.build = async () => ({ kind: 'failed', summary: 'broken', lines: [] });
    expect(await harness.push(MAIN, sha('3'))).toBeNull();
    await round;
    expect(harness.commitServed()).toBe(sha('1'));
    harness.build = async (commit) => built(commit);
    await harness.reconciler.reconcile();
    expect(harness.commitServed()).toBe(sha('2'));
  });

  it('ends no newer push with the build of what was accepted before', async () => {
    const { harness } = await setUp();
    await harness.push(MAIN, sha('1'));
    harness.moveRef(MAIN, sha('2'));
    const builds = heldBuilds(harness);
    const pushing = harness.push(MAIN, sha('3'));
    await until(() => builds.has(sha('3')));
    const round = harness.reconciler.reconcile();
    await until(() => builds.has(sha('2')));
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
    const { harness } = await setUp();
    await harness.push(MAIN, sha('1'));
    harness.moveRef(MAIN, sha('2'));
    harness.busyRefs = [TOPIC];
    await harness.reconciler.reconcile();
    expect(harness.commitServed()).toBe(sha('2'));
  });

  it('settles at once what a second hook could not, with nobody waiting for the next round', async () => {
    const { harness } = await setUp();
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
    const { harness } = await setUp();
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
    const { harness } = await setUp();
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
    // Waits for the lock that the interrupted round holds.
    harness.build = async (commit) => built(commit);
    await harness.reconciler.reconcile();
    expect(harness.commitServed()).toBe(sha('1'));
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
    const { harness } = await setUp();
    await harness.push(MAIN, sha('1'));
    harness.applySnapshot = () => Promise.reject(new PlatformError('unavailable', 'stuck'));
    await expect(harness.push(MAIN, sha('2'))).rejects.toThrow('stuck');
    expect(harness.commitServed()).toBe(sha('1'));
    harness.applySnapshot = async () => {};
    await harness.reconciler.reconcile();
    expect(harness.commitServed()).toBe(sha('2'));
  });

  it('removes the environments of what has ended, and no other', async () => {
    const { harness } = await setUp();
    await harness.push(MAIN, sha('1'));
    await harness.push(MAIN, sha('2'));
    await harness.reconciler.reconcile();
    const live = harness.served.deployments.map((deployment) => deployment.id);
    expect([...harness.sealed.keys()].toSorted()).toEqual(live.toSorted());
  });
});

describe('a rollback', () => {
  it('goes back from what is live, whichever number is the highest', async () => {
    const { harness } = await setUp();
    await harness.push(MAIN, sha('1'));
    await harness.push(MAIN, sha('2'));
    const builds = heldBuilds(harness);
    const slow = harness.push(MAIN, sha('3')); // Takes its number before the rollback does.
    await until(() => builds.has(sha('3')));
    await harness.rollbacks.rollback(
      await harness.app,
      { target: 'v1', hasEnvironment: false },
      { tokenId: 'tok-1' },
    );
    harness.build = async (commit) => built(commit); // Of what is stored, for a later version.
    builds.get(sha('3'))?.();
    await slow;
    expect(harness.commitServed()).toBe(sha('3'));
    await harness.rollbacks.rollback(
      await harness.app,
      { target: null, hasEnvironment: false },
      { tokenId: 'tok-1' },
    );
    expect(harness.commitServed()).toBe(sha('2'));
  });

  it('that a push overtakes goes live after it', async () => {
    const { database, harness } = await setUp();
    await harness.push(MAIN, sha('1'));
    await harness.push(MAIN, sha('2'));
    const warming = Promise.withResolvers<void>();
    harness.prepare = async () => {
      harness.prepare = async () => ({ kind: 'ready', initMs: 1, conventions: {} });
      await warming.promise;
      return harness.prepare();
    };
    const rollback = { target: 'v1', hasEnvironment: false };
    const rollingBack = harness.rollbacks.rollback(await harness.app, rollback, BY);
    await until(() => harness.sealed.size > 4);
    await harness.push(MAIN, sha('3'));
    warming.resolve();
    expect((await rollingBack).deployment.version).toBe(5);
    expect(harness.commitServed()).toBe(sha('1'));
    const states = (await listDeployments(database, 'app-1', { limit: 5 })).map(
      ({ state }) => state,
    );
    expect(states).toEqual(['live', 'draining', 'failed', 'draining', 'draining']);
  });

  it('that fails leaves no reservation behind', async () => {
    const { database, harness } = await setUp();
    await harness.push(MAIN, sha('1'));
    await harness.push(MAIN, sha('2'));
    harness.prepare = () => Promise.reject(new PlatformError('unavailable', 'away'));
    const app = await harness.app;
    await expect(
      harness.rollbacks.rollback(
        app,
        { target: null, hasEnvironment: false },
        { tokenId: 'tok-1' },
      ),
    ).rejects.toThrow('away');
    expect((await listDeployments(database, 'app-1', { limit: 1 }))[0]?.state).toBe('failed');
    expect(harness.commitServed()).toBe(sha('2'));
  });
});

import { describe, expect, it } from 'vitest';
import { PlatformError } from '../../src/protocol/errors.ts';
import { listDeployments } from '../../src/store/deployments.ts';
import { eventually } from '../support/eventually.ts';
import { built, DeployHarness, heldBuilds, setUpDeploys, sha } from './deploy-harness.ts';

const MAIN = 'refs/heads/main';
const TOPIC = 'refs/heads/topic';
const BY = { tokenId: 'tok-1' };

describe('a push', () => {
  it('is superseded by a newer one of its branch, which keeps to its own host', async () => {
    const { harness } = await setUpDeploys();
    await harness.push(MAIN, sha('1'));
    const builds = heldBuilds(harness);
    const older = harness.push(TOPIC, sha('a'));
    await eventually(() => builds.has(sha('a')));
    const newer = harness.push(TOPIC, sha('b'));
    await eventually(() => builds.has(sha('b')));
    expect(await older).toBeNull();
    builds.get(sha('b'))?.();
    expect(await newer).toContainEqual(expect.stringContaining('http://topic--hello.localhost'));
    expect(harness.commitServed('topic')).toBe(sha('b'));
    expect(harness.commitServed()).toBe(sha('1'));
  });

  it('that is rejected gives back the clean host name of a ref that never came to be', async () => {
    const { harness } = await setUpDeploys();
    await harness.push(MAIN, sha('1'));
    harness.build = async () => ({ kind: 'failed', summary: 'broken', lines: [' !     broken'] });
    expect(await harness.push('refs/heads/a/bc', sha('2'))).toBeNull();
    harness.build = async (commit) => built(commit);
    await harness.push('refs/heads/a-bc', sha('3'));
    expect(harness.commitServed('a-bc')).toBe(sha('3'));
    expect(harness.sealed.size).toBe(harness.served.deployments.length);
  });

  it('for which no worker can be had fails as the platform’s trouble, and changes nothing', async () => {
    const { harness } = await setUpDeploys();
    harness.prepare = async () => ({ kind: 'unavailable', message: 'too many sandboxes' });
    await expect(harness.push(MAIN, sha('1'))).rejects.toMatchObject({ code: 'busy' });
    expect(harness.commitServed()).toBeUndefined();
  });

  it('that the database keeps from its row leaves nothing that the end of its app would wait for', async () => {
    const { database } = await setUpDeploys();
    const harness = await DeployHarness.create({
      ...database,
      transaction: () => Promise.reject(new Error('the disk is full')),
    });
    await expect(harness.push(MAIN, sha('1'))).rejects.toThrow('full');
    await harness.active.endAll('app-1');
  });

  it('of several refs that ends while the database is away leaves none of them to nobody', async () => {
    const { database } = await setUpDeploys();
    let isAway = false;
    const harness = await DeployHarness.create({
      ...database,
      query: (text, values) =>
        isAway ? Promise.reject(new Error('away')) : database.query(text, values),
    });
    const pushed = harness.pushOf(TOPIC, sha('1'));
    for (const name of ['two', 'three']) {
      pushed.updates.push(...harness.pushOf(`refs/heads/${name}`, sha('1')).updates);
    }
    let builds = 0;
    harness.build = async (commit) => {
      builds += 1;
      isAway = builds === 3;
      return built(commit);
    };
    const { signal } = new AbortController();
    await expect(harness.pushes.preReceive(pushed, () => {}, signal)).rejects.toThrow('away');
    isAway = false;
    await harness.reconciler.reconcile();
    const rows = await listDeployments(database, 'app-1', { limit: 9 });
    expect(rows.map(({ state }) => state)).toEqual(['failed', 'failed', 'failed']);
  });

  it('of too many refs is refused before anything is built', async () => {
    const { harness } = await setUpDeploys();
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
    const { harness } = await setUpDeploys();
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

describe('a push that is cancelled', () => {
  it('is refused also when its last branch had nothing to build', async () => {
    const { harness } = await setUpDeploys();
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

describe('a rollback', () => {
  it('goes back from what is live, whichever number is the highest', async () => {
    const { harness } = await setUpDeploys();
    await harness.push(MAIN, sha('1'));
    await harness.push(MAIN, sha('2'));
    const builds = heldBuilds(harness);
    const slow = harness.push(MAIN, sha('3')); // Takes its number before the rollback does.
    await eventually(() => builds.has(sha('3')));
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
    const { database, harness } = await setUpDeploys();
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
    await eventually(() => harness.sealed.size > 4);
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
    const { database, harness } = await setUpDeploys();
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

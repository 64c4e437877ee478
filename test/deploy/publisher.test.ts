import { expect, it } from 'vitest';
import { createPublisher } from '../../src/deploy/publisher.ts';
import type { Snapshot } from '../../src/protocol/snapshot.ts';

/** A database whose generation is what was committed last, and a data plane that answers when it is told to. */
function setUp() {
  const state = { committed: 0, applied: [] as number[], pending: [] as (() => void)[] };
  const publisher = createPublisher({
    readSnapshot: () =>
      Promise.resolve<Snapshot>({ generation: state.committed, apps: [], deployments: [] }),
    writeSnapshot: () => Promise.resolve(),
    data: {
      applySnapshot: (generation) => {
        state.applied.push(generation);
        return new Promise((resolve) => state.pending.push(resolve));
      },
    },
  });
  const answer = async (): Promise<void> => {
    await settled();
    state.pending.shift()?.();
    await settled();
  };
  return { state, publisher, answer };
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

it('resolves only after the data plane has acknowledged', async () => {
  const { publisher, answer } = setUp();
  let isDone = false;
  const published = publisher.publish().then(() => (isDone = true));
  await settled();
  expect(isDone).toBe(false);
  await answer();
  await published;
  expect(isDone).toBe(true);
});

it('never lets a call share a run that began before its commit', async () => {
  const { state, publisher, answer } = setUp();
  state.committed = 1;
  const first = publisher.publish();
  await settled();
  state.committed = 2;
  const second = publisher.publish();
  const third = publisher.publish();
  await answer();
  await first;
  await answer();
  await Promise.all([second, third]);
  expect(state.applied).toEqual([1, 2]);
});

it('goes on after a run that failed', async () => {
  const generations: number[] = [];
  let attempts = 0;
  const publisher = createPublisher({
    readSnapshot: () => Promise.resolve({ generation: ++attempts, apps: [], deployments: [] }),
    writeSnapshot: () => Promise.resolve(),
    data: {
      applySnapshot: (generation) => {
        generations.push(generation);
        return generation === 1 ? Promise.reject(new Error('away')) : Promise.resolve();
      },
    },
  });
  const first = publisher.publish();
  const second = publisher.publish();
  await expect(first).rejects.toThrow('away');
  await second;
  expect(generations).toEqual([1, 2]);
});

it('is behind from a doubt on, also when a run that began before it succeeds', async () => {
  const { publisher, answer } = setUp();
  const before = publisher.publish();
  await settled();
  publisher.doubt();
  await answer();
  await before;
  expect(publisher.isBehind).toBe(true);
  const after = publisher.publish();
  await answer();
  await after;
  expect(publisher.isBehind).toBe(false);
});

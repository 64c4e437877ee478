import { describe, expect, it } from 'vitest';
import { findSlug } from '../../src/store/refs.ts';
import { holdNextWorkers, READY, setUpDeploys, sha } from './deploy-harness.ts';

const MAIN = 'refs/heads/main';
const TOPIC = 'refs/heads/topic';

/** What redeploys a branch waits for its workers while something else is done. */
async function redeployWhile(
  target: string | null,
  work: (harness: Awaited<ReturnType<typeof setUpDeploys>>['harness']) => Promise<unknown>,
) {
  const { database, harness } = await setUpDeploys();
  await harness.push(MAIN, sha('1'));
  await harness.push(TOPIC, sha('a'));
  const workers = holdNextWorkers(harness);
  const redeploying = harness.redeploys.redeploy(await harness.app, target, { tokenId: 'tok-1' });
  const ended = redeploying.then(
    () => null,
    (error: unknown) => error,
  );
  await workers.begun;
  await work(harness);
  workers.end(READY);
  return { database, harness, error: await ended };
}

describe('a redeploy of what is live', () => {
  it('goes live when nothing else does', async () => {
    const { harness, error } = await redeployWhile(null, async () => {});
    expect(error).toBeNull();
    expect(harness.commitServed()).toBe(sha('1'));
  });

  it('brings nothing back that a push has replaced meanwhile', async () => {
    const { harness, error } = await redeployWhile(null, (one) => one.push(MAIN, sha('2')));
    expect(error).toMatchObject({ code: 'conflict' });
    expect(harness.commitServed()).toBe(sha('2'));
  });

  it('brings no branch back that was deleted meanwhile', async () => {
    const { database, harness, error } = await redeployWhile('topic', (one) =>
      one.push(TOPIC, null),
    );
    expect(error).toMatchObject({ code: 'conflict' });
    expect(harness.commitServed('topic')).toBeUndefined();
    expect(await findSlug(database, 'app-1', TOPIC)).toBeNull();
  });
});

import { expect, it } from 'vitest';
import { createDatabase } from '../support/database.ts';
import { DeployHarness } from './deploy-harness.ts';

const SHA = '1'.repeat(40);
const OLD = '2'.repeat(40);

it('a round of the reconciler moves to what is live what a crash kept from it', async () => {
  const harness = await DeployHarness.create(await createDatabase());
  await harness.push('refs/heads/main', SHA);
  await harness.push('refs/heads/topic', SHA);
  const shown = { 'refs/live/preview/topic': SHA, 'refs/live/production': SHA };
  expect(Object.fromEntries(harness.liveRefs)).toEqual(shown);
  harness.liveRefs.set('refs/live/production', OLD);
  harness.liveRefs.delete('refs/live/preview/topic');
  harness.liveRefs.set('refs/live/preview/gone', OLD);
  await harness.reconciler.reconcile();
  expect(Object.fromEntries(harness.liveRefs)).toEqual(shown);
  expect(harness.errors).toEqual([]);
});

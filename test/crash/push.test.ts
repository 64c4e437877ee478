/** Each step of a push, and whoever stands there killed at it: nothing that was accepted is lost, and nothing half serves. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { FailpointName } from '../../src/std/failpoint.ts';
import { openFailpoints, type Failpoints } from '../support/failpoints.ts';
import { startPlatform, type Platform } from '../support/platform.ts';
import { createRepository } from '../support/repository.ts';
import { CrashStory } from './crash-story.ts';

/** In the order in which a push comes to them. */
export const STEPS_OF_A_PUSH: readonly FailpointName[] = [
  'git.push-admitted',
  'git.repository-ready',
  'git.quarantine-read',
  'push.asked',
  'push.reserved',
  'build.started',
  'git.archive-begun',
  'build.answered',
  'bundle.file-written',
  'bundle.tree-synced',
  'bundle.renamed',
  'build.recorded',
  'push.bundle-recorded',
  'push.built',
  'push.sealed',
  'data.prepare-asked',
  'sandbox.environment-given',
  'sandbox.asked',
  'launcher.asked',
  'data.prepared',
  'push.warmed',
  'push.accepted',
  'git.push-accepted',
  'git.refs-moved',
  'release.begun',
  'release.uncommitted',
  'release.committed',
  'routes.read',
  'routes.written',
  'data.routes-read',
  'data.routes-taken',
  'release.published',
  'git.live-refs-asked',
  'git.release-answered',
];

let failpoints: Failpoints;
let platform: Platform;
let story: CrashStory;

beforeAll(async () => {
  failpoints = await openFailpoints();
  platform = await startPlatform({ env: failpoints.env });
  const app = 'crashes';
  const repository = await createRepository(platform, app);
  story = new CrashStory({ platform, failpoints, repository, app });
  await story.commit();
  expect(await repository.push('main')).toMatchObject({ code: 0 });
});

afterAll(async () => {
  await platform?.[Symbol.asyncDispose]();
  await failpoints?.[Symbol.asyncDispose]();
});

describe.each(['process', 'platform'] as const)('kill -9 of the %s', (victim) => {
  it.each(STEPS_OF_A_PUSH)('at %s', { timeout: 240_000 }, async (point) => {
    await story.commit();
    const pushed = await story.crashWatched(point, victim, () => story.repository.push('main'));
    await story.settles(pushed);
    await story.pushAgain();
  });
});

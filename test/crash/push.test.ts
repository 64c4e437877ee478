/** Each step of a push, and whoever stands there killed at it: nothing that was accepted is lost, and nothing half serves. */
import { afterAll, beforeAll, describe, it } from 'vitest';
import type { FailpointName } from '../../src/std/failpoint.ts';
import { startStory, type StartedStory } from './start-story.ts';

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

let started: StartedStory;

beforeAll(async () => {
  started = await startStory('crashes');
});

afterAll(() => started?.[Symbol.asyncDispose]());

describe.each(['process', 'platform'] as const)('kill -9 of the %s', (victim) => {
  it.each(STEPS_OF_A_PUSH)('at %s', { timeout: 240_000 }, async (point) => {
    const { story } = started;
    await story.commit();
    const pushed = await story.crashWatched(point, victim, () => story.repository.push('main'));
    await story.settles(pushed);
    await story.pushAgain();
  });
});

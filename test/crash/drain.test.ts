/** A process dies, or everything, while the server drains: it ends all the same, and the next start has what was accepted. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { FailpointName } from '../../src/std/failpoint.ts';
import { eventually } from '../support/eventually.ts';
import { openFailpoints, type Failpoints } from '../support/failpoints.ts';
import { startPlatform, type Platform } from '../support/platform.ts';
import { descendantsOf, survivors } from '../support/processes.ts';
import { createRepository } from '../support/repository.ts';
import { CrashStory } from './crash-story.ts';

const STEPS_OF_A_DRAIN: readonly FailpointName[] = [
  'data.drained',
  'control.drain-begun',
  'git.drain-begun',
];

let failpoints: Failpoints;
let platform: Platform;
let story: CrashStory;

beforeAll(async () => {
  failpoints = await openFailpoints();
  platform = await startPlatform({ env: failpoints.env });
  const repository = await createRepository(platform, 'drained');
  story = new CrashStory({ platform, failpoints, repository, app: 'drained' });
});

afterAll(async () => {
  await platform?.[Symbol.asyncDispose]();
  await failpoints?.[Symbol.asyncDispose]();
});

describe.each(['process', 'platform'] as const)('kill -9 of the %s', (victim) => {
  it.each(STEPS_OF_A_DRAIN)('at %s', { timeout: 240_000 }, async (point) => {
    await story.commit();
    const pushed = await story.repository.push('main');
    expect(pushed).toMatchObject({ code: 0 });
    const below = descendantsOf(platform.pid);
    await failpoints.arm(point, victim === 'process' ? 'kill' : 'hang');
    const stopping = platform.stop();
    await failpoints.reached(point);
    if (victim === 'platform') await platform.kill9();
    const code = await stopping;
    if (victim === 'process') expect(code).toBe(0);
    await failpoints.clear();
    await eventually(() => expect(survivors(below)).toEqual([]), 5_000);
    await platform.restart();
    await story.settles(pushed);
    await story.pushAgain();
  });
});

/** Some of the crashes of test/crash, which has them all. */
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { FailpointName } from '../../src/std/failpoint.ts';
import { CrashStory } from '../crash/crash-story.ts';
import { openFailpoints, type Failpoints } from '../support/failpoints.ts';
import { spawnServer, startPlatform, type Platform } from '../support/platform.ts';
import { createRepository } from '../support/repository.ts';

let failpoints: Failpoints;
let platform: Platform;
let story: CrashStory;

beforeAll(async () => {
  failpoints = await openFailpoints();
  platform = await startPlatform({ env: failpoints.env });
  const repository = await createRepository(platform, 'smoke');
  story = new CrashStory({ platform, failpoints, repository, app: 'smoke' });
  await story.commit();
  expect(await repository.push('main')).toMatchObject({ code: 0 });
});

afterAll(async () => {
  await platform?.[Symbol.asyncDispose]();
  await failpoints?.[Symbol.asyncDispose]();
});

const POINTS: FailpointName[] = [
  'bundle.renamed',
  'git.push-accepted',
  'release.committed',
  'data.routes-taken',
];

it.each(POINTS)(
  'kill -9 at %s: what was accepted is served, and nothing disagrees',
  async (point) => {
    await story.commit();
    const pushed = await story.crashWatched(point, 'process', () => story.repository.push('main'));
    await story.settles(pushed);
    await story.pushAgain();
  },
);

it('a server that others can reach does not start with failpoints', async () => {
  const dataDir = join(platform.dataDir, 'other');
  const { child, output } = spawnServer({
    env: { ...failpoints.env, PORT: '0', HOST: '0.0.0.0', FN_DATA_DIR: dataDir },
  });
  const code = await new Promise((resolve) => child.once('exit', resolve));
  expect(code).toBe(2);
  expect(output()).toContain('FN_TEST_FAILPOINTS is for tests of gitfn itself');
});

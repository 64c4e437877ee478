/** Each step of what changes what is served without a push of code, and whoever stands there killed at it. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { FailpointName } from '../../src/std/failpoint.ts';
import { ask } from '../support/ask.ts';
import { becomesConsistent } from '../support/consistency.ts';
import { eventually } from '../support/eventually.ts';
import { openFailpoints, type Failpoints } from '../support/failpoints.ts';
import { startPlatform, type Platform } from '../support/platform.ts';
import { createRepository } from '../support/repository.ts';
import { CrashStory, SETTLED_MS } from './crash-story.ts';
import { versionOf, watchApp } from './watched-app.ts';

const VICTIMS = ['process', 'platform'] as const;
const TIMEOUT = { timeout: 240_000 };

let failpoints: Failpoints;
let platform: Platform;

beforeAll(async () => {
  failpoints = await openFailpoints();
  platform = await startPlatform({ env: failpoints.env });
});

afterAll(async () => {
  await platform?.[Symbol.asyncDispose]();
  await failpoints?.[Symbol.asyncDispose]();
});

/** An app of its own with that many releases. */
async function createStory(app: string, releases: number): Promise<CrashStory> {
  const repository = await createRepository(platform, app);
  const story = new CrashStory({ platform, failpoints, repository, app });
  for (let count = 0; count < releases; count += 1) {
    await story.commit();
    await eventually(async () => expect(await repository.push('main')).toMatchObject({ code: 0 }));
  }
  return story;
}

function each(
  points: readonly FailpointName[],
): [FailpointName, (typeof VICTIMS)[number], string][] {
  return points.flatMap((point) =>
    VICTIMS.map((victim): [FailpointName, (typeof VICTIMS)[number], string] => {
      return [point, victim, `${point}-${victim}`.replaceAll('.', '-')];
    }),
  );
}

async function servesVersion(app: string, number: number): Promise<void> {
  await eventually(async () => {
    expect(versionOf((await ask(platform, app)).body)).toBe(number);
  }, SETTLED_MS);
}

describe('the first push of an app', () => {
  it.each(
    each(['git.repository-copied', 'git.push-admitted', 'push.reserved', 'release.uncommitted']),
  )('is whole or not there after %s (%s)', TIMEOUT, async (point, victim, name) => {
    const app = `first-${name}`;
    const repository = await createRepository(platform, app);
    const story = new CrashStory({ platform, failpoints, repository, app });
    await story.commit();
    await story.crash(point, victim, () => repository.push('main'));
    await becomesConsistent(platform, SETTLED_MS);
    await story.pushAgain();
  });
});

describe('a rollback', () => {
  it.each(
    each([
      'rollback.begun',
      'push.reserved',
      'push.warmed',
      'release.uncommitted',
      'release.committed',
      'routes.written',
    ]),
  )('is whole or does not happen after %s (%s)', TIMEOUT, async (point, victim, name) => {
    const app = `back-${name}`;
    const story = await createStory(app, 2);
    const watch = watchApp(platform, app);
    watch.expectReturn();
    const result = await story.crash(point, victim, () => story.repository.fn('rollback'));
    await becomesConsistent(platform, SETTLED_MS);
    await watch.stop();
    expect(watch.broken).toEqual([]);
    if (victim === 'process') expect(watch.unanswered).toEqual([]);
    if (result.code === 0) await servesVersion(app, 1);
    const served = versionOf((await ask(platform, app)).body);
    // What was committed is served also when nobody was told so.
    const isCommitted = ['release.committed', 'routes.written'].includes(point);
    if (isCommitted) expect(served).toBe(1);
    else expect(served).toBe(2);
  });
});

describe('a change of the environment', () => {
  it.each(
    each(['environment.changed', 'push.sealed', 'release.committed', 'environment.preview-sealed']),
  )('reaches production and previews after %s (%s)', TIMEOUT, async (point, victim, name) => {
    const app = `env-${name}`;
    const repository = await createRepository(platform, app);
    const story = new CrashStory({ platform, failpoints, repository, app });
    await repository.commit({
      'index.ts': 'export const handler = async () => `is ${process.env.COLOUR}`;\n',
    });
    await eventually(async () => {
      expect(await repository.push('main', 'main:topic')).toMatchObject({ code: 0 });
    });
    expect(await repository.fn('env', 'set', 'COLOUR=red', '--plain')).toMatchObject({ code: 0 });
    await story.crash(point, victim, () => repository.fn('env', 'set', 'COLOUR=blue', '--plain'));
    await eventually(async () => {
      expect((await ask(platform, app)).body).toBe('is blue');
      expect((await ask(platform, `topic--${app}`)).body).toBe('is blue');
    }, SETTLED_MS);
    await becomesConsistent(platform, SETTLED_MS);
  });
});

describe('the deletion of a branch', () => {
  it.each(each(['branch.uncommitted', 'branch.removed', 'routes.written', 'git.refs-moved']))(
    'is finished after %s (%s)',
    TIMEOUT,
    async (point, victim, name) => {
      const app = `branch-${name}`;
      const story = await createStory(app, 1);
      expect(await story.repository.push('main:topic')).toMatchObject({ code: 0 });
      await story.crash(point, victim, () => story.repository.push(':topic'));
      await eventually(async () => {
        expect((await ask(platform, `topic--${app}`)).status).toBe(404);
      }, SETTLED_MS);
      await servesVersion(app, 1);
      await becomesConsistent(platform, SETTLED_MS);
    },
  );
});

describe('the deletion of an app', () => {
  it.each(each(['app.hidden', 'git.repository-gone', 'app.repository-gone', 'app.bundles-gone']))(
    'is finished after %s (%s)',
    TIMEOUT,
    async (point, victim, name) => {
      const app = `app-${name}`;
      const story = await createStory(app, 1);
      await story.crash(point, victim, () => story.repository.fn('apps', 'delete', app, '--yes'));
      await eventually(async () => expect((await ask(platform, app)).status).toBe(404), SETTLED_MS);
      await becomesConsistent(platform, SETTLED_MS);
      // Its name is free for another.
      await story.pushAgain();
    },
  );
});

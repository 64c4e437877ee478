import { expect } from 'vitest';
import { openFailpoints, type Failpoints } from '../support/failpoints.ts';
import { startPlatform, type Platform } from '../support/platform.ts';
import { createRepository } from '../support/repository.ts';
import { CrashStory } from './crash-story.ts';

export interface StartedStory extends AsyncDisposable {
  failpoints: Failpoints;
  platform: Platform;
  story: CrashStory;
}

/** A platform of its own with failpoints, and an app on it whose first version is live. */
export async function startStory(
  app: string,
  env: Record<string, string> = {},
): Promise<StartedStory> {
  await using begun = new AsyncDisposableStack();
  const failpoints = begun.use(await openFailpoints());
  const platform = begun.use(await startPlatform({ env: { ...failpoints.env, ...env } }));
  const repository = await createRepository(platform, app);
  const story = new CrashStory({ platform, failpoints, repository, app });
  await story.commit();
  expect(await repository.push('main')).toMatchObject({ code: 0 });
  const held = begun.move();
  return { failpoints, platform, story, [Symbol.asyncDispose]: () => held.disposeAsync() };
}

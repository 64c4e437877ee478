/** A bundle that is not whole when the platform starts: nothing of it runs, it is named, and a push mends it. */
import { chmod, readFile, rename, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ask } from '../support/ask.ts';
import { becomesConsistent, checkConsistency } from '../support/consistency.ts';
import { startPlatform, type Platform } from '../support/platform.ts';
import { createRepository } from '../support/repository.ts';
import { filesOfVersion, versionOf } from './watched-app.ts';

let platform: Platform;

beforeAll(async () => {
  platform = await startPlatform();
});

afterAll(async () => platform?.[Symbol.asyncDispose]());

/** What a power loss, or a disk, may do to the file of a function. */
const HARMS: [string, (path: string, folder: string) => Promise<void>][] = [
  ['cut short', (path) => truncate(path, 200)],
  ['empty', (path) => truncate(path, 0)],
  [
    'with other bytes',
    // Still a program, so that nothing but its hash tells.
    async (path) => writeFile(path, (await readFile(path, 'utf8')).replaceAll('1 ', '7 ')),
  ],
  ['gone with its folder', (_path, folder) => rename(folder, `${folder}.away`)],
];

it.each(HARMS)('%s', { timeout: 240_000 }, async (name, harm) => {
  const app = `torn-${name.replaceAll(' ', '-')}`;
  const repository = await createRepository(platform, app);
  await repository.commit(filesOfVersion(1));
  expect(await repository.push('main')).toMatchObject({ code: 0 });
  const { bundle, file } = await codeOf(app);
  const folder = join(platform.dataDir, 'store/bundles', bundle);
  await platform.kill9();
  await chmod(join(folder, file), 0o644);
  await harm(join(folder, file), folder);
  await platform.restart();

  const answer = await ask(platform, app);
  expect(answer.status).toBe(503);
  const found = await checkConsistency(platform);
  expect(found).toMatchObject([{ subject: 'bundles', app }]);
  expect(found[0]?.remedy).toContain('git commit --allow-empty');

  await repository.commit({}, 'Again');
  expect(await repository.push('main')).toMatchObject({ code: 0 });
  expect(versionOf((await ask(platform, app)).body)).toBe(1);
  await becomesConsistent(platform, 60_000);
});

async function codeOf(app: string): Promise<{ bundle: string; file: string }> {
  const snapshots = await readSnapshot();
  const live = snapshots.deployments.find(
    (one) => one.appName === app && one.kind === 'production',
  );
  const file = live?.functions[0]?.file;
  if (live === undefined || file === undefined) throw new Error(`${app} is not live`);
  return { bundle: live.bundle, file };
}

interface Snapshot {
  deployments: { appName: string; kind: string; bundle: string; functions: { file: string }[] }[];
}

async function readSnapshot(): Promise<Snapshot> {
  const path = join(platform.dataDir, 'routes/snapshot.json');
  return JSON.parse(await readFile(path, 'utf8')) as Snapshot;
}

import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, expect, it, onTestFinished } from 'vitest';
import { armFailpoints, failpoint, FAILPOINTS } from '../../src/std/failpoint.ts';

const ROOT = resolve(import.meta.dirname, '../..');

afterEach(() => armFailpoints(null));

async function makeFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'gitfn-failpoint-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  return folder;
}

it('does nothing without a folder, nor where its folder says nothing', async () => {
  await failpoint('push.asked');
  armFailpoints(await makeFolder());
  await failpoint('push.asked');
});

it('throws once', async () => {
  const folder = await makeFolder();
  armFailpoints(folder);
  await writeFile(join(folder, 'push.asked'), 'throw\n');
  await failpoint('push.warmed');
  await expect(failpoint('push.asked')).rejects.toThrow('failpoint push.asked');
  expect(existsSync(join(folder, 'push.asked.hit'))).toBe(true);
  await failpoint('push.asked');
});

it('stands until it is told to go on', async () => {
  const folder = await makeFolder();
  armFailpoints(folder);
  await writeFile(join(folder, 'push.asked'), 'hang');
  let hasGoneOn = false;
  const standing = failpoint('push.asked').then(() => (hasGoneOn = true));
  await delay(100);
  expect(hasGoneOn).toBe(false);
  await rm(join(folder, 'push.asked.hit'));
  await standing;
});

it('ends its process by the signal that nothing can catch', async () => {
  const folder = await makeFolder();
  await writeFile(join(folder, 'push.asked'), 'kill');
  const program = `import { armFailpoints, failpoint } from ${JSON.stringify(join(ROOT, 'src/std/failpoint.ts'))};
    armFailpoints(${JSON.stringify(folder)});
    await failpoint('push.asked');
    console.log('goes on');`;
  const run = (): string =>
    execFileSync(process.execPath, ['--input-type=module-typescript', '-e', program], {
      encoding: 'utf8',
    });
  expect(run).toThrow(expect.objectContaining({ signal: 'SIGKILL', stdout: '' }));
});

it('each stands in one place of the source, and is killed at by a test of test/crash', async () => {
  const listed = execFileSync('git', ['ls-files', 'src', 'test/crash'], {
    cwd: ROOT,
    encoding: 'utf8',
  });
  const names = listed.trim().split('\n');
  const texts = new Map(
    await Promise.all(
      names.map(async (name) => [name, await readFile(join(ROOT, name), 'utf8')] as const),
    ),
  );
  const joined = (prefix: string): string =>
    [...texts]
      .filter(([name]) => name.startsWith(prefix))
      .map(([, text]) => text)
      .join('\n');
  const [source, tests] = [joined('src/'), joined('test/crash/')];
  for (const point of Object.keys(FAILPOINTS)) {
    expect(source.split(`failpoint('${point}')`), point).toHaveLength(2);
    expect(tests, point).toContain(`'${point}'`);
  }
});

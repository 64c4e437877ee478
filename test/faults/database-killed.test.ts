/**
 * The embedded database dies with all its processes while a push is under way. Wherever the push stands then: what git was told
 * is true, what was accepted is live within the minute that is promised, and nothing is half done.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { FailpointName } from '../../src/std/failpoint.ts';
import { ask } from '../support/ask.ts';
import { becomesConsistent } from '../support/consistency.ts';
import { eventually } from '../support/eventually.ts';
import { openFailpoints, type Failpoints } from '../support/failpoints.ts';
import { startPlatform, type Platform } from '../support/platform.ts';
import { descendantsOf } from '../support/processes.ts';
import { createRepository, type TestRepository } from '../support/repository.ts';

const PROMISED_MS = 60_000;
/** Once the database is back nobody waits for the reconciler's next round, which comes each 30 seconds. */
const SETTLED_MS = 15_000;
const APP = 'killed';

const POINTS: FailpointName[] = [
  'push.asked',
  'build.started',
  'build.recorded',
  'push.warmed',
  'push.accepted',
  'git.refs-moved',
  'release.begun',
  'release.uncommitted',
  'release.committed',
  'release.published',
];

let failpoints: Failpoints;
let platform: Platform;
let repository: TestRepository;
let number = 0;

beforeAll(async () => {
  failpoints = await openFailpoints();
  platform = await startPlatform({ env: failpoints.env });
  repository = await createRepository(platform, APP);
  await commitNext();
  expect(await repository.push('main')).toMatchObject({ code: 0 });
});

afterAll(async () => {
  await platform?.[Symbol.asyncDispose]();
  await failpoints?.[Symbol.asyncDispose]();
});

function commitNext(): Promise<string> {
  number += 1;
  return repository.commit({
    'index.js': `export const handler = async () => '${number}';\n`,
  });
}

function killDatabase(): void {
  const processes = descendantsOf(platform.pid).filter(({ commandLine }) =>
    /postgres/.test(commandLine),
  );
  expect(processes.length).toBeGreaterThan(1);
  for (const { pid } of processes) process.kill(pid, 'SIGKILL');
}

async function isWell(): Promise<void> {
  const { body } = await ask(platform, '', { path: '/readyz' });
  expect(JSON.parse(body)).toMatchObject({ serving: true, degraded: [] });
}

it.each(POINTS)('at %s', { timeout: 240_000 }, async (point) => {
  const sha = await commitNext();
  await failpoints.arm(point, 'hang');
  const pushing = repository.push('main');
  await failpoints.reached(point);
  killDatabase();
  await failpoints.clear();
  const { code, output } = await pushing;
  await eventually(isWell, PROMISED_MS);
  const listed = await repository.git('ls-remote', 'fn', 'refs/heads/main');
  const [remote] = listed.output.split('\t');
  if (code === 0) expect(remote, output).toBe(sha);
  else expect(output).toContain('The reason: the database is not answering');
  await eventually(async () => {
    expect((await ask(platform, APP)).headers['x-fn-commit'], output).toBe(remote);
  }, SETTLED_MS);
  await becomesConsistent(platform, SETTLED_MS);
});

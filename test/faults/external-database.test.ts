/**
 * An operator's own database is stopped, killed, restarted or hangs, and meanwhile a data process dies too: the next one has the
 * routes, the code and the environments of all functions from disk. What needs the database is refused with words.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ask } from '../support/ask.ts';
import { callControl } from '../support/control-api.ts';
import { becomesConsistent } from '../support/consistency.ts';
import { eventually } from '../support/eventually.ts';
import { openExternalDatabase, type ExternalDatabase } from '../support/external-database.ts';
import { openFailpoints, type Failpoints } from '../support/failpoints.ts';
import { startPlatform, type Platform } from '../support/platform.ts';
import { platformProcesses } from '../support/processes.ts';
import { createRepository, type TestRepository } from '../support/repository.ts';

const RECOVERY_DEADLINE_MS = 60_000;
const PAUSE_MS = 30_000;

let database: ExternalDatabase;
let failpoints: Failpoints;
let platform: Platform;

beforeAll(async () => {
  database = await openExternalDatabase();
  failpoints = await openFailpoints();
  platform = await startPlatform({ env: { ...failpoints.env, DATABASE_URL: database.url } });
});

afterAll(async () => {
  await platform?.[Symbol.asyncDispose]();
  await failpoints?.[Symbol.asyncDispose]();
  await database?.[Symbol.asyncDispose]();
});

interface Fault {
  name: string;
  /** Returns what ends it. */
  begin: () => Promise<() => Promise<void>>;
  /** Dies meanwhile besides data, and is started again until it finds the database. */
  alsoDies?: 'control';
}

const FAULTS: Fault[] = [
  { name: 'stopped', begin: () => database.stop().then(() => () => database.start()) },
  {
    name: 'killed',
    begin: () => database.kill().then(() => () => database.start()),
    alsoDies: 'control',
  },
  { name: 'paused', begin: pause },
];

/** It goes on after its time, whatever the test does meanwhile. */
async function pause(): Promise<() => Promise<void>> {
  const goOn = database.pause();
  const passed = delay(PAUSE_MS).then(goOn);
  return () => passed;
}

const files = (text: string): Record<string, string> => ({
  'index.js': `export const handler = async () => '${text} ' + process.env.MOOD;\n`,
});

async function deployed(app: string): Promise<TestRepository> {
  const repository = await createRepository(platform, app);
  await repository.commit(files('before'));
  expect(await repository.push('main')).toMatchObject({ code: 0 });
  expect((await setMood(app, 'calm')).status).toBe(200);
  await eventually(async () => expect((await ask(platform, app)).body).toBe('before calm'));
  return repository;
}

function setMood(app: string, value: string) {
  const body = { set: [{ name: 'MOOD', value }] };
  return callControl(platform, `/apps/${app}/environment`, { method: 'PATCH', body });
}

async function degraded(): Promise<string[]> {
  const { body } = await ask(platform, '', { path: '/readyz' });
  return (JSON.parse(body) as { degraded: string[] }).degraded;
}

function pidOf(program: 'control' | 'data'): number {
  const all = platformProcesses(platform.pid);
  const found = all.find(({ commandLine }) => commandLine.includes(`${program}.mjs`));
  if (found === undefined) throw new Error(`${program} does not run`);
  return found.pid;
}

async function isStartedAgain(program: 'control' | 'data', before: number): Promise<void> {
  await eventually(() => expect(pidOf(program)).not.toBe(before), RECOVERY_DEADLINE_MS);
}

describe.each(FAULTS)('an external database that is $name', ({ name, begin, alsoDies }) => {
  it('leaves functions serving, by a new data process as well', { timeout: 240_000 }, async () => {
    const app = `external-${name}`;
    const repository = await deployed(app);
    const heal = await begin();
    try {
      await eventually(async () => expect(await degraded()).toContain('database'));
      const data = pidOf('data');
      process.kill(data, 'SIGKILL');
      await isStartedAgain('data', data);
      await eventually(async () => expect((await ask(platform, app)).body).toBe('before calm'));
      await repository.commit(files('after'));
      const refused = await repository.push('main');
      expect(refused.code, refused.output).not.toBe(0);
      expect(refused.output).toContain('the database is not answering');
      const answer = await setMood(app, 'cross');
      expect(answer.status, answer.body).toBe(503);
      expect(JSON.parse(answer.body)).toMatchObject({ code: 'database-down' });
      if (alsoDies !== undefined) process.kill(pidOf(alsoDies), 'SIGKILL');
      expect((await ask(platform, app)).body).toBe('before calm');
    } finally {
      await heal();
    }
    await eventually(async () => expect(await degraded()).toEqual([]), RECOVERY_DEADLINE_MS);
    expect(await repository.push('main')).toMatchObject({ code: 0 });
    expect((await ask(platform, app)).body).toBe('after calm');
    await becomesConsistent(platform, RECOVERY_DEADLINE_MS);
  });
});

describe('an external database that is restarted', () => {
  const POINTS = ['build.started', 'push.accepted', 'release.uncommitted'] as const;

  it.each(POINTS)('with a push at %s', { timeout: 240_000 }, async (point) => {
    const app = point.replaceAll('.', '-');
    const repository = await deployed(app);
    const sha = await repository.commit(files('after'));
    await failpoints.arm(point, 'hang');
    const pushing = repository.push('main');
    await failpoints.reached(point);
    await database.stop();
    await database.start();
    await failpoints.clear();
    const { code, output } = await pushing;
    const listed = await repository.git('ls-remote', 'fn', 'refs/heads/main');
    const isAccepted = listed.output.startsWith(sha);
    if (code === 0) expect(isAccepted, output).toBe(true);
    else expect(output).toContain('The reason: the database is not answering');
    const expected = isAccepted ? 'after calm' : 'before calm';
    await eventually(
      async () => expect((await ask(platform, app)).body).toBe(expected),
      RECOVERY_DEADLINE_MS,
    );
    await becomesConsistent(platform, RECOVERY_DEADLINE_MS);
  });
});

/** Two doors on one port: what holds of one holds of both. */
import { totalmem } from 'node:os';
import { describe, expect, it } from 'vitest';
import { type Answer, ask } from '../support/ask.ts';
import { callControl } from '../support/control-api.ts';
import { dataProcessesOf, through } from '../support/data-processes.ts';
import { eventually } from '../support/eventually.ts';
import { startLogTail } from '../support/log-tail.ts';
import { startPlatform } from '../support/platform.ts';
import { descendantsOf, survivors } from '../support/processes.ts';
import { createRepository, type TestRepository } from '../support/repository.ts';
import { usePlatform } from '../support/use-platform.ts';

// Functions may ask for a quarter of what their app may have, whatever this machine has.
const env = { FN_DATA_PROCESSES: '2', MAX_MEMORY: '1048576' };
const platform = usePlatform({ env });

/** Tells of the worker that answers, its version and its environment, and prints its worker as well. */
const teller = (version: string): string => `
const worker = crypto.randomUUID();
export const handler = async () => {
  console.log(worker);
  return { statusCode: 200, body: [worker, '${version}', process.env.MOOD ?? 'unset'].join(' ') };
};
`;

async function deployed(app: string, version: string): Promise<TestRepository> {
  const repository = await createRepository(platform(), app);
  await deploy(repository, version);
  return repository;
}

async function deploy(repository: TestRepository, version: string): Promise<void> {
  await repository.commit({ 'index.js': teller(version) });
  const { code, output } = await repository.push('main');
  expect(code, output).toBe(0);
}

/** Twelve requests through each door at once, to a function whose workers take one at a time. */
async function askMany(app: string): Promise<Answer[]> {
  const asked: Promise<Answer>[] = [];
  for (const pid of dataProcessesOf(platform())) {
    await through(platform(), pid, async () => {
      for (let count = 0; count < 12; count++) asked.push(ask(platform(), app));
      // Who answers this has taken the connections before it as well.
      await ask(platform(), '', { path: '/healthz' });
    });
  }
  return Promise.all(asked);
}

/** How many of these spans have a moment in common. */
function mostAtOnce(spans: { from: number; to: number }[]): number {
  return Math.max(
    ...spans.map(({ from }) => spans.filter((one) => one.from <= from && from < one.to).length),
  );
}

/** What each door answers. */
async function askEach(app: string): Promise<string[][]> {
  const answers: string[][] = [];
  for (const pid of dataProcessesOf(platform())) {
    const { body } = await through(platform(), pid, () => ask(platform(), app));
    answers.push(body.split(' '));
  }
  return answers;
}

const versionsOf = (answers: string[][]): unknown[] => answers.map(([, version]) => version);
const workersOf = (answers: string[][]): unknown[] => answers.map(([worker]) => worker);

describe('with two data processes', () => {
  it('each has a worker of its own, warm when the push is over', async () => {
    await deployed('both', 'one');
    expect(dataProcessesOf(platform())).toHaveLength(2);
    for (const pid of dataProcessesOf(platform())) {
      const answer = await through(platform(), pid, () => ask(platform(), 'both'));
      expect(answer.status).toBe(200);
      expect(answer.headers).not.toHaveProperty('x-fn-cold-start');
    }
    expect(new Set(workersOf(await askEach('both'))).size).toBe(2);
  });

  it('connections that come at once are spread over both', async () => {
    await deployed('spread', 'one');
    const known = workersOf(await askEach('spread'));
    const seen = new Set<unknown>();
    await eventually(async () => {
      const answers = await Promise.all(
        Array.from({ length: 32 }, () => ask(platform(), 'spread')),
      );
      for (const { body } of answers) seen.add(body.split(' ')[0]);
      expect([...seen]).toEqual(expect.arrayContaining(known));
    });
  });

  it('a push, a change of the environment and a rollback are over when both serve what is new', async () => {
    const repository = await deployed('changes', 'one');
    expect(versionsOf(await askEach('changes'))).toEqual(['one', 'one']);
    await deploy(repository, 'two');
    expect(versionsOf(await askEach('changes'))).toEqual(['two', 'two']);
    const body = { set: [{ name: 'MOOD', value: 'calm' }] };
    await callControl(platform(), '/apps/changes/environment', { method: 'PATCH', body });
    expect((await askEach('changes')).map(([, , mood]) => mood)).toEqual(['calm', 'calm']);
    expect(await repository.fn('rollback', 'v1')).toMatchObject({ code: 0 });
    expect(versionsOf(await askEach('changes'))).toEqual(['one', 'one']);
  });

  it('who follows a log reads what workers of both print', async () => {
    await deployed('told', 'one');
    const tail = await startLogTail(platform(), 'told');
    const workers = workersOf(await askEach('told'));
    await eventually(() => expect(tail.lines()).toEqual(expect.arrayContaining(workers)));
  });

  it('the workers of an app are as many as it may have, whichever door they are behind', async () => {
    const repository = await createRepository(platform(), 'bounded');
    const quarterMib = Math.floor(totalmem() / 2 / 4 / (1024 * 1024));
    await repository.commit({
      'fn.json': JSON.stringify({ memory: quarterMib, concurrency: 1 }),
      'index.js': `export const handler = async () => {
        const from = Date.now();
        await new Promise((resolve) => setTimeout(resolve, 100));
        return { statusCode: 200, body: { from, to: Date.now() } };
      };`,
    });
    const { code, output } = await repository.push('main');
    expect(code, output).toBe(0);
    const answers = await askMany('bounded');
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    const spans = answers.map(({ body }) => JSON.parse(body) as { from: number; to: number });
    expect(mostAtOnce(spans)).toBeLessThanOrEqual(4);
    expect(mostAtOnce(spans)).toBeGreaterThan(2);
  });

  it('what keeps failing behind one door is not started behind the other either', async () => {
    const repository = await createRepository(platform(), 'failing');
    await repository.commit({
      'index.js': 'export const handler = async () => process.exit(1);\n',
    });
    expect(await repository.push('main')).toMatchObject({ code: 0 });
    const [left = 0, right = 0] = dataProcessesOf(platform());
    const askBehind = async (pid: number): Promise<number> =>
      through(platform(), pid, async () => (await ask(platform(), 'failing')).status);
    // The one that the push has warmed.
    expect(await askBehind(right)).toBe(502);
    // Fails until it is not started for seconds.
    for (let failures = 0; failures < 6;) if ((await askBehind(left)) === 502) failures += 1;
    // Three in a row are forgiven, so by its own it would begin once more than this.
    let own = 1;
    while ((await askBehind(right)) === 502) own += 1;
    expect(own).toBeLessThan(3);
  });

  it('when one dies the other serves, and it comes back with the routes of today', async () => {
    const repository = await deployed('killed', 'one');
    const [victim = 0, other = 0] = dataProcessesOf(platform());
    const [, kept] = workersOf(await askEach('killed'));
    process.kill(victim, 'SIGKILL');
    for (let asked = 0; asked < 10; asked++) {
      const { status, body } = await ask(platform(), 'killed');
      expect([status, body.split(' ')[0]]).toEqual([200, kept]);
      if (!dataProcessesOf(platform()).every((pid) => pid === other)) break;
    }
    await deploy(repository, 'two');
    await eventually(async () => {
      expect(dataProcessesOf(platform())).toHaveLength(2);
      const { body } = await ask(platform(), '', { path: '/readyz' });
      expect(JSON.parse(body)).toMatchObject({ serving: true, degraded: [] });
    });
    expect(versionsOf(await askEach('killed'))).toEqual(['two', 'two']);
  });
});

describe('a server with two data processes', () => {
  it('ends when both have finished what they had, and leaves nothing behind', async () => {
    await using own = await startPlatform({ env });
    const repository = await createRepository(own, 'slow');
    await repository.commit({
      'index.js': `export const handler = async () => {
        await new Promise((resolve) => setTimeout(resolve, 600));
        return { statusCode: 200, body: 'finished' };
      };`,
    });
    expect(await repository.push('main')).toMatchObject({ code: 0 });
    const below = descendantsOf(own.pid);
    const answers: Promise<Answer>[] = [];
    for (const pid of dataProcessesOf(own)) {
      await through(own, pid, async () => {
        answers.push(ask(own, 'slow'));
        // Answered by the one that is awake, so it has taken the other connection as well.
        await ask(own, '', { path: '/healthz' });
      });
    }
    expect(await own.stop()).toBe(0);
    expect((await Promise.all(answers)).map(({ body }) => body)).toEqual(['finished', 'finished']);
    expect(survivors(below)).toEqual([]);
  });
});

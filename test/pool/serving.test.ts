import { afterEach, describe, expect, it } from 'vitest';
import { ask } from '../support/ask.ts';
import { startDataPlane, type DataPlane } from '../support/data-plane.ts';
import { MAX_HELD_WORKERS } from '../../src/protocol/data-plane.ts';
import { eventually } from '../support/eventually.ts';
import { wrapModule } from '../support/function-code.ts';

let plane: DataPlane | null = null;

async function start(options: Parameters<typeof startDataPlane>[0] = {}): Promise<DataPlane> {
  plane = await startDataPlane(options);
  return plane;
}

afterEach(async () => {
  await plane?.close();
  plane = null;
});

const HELLO = `export const handler = async () => 'hello'`;
const SLOW = `export const handler = async () => {
  await new Promise((resolve) => setTimeout(resolve, 200));
  return String(process.pid);
};`;

describe('serving', () => {
  it('adds the headers that tell of the deployment, and the wait for a cold start once', async () => {
    const data = await start();
    const deployment = await data.deploy(HELLO);
    const first = await ask(data, 'hello');
    expect(first.headers).toMatchObject({
      'x-fn-deployment': deployment.id,
      'x-fn-version': 'v1',
      'x-fn-commit': deployment.commit,
      'x-fn-cold-start': expect.stringMatching(/^\d+\.\d$/),
      'x-request-id': expect.stringMatching(/^[0-9a-f-]{36}$/),
    });
    expect((await ask(data, 'hello')).headers['x-fn-cold-start']).toBeUndefined();
  });

  it('starts one worker for requests that one worker can take', async () => {
    const data = await start({ pool: { zygotes: 0 } });
    await data.deploy(SLOW, { concurrency: 10 });
    const answers = await Promise.all(Array.from({ length: 10 }, () => ask(data, 'hello')));
    expect(new Set(answers.map(({ body }) => body)).size).toBe(1);
    expect(data.processes.startedCount).toBe(1);
  });

  it('starts ⌈N / concurrency⌉ workers for N requests at once', async () => {
    const data = await start({ pool: { zygotes: 0 } });
    await data.deploy(SLOW, { concurrency: 4 });
    const answers = await Promise.all(Array.from({ length: 10 }, () => ask(data, 'hello')));
    expect(answers.every(({ status }) => status === 200)).toBe(true);
    expect(data.processes.startedCount).toBe(3);
  });

  it('never gives a worker more than its concurrency', async () => {
    const data = await start();
    await data.deploy(
      `let running = 0;
       export const handler = async () => {
         const seen = ++running;
         await new Promise((resolve) => setTimeout(resolve, 50));
         running--;
         return String(seen);
       };`,
      { concurrency: 2 },
    );
    const answers = await Promise.all(Array.from({ length: 12 }, () => ask(data, 'hello')));
    expect(Math.max(...answers.map(({ body }) => Number(body)))).toBe(2);
  });

  it('answers 503 with Retry-After when too many wait', async () => {
    const data = await start({ pool: { queueLength: 1, zygotes: 0 } });
    await data.deploy(SLOW, { concurrency: 1 });
    const answers = await Promise.all(Array.from({ length: 5 }, () => ask(data, 'hello')));
    const refused = answers.filter(({ status }) => status === 503);
    expect(refused).toHaveLength(4);
    expect(refused[0]?.headers['retry-after']).toBe('1');
  });

  it('answers 503 when no worker is free in time', async () => {
    const data = await start({ pool: { queueMs: 1000 } });
    await data.deploy(`await_(); function await_() { const end = Date.now() + 3000; while (Date.now() < end); }
      export const handler = async () => 'late'`);
    expect(await ask(data, 'hello')).toMatchObject({ status: 503 });
    expect(data.failures).toMatchObject([{ kind: 'queue-timeout' }]);
  });

  it('ends idle workers and starts again when asked', async () => {
    const data = await start({ pool: { idleMs: 1000 } });
    await data.deploy(HELLO);
    await ask(data, 'hello');
    expect(data.pool.status().workers).toBe(1);
    await eventually(() => data.pool.status().workers === 0);
    expect(await ask(data, 'hello')).toMatchObject({ status: 200 });
  });

  it('swaps versions under load without a failed request, and ends the old workers', async () => {
    const data = await start();
    const code = (version: number): string =>
      `export const handler = async () => { await new Promise((r) => setTimeout(r, 5)); return '${version}'; }`;
    await data.deploy(code(0), { concurrency: 4 });
    const load = new AbortController();
    const seen: { status: number; body: string }[] = [];
    const clients = Array.from({ length: 8 }, async () => {
      while (!load.signal.aborted) seen.push(await ask(data, 'hello'));
    });
    for (let version = 1; version <= 5; version++) {
      const next = await data.deployment(await wrapModule(code(version)), { concurrency: 4 });
      expect(await data.pool.prepare(next, ['main'])).toMatchObject({ kind: 'ready' });
      data.route(next);
      expect(await ask(data, 'hello')).toMatchObject({ body: String(version) });
    }
    load.abort();
    await Promise.all(clients);
    expect(seen.filter(({ status }) => status !== 200)).toEqual([]);
    expect(seen.length).toBeGreaterThan(20);
    await eventually(() => data.pool.status().workers <= 2);
  });

  it('holds a prepared worker until it is released', async () => {
    const data = await start();
    const deployment = await data.deployment(await wrapModule(HELLO));
    expect(await data.pool.prepare(deployment, ['main'])).toMatchObject({
      kind: 'ready',
      conventions: { main: 'lambda' },
    });
    data.pool.keepOnly([]);
    expect(data.pool.status().workers).toBe(1);
    data.pool.release(deployment.id);
    await eventually(() => data.pool.status().workers === 0);
  });

  it('starts the functions that are named, and holds only so many of their workers', async () => {
    const data = await start();
    const deployment = await data.deployment(await wrapModule(HELLO));
    const names = Array.from({ length: MAX_HELD_WORKERS + 3 }, (_, index) => `f${index}`);
    const [main] = deployment.functions;
    if (main === undefined) throw new Error('no function');
    deployment.functions = [main, ...names.map((name) => ({ ...main, name }))];
    const prepared = await data.pool.prepare(deployment, names);
    if (prepared.kind !== 'ready') throw new Error(JSON.stringify(prepared));
    expect(Object.keys(prepared.conventions).sort()).toEqual(names.sort());
    await eventually(() => data.pool.status().workers === MAX_HELD_WORKERS);
    data.pool.release(deployment.id);
    await eventually(() => data.pool.status().workers === 0);
  });

  it('serves the first request after a prepared release without a cold start', async () => {
    const data = await start();
    const deployment = await data.deployment(await wrapModule(HELLO));
    await data.pool.prepare(deployment, ['main']);
    data.route(deployment);
    expect((await ask(data, 'hello')).headers['x-fn-cold-start']).toBeUndefined();
  });

  it('says why a deployment cannot start', async () => {
    const data = await start();
    const throws = await data.deployment(await wrapModule(`null.x`));
    expect(await data.pool.prepare(throws, ['main'])).toMatchObject({
      kind: 'failed',
      function: 'main',
      failure: { reason: 'threw', message: expect.stringContaining('TypeError') },
    });
    const empty = await data.deployment(await wrapModule(`export const x = 1`));
    expect(await data.pool.prepare(empty, ['main'])).toMatchObject({
      kind: 'failed',
      failure: {
        reason: 'no-handler',
        message: expect.stringContaining('No handler found in index.js'),
      },
    });
    await eventually(() => data.pool.status().workers === 0);
  });

  it('gives the environment of now to every request after a restart, and fails none', async () => {
    const environment = { GREETING: 'old' };
    const data = await start({ environment });
    const code = `export const handler = async () => {
      const greeting = process.env.GREETING;
      await new Promise((resolve) => setTimeout(resolve, 50));
      return greeting;
    };`;
    const { id } = await data.deploy(code, { concurrency: 2 });
    await ask(data, 'hello');
    const early = Array.from({ length: 6 }, () => ask(data, 'hello'));
    await eventually(() => data.pool.status().inFlight > 0);
    environment.GREETING = 'new';
    data.pool.restart([id, 'dep-unknown']);
    const late = await Promise.all(Array.from({ length: 6 }, () => ask(data, 'hello')));
    expect(late.map(({ body }) => body)).toEqual(Array.from({ length: 6 }, () => 'new'));
    expect((await Promise.all(early)).every(({ status }) => status === 200)).toBe(true);
  });

  it('replaces a zygote that dies', async () => {
    const data = await start({ pool: { zygotes: 2 } });
    await eventually(() => data.pool.status().zygotes === 2);
    const [victim] = data.processes.running;
    victim?.kill('SIGKILL');
    await eventually(() => data.processes.startedCount === 3 && data.pool.status().zygotes === 2);
  });
});

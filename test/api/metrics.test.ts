import { setTimeout } from 'node:timers/promises';
import { beforeAll, expect, it } from 'vitest';
import { PlatformError } from '../../src/protocol/errors.ts';
import { FIGURES, type Figures, type MetricsBatch } from '../../src/protocol/metrics.ts';
import type {
  AppMetrics,
  Metrics,
  PlatformMetrics,
} from '../../src/protocol/control-client.generated.ts';
import { QuantileSketch } from '../../src/std/quantile-sketch.ts';
import { findMetrics } from '../../src/store/metrics.ts';
import { ingestMetrics } from '../../src/telemetry/index.ts';
import { ask } from '../support/ask.ts';
import { callControl } from '../support/control-api.ts';
import { createDatabase } from '../support/database.ts';
import { createRepository, type TestRepository } from '../support/repository.ts';
import { usePlatform } from '../support/use-platform.ts';

const platform = usePlatform({ env: { FN_DATA_PROCESSES: '2' } });

const CODE = `export default (request) => {
  const { pathname } = new URL(request.url);
  if (pathname === '/throws') throw new Error('as it should');
  return new Response('hello', { status: pathname === '/fails' ? 500 : 200 });
};`;

let repository: TestRepository;
beforeAll(async () => {
  repository = await createRepository(platform(), 'counted');
  await repository.commit({ 'index.js': CODE });
  const { code, output } = await repository.push('main');
  expect(code, output).toBe(0);
});

async function read<View>(path: string, token?: string): Promise<View> {
  const { status, body } = await callControl(
    platform(),
    path,
    token === undefined ? {} : { token },
  );
  expect(status, body).toBe(200);
  return JSON.parse(body) as View;
}

/** What was counted a moment before is in it. */
const FRESH_MS = 1_000;

async function metricsOf(query = ''): Promise<Metrics> {
  await setTimeout(FRESH_MS);
  return (await read<AppMetrics>(`/apps/counted/metrics${query}`)).metrics;
}

it('has numbers for a function that nobody has invoked', async () => {
  const metrics = await metricsOf('?function=main');
  expect(new Set(Object.values(metrics))).toEqual(new Set([0]));
});

it('counts each answered request a moment later, whichever process answered it', async () => {
  for (let asked = 1; asked <= 10; asked++) {
    await ask(platform(), 'counted');
    if (asked % 5 === 0) expect((await metricsOf()).invocations).toBe(asked);
  }
  await ask(platform(), 'counted', { path: '/throws' });
  await ask(platform(), 'counted', { path: '/fails' });
  const metrics = await metricsOf();
  expect(metrics).toMatchObject({
    invocations: 12,
    errors: 1,
    throws: 1,
    serverErrors: 1,
    errorRate: 8.33,
    successRate: 91.67,
    responseBytes: 11 * 'hello'.length,
  });
  expect(metrics.p50Duration).toBeGreaterThan(0);
  expect(metrics.p99Duration).toBeGreaterThanOrEqual(metrics.p50Duration);
  expect(metrics.maxDuration).toBeGreaterThanOrEqual(metrics.p99Duration);
  expect(metrics.maxMemoryUsed).toBeGreaterThan(0);
  expect(metrics.totalCost).toBeGreaterThan(0);
});

it('tells deployments apart, by version too', async () => {
  await repository.commit({ 'index.js': `${CODE}// again` });
  await repository.push('main');
  await ask(platform(), 'counted');
  expect(await metricsOf('?version=1')).toMatchObject({ invocations: 12 });
  expect(await metricsOf('?deployment=v2')).toMatchObject({ invocations: 1 });
  expect(await metricsOf()).toMatchObject({ invocations: 13 });
  const { status } = await callControl(platform(), '/apps/counted/metrics?version=9');
  expect(status).toBe(404);
});

it('answers for a function by its id, and in all its versions or one', async () => {
  const { items } = await read<{ items: { id: string }[] }>('/functions');
  const { id } = items[0] ?? expect.fail('there is a function');
  const all = await read<{ functionId: string; metrics: Metrics }>(`/functions/${id}/metrics`);
  expect(all.functionId).toBe(id);
  expect(all.metrics).toEqual(await metricsOf());
  const first = await read<typeof all>(`/functions/counted/metrics?version=1`);
  expect(first).toMatchObject({ functionId: id, metrics: { invocations: 12 } });
});

it('sums the platform, of each token what it may see', async () => {
  const all = await read<PlatformMetrics>('/metrics');
  expect(all).toMatchObject({ apps: 1, functions: 1, metrics: { invocations: 13 } });
  expect(all.running?.workers).toBeGreaterThan(0);
  expect(all.top).toMatchObject([{ app: 'counted', function: 'main' }]);
  const repositoryOfOther = await createRepository(platform(), 'other');
  await repositoryOfOther.commit({ 'index.js': CODE });
  await repositoryOfOther.push('main');
  const created = await callControl(platform(), '/tokens', {
    method: 'POST',
    body: { name: 'other', role: 'viewer', apps: ['other'] },
  });
  const { token } = JSON.parse(created.body) as { token: string };
  const other = await read<PlatformMetrics>('/metrics', token);
  expect(other).toMatchObject({ apps: 1, functions: 0, running: null, top: [] });
  const foreign = await callControl(platform(), '/apps/counted/metrics', { token });
  expect(foreign.status).toBe(404);
});

it('is shown by fn metrics', async () => {
  const { code, output } = await repository.fn('metrics');
  expect(code, output).toBe(0);
  expect(output).toMatch(/Invocations {3}13, 0 more were refused/);
  expect(output).toMatch(/Errors {8}1 \(7.69 %\): 1 threw; answered with 5xx: 1/);
  const json = await repository.fn('metrics', '--json', '--deployment', 'v2');
  expect(JSON.parse(json.output)).toMatchObject({ metrics: { invocations: 1 } });
});

it('loses nothing, and counts nothing twice, over a restart', async () => {
  await ask(platform(), 'counted');
  await platform().restart();
  const before = await metricsOf();
  expect(before).toMatchObject({ invocations: 14 });
  // Nobody is warm behind a restart.
  await ask(platform(), 'counted');
  const after = await metricsOf();
  expect(after).toMatchObject({ invocations: 15, coldStarts: before.coldStarts + 1 });
  expect(after.avgColdStartDuration).toBeGreaterThan(0);
  expect(after.p95ColdStartDuration).toBeGreaterThan(0);
});

function batchOf(sequence: number, figures: Partial<Figures>, durations: number[]): MetricsBatch {
  const sketch = new QuantileSketch();
  for (const duration of durations) sketch.add(duration);
  const none = Object.fromEntries(FIGURES.map((name) => [name, 0])) as Figures;
  return {
    source: 'a'.repeat(16),
    sequence,
    functions: [
      {
        deployment: 'dep-1',
        functionName: 'main',
        figures: { ...none, ...figures },
        durations: sketch.encode().toString('base64'),
        coldStarts: '',
      },
    ],
  };
}

async function databaseWithDeployment() {
  const db = await createDatabase();
  await db.query(`INSERT INTO apps (id, name) VALUES ('app-1', 'hello')`);
  await db.query(`INSERT INTO deployments (id, app_id, kind, ref, commit_sha, subject, author, state, trigger)
    VALUES ('dep-1', 'app-1', 'production', 'refs/heads/main', '', '', '', 'live', 'push')`);
  const total = async () => (await findMetrics(db, { appIds: ['app-1'] }))[0];
  return { db, total };
}

it('adds a batch that comes again once, and merges the sketches of those that follow', async () => {
  const { db, total } = await databaseWithDeployment();
  const first = batchOf(1, { invocations: 2, maxDurationMs: 7 }, [5, 7]);
  await ingestMetrics(db, first);
  await ingestMetrics(db, first);
  await ingestMetrics(db, batchOf(2, { invocations: 1, maxDurationMs: 6 }, [6]));
  await ingestMetrics(db, first);
  const found = await total();
  expect(found?.figures).toMatchObject({ invocations: 3, maxDurationMs: 7 });
  expect(found?.durations.count).toBe(3);
  const one = await findMetrics(db, { appIds: null, deployment: 'dep-1' });
  expect(one[0]?.figures).toEqual(found?.figures);
});

it('keeps each figure apart from all others, and from the sketches', async () => {
  const { db, total } = await databaseWithDeployment();
  const figures = Object.fromEntries(FIGURES.map((name, at) => [name, at + 1])) as Figures;
  const sketch = new QuantileSketch();
  for (const coldStartMs of [4, 5, 6]) sketch.add(coldStartMs);
  const coldStarts = sketch.encode().toString('base64');
  const { functions, ...batch } = batchOf(1, figures, [5, 7]);
  await ingestMetrics(db, {
    ...batch,
    functions: functions.map((one) => ({ ...one, coldStarts })),
  });
  const found = await total();
  expect(found?.figures).toEqual(figures);
  expect(found?.durations.count).toBe(2);
  expect(found?.coldStarts.count).toBe(3);
});

it('adds what several processes send at the same time', async () => {
  const { db, total } = await databaseWithDeployment();
  const sources = Array.from('abcdefgh', (letter) => letter.repeat(16));
  await Promise.all(
    sources.map((source) => ingestMetrics(db, { ...batchOf(1, { invocations: 1 }, [5]), source })),
  );
  const found = await total();
  expect(found?.figures.invocations).toBe(sources.length);
  expect(found?.durations.count).toBe(sources.length);
});

it.each([
  ['a figure that is none', { invocations: Number.NaN }],
  ['a negative one', { invocations: -1 }],
  ['one beyond all that is counted', { durationMs: 1e300 }],
])('leaves out %s, and takes the batch', async (_what, figures) => {
  const { db, total } = await databaseWithDeployment();
  await ingestMetrics(db, batchOf(1, figures, []));
  expect(await total()).toBeUndefined();
});

it('takes no batch that is none, and forgets metrics with their app', async () => {
  const { db, total } = await databaseWithDeployment();
  for (const batch of [null, {}, { ...batchOf(1, {}, []), source: 'x' }]) {
    await expect(ingestMetrics(db, batch as MetricsBatch)).rejects.toThrow(PlatformError);
  }
  const unknown = batchOf(1, { invocations: 1 }, [1]);
  for (const one of unknown.functions) one.deployment = 'dep-of-nobody';
  await ingestMetrics(db, unknown);
  expect(await total()).toBeUndefined();
  await ingestMetrics(db, batchOf(2, { invocations: 1 }, [1]));
  await db.query(`DELETE FROM deployments`);
  await db.query(`DELETE FROM apps`);
  expect(await total()).toBeUndefined();
});

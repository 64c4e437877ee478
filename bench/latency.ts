/**
 * The time that the platform adds to a request while it has half of the load that it could take: an open loop asks
 * the platform, a bare node:http server and its peers at the same times, and what counts is the difference to bare
 * within each round.
 */
import { startPlatform } from '../test/support/platform.ts';
import { DeployedApp } from './support/deployed-app.ts';
import {
  clientLatenessMs,
  type OpenLoop,
  type OpenLoopPlan,
  startOpenLoop,
  tookMsOf,
} from './support/open-loop.ts';
import { startAlone, startBehindNginx } from './support/peers.ts';
import type { BenchResult, BenchRow } from './support/result.ts';
import { median, percentile, spread } from './support/statistics.ts';
import { type LoadTarget, runWrk } from './support/wrk.ts';

const ROUNDS = 9;
const SECONDS = 3;
const CONNECTIONS = 64;
const WARM_UP_SECONDS = 2;
const CAPACITY_ROUNDS = 3;
const LAMBDA = `export const handler = async () => ({ statusCode: 200, body: { message: 'Hello World' } });\n`;
const REFERENCE = 'bare node:http';
const OURS = 'gitfn, Lambda handler';

interface Measured {
  p50Ms: number;
  p99Ms: number;
  clientLateMs: number;
  failures: number;
}

export async function benchLatency(): Promise<BenchResult> {
  await using cleanup = new AsyncDisposableStack();
  const targets = await startTargets(cleanup);
  const perSecond = await halfLoad(targets);
  const loop = await startOpenLoop();
  cleanup.defer(() => loop.close());
  const plan = (seconds: number): OpenLoopPlan => ({
    phases: [{ perSecond, seconds }],
    connections: CONNECTIONS,
  });
  const runs = new Map<string, Measured[]>(Object.keys(targets).map((name) => [name, []]));
  for (const target of Object.values(targets)) await loop.run(target, plan(WARM_UP_SECONDS));
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, target] of Object.entries(targets)) {
      runs.get(name)?.push(await measure(loop, target, plan(SECONDS)));
    }
  }
  const reference = runs.get(REFERENCE) ?? [];
  return {
    name: 'latency',
    about: `hello, open loop at ${perSecond}/s (half of what gitfn takes), ${CONNECTIONS} connections, ${ROUNDS} interleaved rounds of ${SECONDS} s`,
    rows: [...runs].map(([name, results]) => rowOf(name, results, reference)),
  };
}

async function startTargets(cleanup: AsyncDisposableStack): Promise<Record<string, LoadTarget>> {
  const platform = cleanup.use(await startPlatform());
  const app = await DeployedApp.create(platform, 'lambda');
  cleanup.defer(() => app.dispose());
  await app.commitCode(LAMBDA, 'Hello');
  await app.push();
  return {
    [REFERENCE]: await startAlone(cleanup, 'node-server.ts'),
    'nginx → node': await startBehindNginx(cleanup, 'node-server.ts'),
    [OURS]: { port: platform.port, host: app.host },
  };
}

/** Requests per second. */
async function halfLoad(targets: Record<string, LoadTarget>): Promise<number> {
  const ours = targets[OURS];
  if (ours === undefined) throw new Error(`${OURS} is not among the targets`);
  const rates: number[] = [];
  for (let round = 0; round <= CAPACITY_ROUNDS; round++) {
    const { requestsPerSecond } = await runWrk(ours, { connections: CONNECTIONS, seconds: 1 });
    if (round > 0) rates.push(requestsPerSecond); // The first warms up.
  }
  return Math.round(median(rates) / 2);
}

async function measure(loop: OpenLoop, target: LoadTarget, plan: OpenLoopPlan): Promise<Measured> {
  const outcomes = await loop.run(target, plan);
  const tookMs = tookMsOf(outcomes, { status: 200 });
  return {
    p50Ms: percentile(tookMs, 50),
    p99Ms: percentile(tookMs, 99),
    clientLateMs: clientLatenessMs(outcomes),
    failures: outcomes.dueMs.length - tookMs.length,
  };
}

function rowOf(name: string, results: Measured[], reference: Measured[]): BenchRow {
  const added = (key: 'p50Ms' | 'p99Ms'): number[] =>
    results.map((result, round) => result[key] - (reference[round]?.[key] ?? NaN));
  const medianOf = (key: keyof Measured): number =>
    Number(median(results.map((result) => result[key])).toFixed(2));
  return {
    name,
    columns: {
      'p50 ms': medianOf('p50Ms'),
      'added p50 ms': Number(median(added('p50Ms')).toFixed(2)),
      'p50 spread': spread(added('p50Ms')),
      'p99 ms': medianOf('p99Ms'),
      'added p99 ms': Number(median(added('p99Ms')).toFixed(2)),
      'p99 spread': spread(added('p99Ms')),
      'client late p99 ms': medianOf('clientLateMs'),
      failures: results.reduce((sum, { failures }) => sum + failures, 0),
    },
    raw: {
      p50Ms: results.map(({ p50Ms }) => p50Ms),
      p99Ms: results.map(({ p99Ms }) => p99Ms),
      clientLateMs: results.map(({ clientLateMs }) => clientLateMs),
    },
  };
}

/**
 * The time that the platform adds to a request while it has half of the load that it could take, and a quarter and an eighth,
 * where the client leaves more of the processors to whom it asks: an open loop asks the platform, a bare node:http
 * server and its peers at the same times, and what counts is the difference to bare within each round.
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

/** What capacity is divided by, and what that is called. */
const LOADS = [
  [2, 'half load'],
  [4, 'a quarter'],
  [8, 'an eighth'],
] as const;
const ROUNDS = 9;
const SECONDS = 2;
const CONNECTIONS = 64;
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
  const capacity = await capacityOf(targets);
  const loop = await startOpenLoop();
  cleanup.defer(() => loop.close());
  const runs = new Map<string, Measured[]>();
  for (let round = -1; round < ROUNDS; round++) {
    for (const [divisor, load] of LOADS) {
      const phases = [{ perSecond: Math.round(capacity / divisor), seconds: SECONDS }];
      for (const [name, target] of Object.entries(targets)) {
        const measured = await measure(loop, target, { phases, connections: CONNECTIONS });
        if (round < 0) continue; // Warms up.
        const row = `${name}, ${load}`;
        runs.set(row, [...(runs.get(row) ?? []), measured]);
      }
    }
  }
  return {
    name: 'latency',
    about: `hello, open loop at a half (${Math.round(capacity / 2)}/s), a quarter and an eighth of what gitfn takes, ${CONNECTIONS} connections, ${ROUNDS} interleaved rounds of ${SECONDS} s each`,
    rows: LOADS.flatMap(([, load]) => {
      const reference = runs.get(`${REFERENCE}, ${load}`) ?? [];
      return Object.keys(targets).map((name) => {
        const row = `${name}, ${load}`;
        return rowOf(row, runs.get(row) ?? [], reference);
      });
    }),
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
async function capacityOf(targets: Record<string, LoadTarget>): Promise<number> {
  const ours = targets[OURS];
  if (ours === undefined) throw new Error(`${OURS} is not among the targets`);
  const rates: number[] = [];
  for (let round = 0; round <= CAPACITY_ROUNDS; round++) {
    const { requestsPerSecond } = await runWrk(ours, { connections: CONNECTIONS, seconds: 1 });
    if (round > 0) rates.push(requestsPerSecond); // The first warms up.
  }
  return median(rates);
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

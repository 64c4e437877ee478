/**
 * Reads of the control API, 200 a second in an open loop, beside functions: how long they take while functions have half of
 * the load that they could take, and what they leave of the functions' throughput. The client of the reads shares the
 * machine, so it asks as often where there are none: then for what the door itself answers.
 */
import { startPlatform } from '../test/support/platform.ts';
import { DeployedApp } from './support/deployed-app.ts';
import {
  clientLatenessMs,
  type OpenLoop,
  type OpenLoopTarget,
  startOpenLoop,
  tookMsOf,
} from './support/open-loop.ts';
import type { BenchResult, BenchRow } from './support/result.ts';
import { median, percentile, spread } from './support/statistics.ts';
import { type LoadTarget, runWrk } from './support/wrk.ts';

const READS_PER_SECOND = 200;
const ROUNDS = 4;
const SECONDS = 2;
const CONNECTIONS = 64;
const READING_CONNECTIONS = 8;
const CAPACITY_ROUNDS = 3;
const LAMBDA = `export const handler = async () => ({ statusCode: 200, body: { message: 'Hello World' } });\n`;
const READS = {
  apps: '/apps',
  'one app': '/apps/lambda',
  releases: '/apps/lambda/deployments',
  'metrics of a function': '/functions/lambda/metrics',
};
const THE_DOOR_ITSELF = '/healthz';

interface Measured {
  tookMs: number[];
  clientLateMs: number;
  failures: number;
}

interface Bench {
  functions: LoadTarget;
  control: OpenLoopTarget;
  /** Of the functions, and of the reads. */
  loops: { functions: OpenLoop; reads: OpenLoop };
}

export async function benchApi(): Promise<BenchResult> {
  await using cleanup = new AsyncDisposableStack();
  const bench = await start(cleanup);
  const capacity = await capacityOf(bench.functions);
  const reads = new Map<string, Measured[]>();
  const beside: number[] = [];
  const without: number[] = [];
  for (let round = -1; round < ROUNDS; round++) {
    for (const [name, path] of Object.entries(READS)) {
      const measured = await readAtHalfLoad(bench, path, capacity / 2);
      // The first warms up.
      if (round >= 0) reads.set(name, [...(reads.get(name) ?? []), measured]);
    }
    const path = Object.values(READS)[(round + 1) % Object.keys(READS).length] ?? '';
    const rates = [await throughput(bench, path), await throughput(bench, THE_DOOR_ITSELF)];
    if (round < 0) continue;
    beside.push(rates[0] ?? NaN);
    without.push(rates[1] ?? NaN);
  }
  return {
    name: 'api',
    about: `${READS_PER_SECOND} reads a second; half load is ${Math.round(capacity / 2)}/s of hello, ${CONNECTIONS} connections; ${ROUNDS} interleaved rounds of ${SECONDS} s each`,
    rows: [
      ...[...reads].map(([name, rounds]) => readRow(name, rounds)),
      readRow('all reads', [...reads.values()].flat()),
      throughputRow(beside, without),
    ],
  };
}

async function start(cleanup: AsyncDisposableStack): Promise<Bench> {
  const platform = cleanup.use(await startPlatform());
  const app = await DeployedApp.create(platform, 'lambda');
  cleanup.defer(() => app.dispose());
  await app.commitCode(LAMBDA, 'Hello');
  await app.push();
  const functions = await startOpenLoop();
  cleanup.defer(() => functions.close());
  const reads = await startOpenLoop();
  cleanup.defer(() => reads.close());
  const { port, adminToken } = platform;
  return {
    functions: { port, host: app.host },
    control: { port, host: `localhost:${port}`, authorization: `Bearer ${adminToken}` },
    loops: { functions, reads },
  };
}

/** Requests per second. */
async function capacityOf(target: LoadTarget): Promise<number> {
  const rates: number[] = [];
  for (let round = 0; round <= CAPACITY_ROUNDS; round++) {
    const { requestsPerSecond } = await runWrk(target, { connections: CONNECTIONS, seconds: 1 });
    if (round > 0) rates.push(requestsPerSecond); // The first warms up.
  }
  return median(rates);
}

function read({ control, loops }: Bench, path: string): ReturnType<OpenLoop['run']> {
  const phases = [{ perSecond: READS_PER_SECOND, seconds: SECONDS }];
  return loops.reads.run({ ...control, path }, { phases, connections: READING_CONNECTIONS });
}

async function readAtHalfLoad(bench: Bench, path: string, perSecond: number): Promise<Measured> {
  const phases = [{ perSecond: Math.round(perSecond), seconds: SECONDS }];
  const plan = { phases, connections: CONNECTIONS };
  const [outcomes] = await Promise.all([
    read(bench, path),
    bench.loops.functions.run(bench.functions, plan),
  ]);
  const tookMs = tookMsOf(outcomes, { status: 200 });
  return {
    tookMs,
    clientLateMs: clientLatenessMs(outcomes),
    failures: outcomes.dueMs.length - tookMs.length,
  };
}

/** Of functions, in requests per second, while `path` is read. */
async function throughput(bench: Bench, path: string): Promise<number> {
  const [{ requestsPerSecond }] = await Promise.all([
    runWrk(bench.functions, { connections: CONNECTIONS, seconds: SECONDS }),
    read(bench, path),
  ]);
  return requestsPerSecond;
}

function readRow(name: string, rounds: readonly Measured[]): BenchRow {
  const tookMs = rounds.flatMap((round) => round.tookMs);
  const p99Ms = rounds.map((round) => percentile(round.tookMs, 99));
  return {
    name,
    columns: {
      'p50 ms': Number(percentile(tookMs, 50).toFixed(2)),
      'p99 ms': Number(percentile(tookMs, 99).toFixed(2)),
      'client late p99 ms': Number(
        median(rounds.map(({ clientLateMs }) => clientLateMs)).toFixed(2),
      ),
      failures: rounds.reduce((sum, { failures }) => sum + failures, 0),
      '× without': '',
      spread: spread(p99Ms),
    },
    raw: { p99Ms },
  };
}

function throughputRow(beside: readonly number[], without: readonly number[]): BenchRow {
  const ratios = beside.map((rate, round) => rate / (without[round] ?? NaN));
  return {
    name: 'functions beside the reads',
    columns: {
      'p50 ms': '',
      'p99 ms': '',
      'client late p99 ms': '',
      failures: 0,
      '× without': Number(median(ratios).toFixed(3)),
      spread: spread(ratios),
    },
    raw: { beside, without },
  };
}

/**
 * Reads of the control API, 200 a second in an open loop, beside functions: how long they take while functions have half of
 * the load that they could take (the column says how much of that was answered), and what they leave of the functions' throughput. The client of the reads shares the
 * machine, so it asks as often where there are none: then for what the door itself answers.
 */
import { startPlatform } from '../test/support/platform.ts';
import { DeployedApp } from './support/deployed-app.ts';
import { runPlainH2load } from './support/h2load.ts';
import {
  clientLatenessMs,
  type OpenLoop,
  type OpenLoopTarget,
  startOpenLoop,
  tookMsOf,
} from './support/open-loop.ts';
import { processorUs } from './support/processor-time.ts';
import type { BenchResult, BenchRow } from './support/result.ts';
import { median, percentile, spread } from './support/statistics.ts';
import { type LoadTarget, runWrk } from './support/wrk.ts';

const READS_PER_SECOND = 200;
const ROUNDS = 7;
const SECONDS = 2;
const CONNECTIONS = 64;
const READING_CONNECTIONS = 8;
/** A hundredth of what a read may take; much shorter ones take so much of the processor that they are measured themselves. */
const NAP_MS = 0.25;
const CAPACITY_ROUNDS = 3;
const LAMBDA = `export const handler = async () => ({ statusCode: 200, body: { message: 'Hello World' } });\n`;
const READS = {
  apps: '/apps',
  'one app': '/apps/lambda',
  releases: '/apps/lambda/deployments',
  'metrics of a function': '/functions/lambda/metrics',
};
/** Words in the command lines of processes. */
const CONTROL = ['programs/control.mjs'];
const DATABASE = ['postgres'];
/** What a read takes of which the door knows the answer: the machine's part in all others. */
const THE_DOOR_ITSELF = '/healthz';

interface Measured {
  tookMs: number[];
  /** Of functions, of what was asked for. */
  answeredPart: number;
  /** Processor time that a read takes. */
  controlUs: number;
  databaseUs: number;
  clientLateMs: number;
  failures: number;
}

interface Bench {
  functions: LoadTarget;
  control: OpenLoopTarget;
  reads: OpenLoop;
}

export async function benchApi(): Promise<BenchResult> {
  await using cleanup = new AsyncDisposableStack();
  const bench = await start(cleanup);
  const capacity = await capacityOf(bench.functions);
  const reads = new Map<string, Measured[]>();
  const beside: number[] = [];
  const without: number[] = [];
  for (let round = -1; round < ROUNDS; round++) {
    for (const [name, path] of Object.entries({ 'the door itself': THE_DOOR_ITSELF, ...READS })) {
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
      readRow(
        'all reads',
        Object.keys(READS).flatMap((name) => reads.get(name) ?? []),
      ),
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
  const reads = await startOpenLoop();
  cleanup.defer(() => reads.close());
  const { port, adminToken } = platform;
  return {
    functions: { port, host: app.host },
    control: { port, host: `localhost:${port}`, authorization: `Bearer ${adminToken}` },
    reads,
  };
}

/** Requests per second, from the client that then asks for half: another takes another part of the machine. */
async function capacityOf(target: LoadTarget): Promise<number> {
  const rates: number[] = [];
  for (let round = 0; round <= CAPACITY_ROUNDS; round++) {
    const { requestsPerSecond } = await runPlainH2load(target, { seconds: 1 });
    if (round > 0) rates.push(requestsPerSecond); // The first warms up.
  }
  return median(rates);
}

function read({ control, reads }: Bench, path: string): ReturnType<OpenLoop['run']> {
  const phases = [{ perSecond: READS_PER_SECOND, seconds: SECONDS }];
  return reads.run(
    { ...control, path },
    { phases, connections: READING_CONNECTIONS, napMs: NAP_MS },
  );
}

async function readAtHalfLoad(bench: Bench, path: string, perSecond: number): Promise<Measured> {
  const usedUs = () => ({ control: processorUs(CONTROL), database: processorUs(DATABASE) });
  const before = usedUs();
  const [outcomes, functions] = await Promise.all([
    read(bench, path),
    runPlainH2load(bench.functions, { perSecond, seconds: SECONDS }),
  ]);
  const after = usedUs();
  const tookMs = tookMsOf(outcomes, { status: 200 });
  return {
    tookMs,
    clientLateMs: clientLatenessMs(outcomes),
    controlUs: (after.control - before.control) / outcomes.dueMs.length,
    databaseUs: (after.database - before.database) / outcomes.dueMs.length,
    answeredPart: functions.requestsPerSecond / perSecond,
    failures: outcomes.dueMs.length - tookMs.length + functions.failures,
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
      'control µs': Math.round(median(rounds.map(({ controlUs }) => controlUs))),
      'database µs': Math.round(median(rounds.map(({ databaseUs }) => databaseUs))),
      'half load': Number(median(rounds.map(({ answeredPart }) => answeredPart)).toFixed(2)),
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
      'control µs': '',
      'database µs': '',
      'half load': '',
      failures: 0,
      '× without': Number(median(ratios).toFixed(3)),
      spread: spread(ratios),
    },
    raw: { beside, without },
  };
}

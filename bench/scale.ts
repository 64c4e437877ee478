/**
 * What many routes cost: throughput and p99 of one warm function while the door routes ten deployments, a thousand and
 * ten thousand, interleaved, and what it takes the door to replace its routes; there the door and the pool run in this
 * process. And what a second data process brings: the same of two whole platforms, with one and with two, and what a push
 * feels of the load, and the load of a push. `scale:routes` and `scale:processes` are the parts.
 */
import type { ServedDeployment } from '../src/model/served.ts';
import type { Snapshot } from '../src/protocol/snapshot.ts';
import { type DataPlane, startDataPlane } from '../test/support/data-plane.ts';
import { servedDeployment } from '../test/support/function-code.ts';
import { measureProcesses } from './support/process-rounds.ts';
import type { BenchResult, BenchRow } from './support/result.ts';
import { median, spread } from './support/statistics.ts';
import { type LoadResult, runWrk } from './support/wrk.ts';
import { PUBLIC_ACCESS } from '../test/support/public-access.ts';

const SIZES = [10, 1_000, 10_000] as const;
const [SMALLEST] = SIZES;
const ROUNDS = 9;
/** Each has a push as well. */
const PROCESS_ROUNDS = 7;
const SECONDS = 2;
const CONNECTIONS = 64;
/** Of an app: production, and the rest branches. */
const DEPLOYMENTS_PER_APP = 10;
const CODE = `export const handler = async () => ({ statusCode: 200, body: { message: 'Hello World' } });`;
const APP = 'warm';
/** Nobody pushes while routes are measured. */
const NO_PUSH = { 'p99 ms beside a push': '', 'push to live ms': '', 'failures beside a push': '' };

interface Measured extends LoadResult {
  replaceMs: number;
}

export async function benchScale(part?: string): Promise<BenchResult> {
  return {
    name: 'scale',
    about: `one warm hello, ${CONNECTIONS} connections, interleaved rounds of ${SECONDS} s, ${ROUNDS} of routes and ${PROCESS_ROUNDS} of data processes`,
    rows: [
      ...(part === 'processes' ? [] : await routeRows()),
      ...(part === 'routes' ? [] : await processRows()),
    ],
  };
}

async function routeRows(): Promise<BenchRow[]> {
  const plane = await startDataPlane();
  try {
    const warm = await plane.deploy(CODE, { concurrency: CONNECTIONS }, APP);
    const tables = new Map(SIZES.map((size) => [size, routesOf(warm, size)]));
    const runs = new Map<number, Measured[]>(SIZES.map((size) => [size, []]));
    for (let round = -1; round < ROUNDS; round++) {
      for (const [size, routes] of tables) {
        const measured = await measure(plane, { ...routes, generation: generationOf(round, size) });
        if (round >= 0) runs.get(size)?.push(measured); // The first warms up.
      }
    }
    const reference = runs.get(SMALLEST) ?? [];
    return [...runs].map(([size, results]) => {
      const replaceMs = results.map((result) => result.replaceMs);
      const { columns, raw } = loadOf(results, reference);
      return {
        name: `${size.toLocaleString('en')} routes`,
        columns: { ...columns, 'replaced in ms': rounded(replaceMs), ...NO_PUSH },
        raw: { ...raw, replaceMs },
      };
    });
  } finally {
    await plane.close();
  }
}

async function processRows(): Promise<BenchRow[]> {
  const load = { connections: CONNECTIONS, seconds: SECONDS };
  const runs = await measureProcesses(PROCESS_ROUNDS, load);
  const reference = runs.get(1) ?? [];
  return [...runs].map(([processes, results]) => {
    const { columns, raw } = loadOf(results, reference);
    const pushP99Ms = results.map((result) => result.pushP99Ms);
    const pushToLiveMs = results.map((result) => result.pushToLiveMs);
    const pushFailures = results.reduce((sum, result) => sum + result.pushFailures, 0);
    return {
      name: processes === 1 ? '1 data process' : `${processes} data processes`,
      columns: {
        ...columns,
        'replaced in ms': '',
        'p99 ms beside a push': rounded(pushP99Ms),
        'push to live ms': Math.round(median(pushToLiveMs)),
        'failures beside a push': pushFailures,
      },
      raw: { ...raw, pushP99Ms, pushToLiveMs },
    };
  });
}

/** Later ones are greater, and greater than that of the first deploy. */
function generationOf(round: number, size: number): number {
  return (round + 2) * 10 + SIZES.findIndex((one) => one === size);
}

function routesOf(warm: ServedDeployment, size: number): Omit<Snapshot, 'generation'> {
  const deployments = [warm];
  const access = PUBLIC_ACCESS;
  const apps = [
    { name: APP, access, production: warm.id, slugs: {}, commits: { [warm.commit]: warm.id } },
  ];
  while (deployments.length < size) {
    const name = `app-${apps.length}`;
    const count = Math.min(DEPLOYMENTS_PER_APP, size - deployments.length);
    const own = Array.from({ length: count }, () =>
      servedDeployment({ bundle: warm.bundle, appName: name }),
    );
    const slugs = Object.fromEntries(own.map(({ id }, index) => [`branch-${index}`, id]));
    apps.push({ name, access, production: own[0]?.id ?? '', slugs, commits: {} });
    deployments.push(...own);
  }
  return { apps, deployments };
}

async function measure({ door, pool, port }: DataPlane, snapshot: Snapshot): Promise<Measured> {
  const beganAt = performance.now();
  door.applySnapshot(snapshot);
  pool.keepOnly(snapshot.deployments);
  const replaceMs = performance.now() - beganAt;
  const target = { port, host: `${APP}.localhost` };
  return {
    replaceMs,
    ...(await runWrk(target, { connections: CONNECTIONS, seconds: SECONDS })),
  };
}

/** Beside what the first of its kind had in the same round. */
function loadOf(
  results: readonly LoadResult[],
  reference: readonly LoadResult[],
): Required<Pick<BenchRow, 'columns' | 'raw'>> {
  const rates = results.map(({ requestsPerSecond }) => requestsPerSecond);
  const p99Ms = results.map((result) => result.p99Ms);
  const rateRatios = rates.map(
    (rate, round) => rate / (reference[round]?.requestsPerSecond ?? NaN),
  );
  const p99Ratios = p99Ms.map((ms, round) => ms / (reference[round]?.p99Ms ?? NaN));
  return {
    columns: {
      'req/s': Math.round(median(rates)),
      '× first': Number(median(rateRatios).toFixed(2)),
      spread: spread(rateRatios),
      'p99 ms': Number(median(p99Ms).toFixed(2)),
      'p99 × first': Number(median(p99Ratios).toFixed(2)),
      failures: results.reduce((sum, { failures }) => sum + failures, 0),
    },
    raw: { requestsPerSecond: rates, p99Ms },
  };
}

function rounded(values: readonly number[]): number {
  return Number(median(values).toFixed(1));
}

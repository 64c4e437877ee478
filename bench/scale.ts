/**
 * What many routes cost: throughput and p99 of one warm function while the door routes ten deployments, a thousand and
 * ten thousand, interleaved, and what it takes the door to replace its routes. The door and the pool run in this process, which is one data process: there are no several yet.
 */
import type { ServedDeployment } from '../src/model/served.ts';
import type { Snapshot } from '../src/protocol/snapshot.ts';
import { type DataPlane, startDataPlane } from '../test/support/data-plane.ts';
import { servedDeployment } from '../test/support/function-code.ts';
import type { BenchResult, BenchRow } from './support/result.ts';
import { median, spread } from './support/statistics.ts';
import { type LoadResult, runWrk } from './support/wrk.ts';

const SIZES = [10, 1_000, 10_000] as const;
const [SMALLEST] = SIZES;
const ROUNDS = 9;
const SECONDS = 2;
const CONNECTIONS = 64;
/** Of an app: production, and the rest branches. */
const DEPLOYMENTS_PER_APP = 10;
const CODE = `export const handler = async () => ({ statusCode: 200, body: { message: 'Hello World' } });`;
const APP = 'warm';

interface Measured extends LoadResult {
  replaceMs: number;
}

export async function benchScale(): Promise<BenchResult> {
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
    return {
      name: 'scale',
      about: `one warm hello, ${CONNECTIONS} connections, ${ROUNDS} interleaved rounds of ${SECONDS} s`,
      rows: [...runs].map(([size, results]) => rowOf(size, results, runs.get(SMALLEST) ?? [])),
    };
  } finally {
    await plane.close();
  }
}

/** Later ones are greater, and greater than that of the first deploy. */
function generationOf(round: number, size: number): number {
  return (round + 2) * 10 + SIZES.findIndex((one) => one === size);
}

function routesOf(warm: ServedDeployment, size: number): Omit<Snapshot, 'generation'> {
  const deployments = [warm];
  const apps = [{ name: APP, production: warm.id, slugs: {}, commits: { [warm.commit]: warm.id } }];
  while (deployments.length < size) {
    const name = `app-${apps.length}`;
    const count = Math.min(DEPLOYMENTS_PER_APP, size - deployments.length);
    const own = Array.from({ length: count }, () =>
      servedDeployment({ bundle: warm.bundle, appName: name }),
    );
    const slugs = Object.fromEntries(own.map(({ id }, index) => [`branch-${index}`, id]));
    apps.push({ name, production: own[0]?.id ?? '', slugs, commits: {} });
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

function rowOf(size: number, results: Measured[], reference: Measured[]): BenchRow {
  const rates = results.map(({ requestsPerSecond }) => requestsPerSecond);
  const p99Ms = results.map((result) => result.p99Ms);
  const replaceMs = results.map((result) => result.replaceMs);
  const rateRatios = rates.map(
    (rate, round) => rate / (reference[round]?.requestsPerSecond ?? NaN),
  );
  const p99Ratios = p99Ms.map((ms, round) => ms / (reference[round]?.p99Ms ?? NaN));
  return {
    name: `${size.toLocaleString('en')} routes`,
    columns: {
      'req/s': Math.round(median(rates)),
      [`× ${SMALLEST} routes`]: Number(median(rateRatios).toFixed(2)),
      spread: spread(rateRatios),
      'p99 ms': Number(median(p99Ms).toFixed(2)),
      [`p99 × ${SMALLEST} routes`]: Number(median(p99Ratios).toFixed(2)),
      'replaced in ms': Number(median(replaceMs).toFixed(1)),
      failures: results.reduce((sum, { failures }) => sum + failures, 0),
    },
    raw: { requestsPerSecond: rates, p99Ms, replaceMs },
  };
}

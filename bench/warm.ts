/**
 * Warm throughput at 64 connections: functions behind the platform, a Lambda handler beside a plain node:http server and
 * the same server behind nginx, and a web handler that reads its URL and a header beside the same handler on
 * @hono/node-server, alone and behind the same nginx. Runs are interleaved, and what counts is the ratio within each round, since the machine's
 * speed drifts.
 */
import { startPlatform } from '../test/support/platform.ts';
import { DeployedApp } from './support/deployed-app.ts';
import type { BenchResult, BenchRow } from './support/result.ts';
import { median, spread } from './support/statistics.ts';
import { startAlone, startBehindNginx } from './support/peers.ts';
import { runWrk, type LoadResult, type LoadTarget } from './support/wrk.ts';

const ROUNDS = 21;
const SECONDS = 2;
const CONNECTIONS = 64;
const LAMBDA = `export const handler = async () => ({ statusCode: 200, body: { message: 'Hello World' } });\n`;
/** What bench/peers/hono-server.ts answers. */
const WEB = `export default (request) => {
  const { pathname } = new URL(request.url);
  const isKnown = request.headers.get('host') !== null && pathname === '/';
  return Response.json({ message: isKnown ? 'Hello World' : 'Hello' });
};
`;
const HONO = '@hono/node-server';
/** What each rate is divided by. */
const REFERENCES = ['nginx → node', HONO, `nginx → ${HONO}`];

export async function benchWarm(): Promise<BenchResult> {
  await using cleanup = new AsyncDisposableStack();
  const targets = await startTargets(cleanup);
  const runs = new Map<string, LoadResult[]>();
  for (const [name, target] of targets) {
    runs.set(name, []);
    await runWrk(target, { connections: CONNECTIONS, seconds: 1 });
  }
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, target] of targets) {
      const result = await runWrk(target, { connections: CONNECTIONS, seconds: SECONDS });
      runs.get(name)?.push(result);
    }
  }
  return {
    name: 'warm',
    about: `hello, ${CONNECTIONS} connections, ${ROUNDS} interleaved rounds of ${SECONDS} s`,
    rows: [...runs].map(([name, results]) => rowOf(name, results, runs)),
  };
}

async function startTargets(cleanup: AsyncDisposableStack): Promise<Map<string, LoadTarget>> {
  const bare = await startAlone(cleanup, 'node-server.ts');
  const behindNginx = await startBehindNginx(cleanup, 'node-server.ts');
  const hono = await startAlone(cleanup, 'hono-server.ts');
  const honoBehindNginx = await startBehindNginx(cleanup, 'hono-server.ts');
  const platform = cleanup.use(await startPlatform());
  const { port } = platform;
  for (const [name, code] of [
    ['lambda', LAMBDA],
    ['web', WEB],
  ] as const) {
    const app = await DeployedApp.create(platform, name);
    cleanup.defer(() => app.dispose());
    await app.commitCode(code, name);
    await app.push();
  }

  return new Map<string, LoadTarget>([
    ['bare node:http', bare],
    ['nginx → node', behindNginx],
    [HONO, hono],
    [`nginx → ${HONO}`, honoBehindNginx],
    ['gitfn, Lambda handler', { port, host: 'lambda.localhost' }],
    ['gitfn, web handler', { port, host: 'web.localhost' }],
  ]);
}

function rowOf(
  name: string,
  results: LoadResult[],
  runs: ReadonlyMap<string, LoadResult[]>,
): BenchRow {
  const rates = results.map(({ requestsPerSecond }) => requestsPerSecond);
  const columns: BenchRow['columns'] = {
    'req/s': Math.round(median(rates)),
    'p99 ms': Number(median(results.map(({ p99Ms }) => p99Ms)).toFixed(2)),
  };
  for (const reference of REFERENCES) {
    const others = runs.get(reference) ?? [];
    const ratios = rates.map((rate, round) => rate / (others[round]?.requestsPerSecond ?? NaN));
    columns[`× ${reference}`] = Number(median(ratios).toFixed(2));
    columns[`spread of × ${reference}`] = spread(ratios);
  }
  columns['failures'] = results.reduce((sum, { failures }) => sum + failures, 0);
  return { name, columns };
}

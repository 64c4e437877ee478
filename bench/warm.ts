/**
 * Warm throughput at 64 connections: a function behind the platform, beside a plain node:http server and the same
 * server behind nginx. Runs are interleaved, and what counts is the ratio within each round, since the machine's
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
const WEB = `export default () => Response.json({ message: 'Hello World' });\n`;
const REFERENCE = 'nginx → node';

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
    rows: [...runs].map(([name, results]) => rowOf(name, results, runs.get(REFERENCE) ?? [])),
  };
}

async function startTargets(cleanup: AsyncDisposableStack): Promise<Map<string, LoadTarget>> {
  const bare = await startAlone(cleanup, 'node-server.ts');
  const behindNginx = await startBehindNginx(cleanup, 'node-server.ts');
  const platform = cleanup.use(await startPlatform());
  const { port } = platform;
  for (const [name, code] of [
    ['lambda', LAMBDA],
    ['web', WEB],
  ] as const) {
    const app = await DeployedApp.create(platform, name);
    cleanup.defer(() => app.dispose());
    await app.commitCode(code, name);
    await app.git('push', '-q', 'fn', 'main');
  }

  return new Map<string, LoadTarget>([
    ['bare node:http', bare],
    [REFERENCE, behindNginx],
    ['gitfn, Lambda handler', { port, host: 'lambda.localhost' }],
    ['gitfn, web handler', { port, host: 'web.localhost' }],
  ]);
}

function rowOf(name: string, results: LoadResult[], reference: LoadResult[]): BenchRow {
  const rates = results.map(({ requestsPerSecond }) => requestsPerSecond);
  const ratios = rates.map((rate, round) => rate / (reference[round]?.requestsPerSecond ?? NaN));
  return {
    name,
    columns: {
      'req/s': Math.round(median(rates)),
      'p99 ms': Number(median(results.map(({ p99Ms }) => p99Ms)).toFixed(2)),
      [`× ${REFERENCE}`]: Number(median(ratios).toFixed(2)),
      spread: spread(ratios),
      failures: results.reduce((sum, { failures }) => sum + failures, 0),
    },
  };
}

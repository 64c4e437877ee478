/** The first requests to 50 sleeping deployments at one instant: none may fail, and the last must not wait long. */
import http from 'node:http';
import { once } from 'node:events';
import { startPlatform } from '../test/support/platform.ts';
import { deployFleet, restartAsleep } from './support/cold-fleet.ts';
import type { BenchResult, BenchRow } from './support/result.ts';
import { median, percentile } from './support/statistics.ts';

const DEPLOYMENTS = 50;
const ROUNDS = 3;
/** Few of the requests find a zygote, or all of them. */
const ZYGOTES = [8, 50];
const ANSWER_DEADLINE_MS = 30_000;
const sourceOf = (number: number): string =>
  `export const handler = async () => ({ statusCode: 200, body: { message: 'Hello ${number}' } });\n`;

interface Burst {
  latenciesMs: number[];
  failures: number;
}

export async function benchBurst(): Promise<BenchResult> {
  const env: Record<string, string> = {};
  await using platform = await startPlatform({ env });
  const fleet = { name: 'burst', count: DEPLOYMENTS + 1 };
  const [warm = '', ...hosts] = await deployFleet(platform, fleet, sourceOf);
  const rows: BenchRow[] = [];
  for (const zygotes of ZYGOTES) {
    // Read anew by each start.
    env['FN_ZYGOTES'] = String(zygotes);
    const bursts: Burst[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      await restartAsleep(platform, zygotes);
      bursts.push(await burst(platform.port, warm, hosts));
    }
    rows.push(rowOf(`gitfn, ${zygotes} zygotes`, bursts));
  }
  return {
    name: 'burst',
    about: `first requests to ${DEPLOYMENTS} sleeping deployments at one instant, median of ${ROUNDS} rounds`,
    rows,
  };
}

/** The connections are there before: what is measured is the platform, and not how it accepts them. */
async function burst(port: number, warm: string, hosts: readonly string[]): Promise<Burst> {
  const agent = new http.Agent({ keepAlive: true });
  await ask(port, warm, agent);
  await Promise.all(hosts.map(() => ask(port, warm, agent)));
  const answers = await Promise.all(hosts.map((host) => ask(port, host, agent)));
  agent.destroy();
  const latenciesMs = answers.filter((ms) => ms !== null);
  return { latenciesMs, failures: answers.length - latenciesMs.length };
}

/** Milliseconds to the first byte; null when it was not answered with 200. */
async function ask(port: number, host: string, agent: http.Agent): Promise<number | null> {
  const beganAt = performance.now();
  const signal = AbortSignal.timeout(ANSWER_DEADLINE_MS);
  const request = http.get({ host: '127.0.0.1', port, headers: { host }, agent, signal });
  try {
    const [response] = (await once(request, 'response')) as [http.IncomingMessage];
    const elapsedMs = performance.now() - beganAt;
    response.resume();
    await once(response, 'end');
    return response.statusCode === 200 ? elapsedMs : null;
  } catch {
    return null; // A connection that broke is an answer that was not given.
  }
}

function rowOf(name: string, bursts: readonly Burst[]): BenchRow {
  const of = (percent: number): number =>
    Math.round(median(bursts.map(({ latenciesMs }) => percentile(latenciesMs, percent))));
  return {
    name,
    columns: {
      'p50 ms': of(50),
      'p99 ms': of(99),
      'highest p99 ms': Math.round(
        Math.max(...bursts.map(({ latenciesMs }) => percentile(latenciesMs, 99))),
      ),
      failures: bursts.reduce((sum, { failures }) => sum + failures, 0),
    },
  };
}

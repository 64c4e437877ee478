/**
 * Twice as many requests as a server can answer, at fixed times whatever becomes of them, and what comes of it: how much
 * is still answered, how soon the others are told to come again, and how long it takes afterwards until all is as before.
 * The function keeps the processor for 2 ms, so that workers are what is short. Beside it the same in a plain node:http
 * server, alone and behind nginx. A function that does nothing is not among them: no client that shares two cores with
 * the server brings twice of what its door can do.
 */
import { startPlatform } from '../test/support/platform.ts';
import { DeployedApp } from './support/deployed-app.ts';
import { clientLatenessMs, startOpenLoop, tookMsOf, type Outcomes } from './support/open-loop.ts';
import { startAlone, startBehindNginx } from './support/peers.ts';
import type { BenchResult, BenchRow } from './support/result.ts';
import { percentile } from './support/statistics.ts';
import { runWrk, type LoadTarget } from './support/wrk.ts';

/** As bench/peers/busy-server.ts. */
const BUSY = `export const handler = async () => {
  const endsAt = performance.now() + 2;
  while (performance.now() < endsAt);
  return { statusCode: 200, body: { message: 'Hello World' } };
};\n`;
const CAPACITY = { connections: 64, seconds: 3 };
/** Before, during and after; as multiples of the capacity. */
const [CALM, OVERLOAD] = [0.5, 2];
const [CALM_SECONDS, OVERLOAD_SECONDS] = [3, 5];
const BEGAN_MS = CALM_SECONDS * 1_000;
const ENDED_MS = BEGAN_MS + OVERLOAD_SECONDS * 1_000;
/** Each carries one request at a time: as many clients that wait. */
const CONNECTIONS = 2_000;
/** Who waits for longer has gone. */
const GOOD_WITHIN_MS = 1_000;
/** Recovered is who answers everything from then on within so long. */
const RECOVERED_WITHIN_MS = 250;

export async function benchOverload(): Promise<BenchResult> {
  await using cleanup = new AsyncDisposableStack();
  const targets = await startTargets(cleanup);
  const client = await startOpenLoop();
  cleanup.defer(() => client.close());
  const rows: BenchRow[] = [];
  for (const [name, target] of targets) {
    await runWrk(target, CAPACITY);
    const before = await runWrk(target, CAPACITY);
    const outcomes = await client.run(target, {
      phases: [
        { perSecond: CALM * before.requestsPerSecond, seconds: CALM_SECONDS },
        { perSecond: OVERLOAD * before.requestsPerSecond, seconds: OVERLOAD_SECONDS },
        { perSecond: CALM * before.requestsPerSecond, seconds: CALM_SECONDS },
      ],
      connections: CONNECTIONS,
    });
    const after = await runWrk(target, CAPACITY);
    // The machine's speed drifts: the better one is what the server can do.
    const capacity = Math.max(before.requestsPerSecond, after.requestsPerSecond);
    rows.push(rowOf(name, capacity, outcomes));
  }
  return {
    name: 'overload',
    about: `${OVERLOAD} × capacity for ${OVERLOAD_SECONDS} s, open loop; good is 200 within ${GOOD_WITHIN_MS} ms`,
    rows,
  };
}

async function startTargets(cleanup: AsyncDisposableStack): Promise<Map<string, LoadTarget>> {
  const platform = cleanup.use(await startPlatform());
  const app = await DeployedApp.create(platform, 'busy');
  cleanup.defer(() => app.dispose());
  // A function that keeps the processor gains nothing from having several requests at a time.
  await app.write({ 'fn.json': '{ "concurrency": 1 }\n' });
  await app.commitCode(BUSY, 'busy');
  await app.push();
  return new Map<string, LoadTarget>([
    ['gitfn', { port: platform.port, host: app.host }],
    ['bare node:http', await startAlone(cleanup, 'busy-server.ts')],
    ['nginx → node', await startBehindNginx(cleanup, 'busy-server.ts')],
  ]);
}

function rowOf(name: string, capacity: number, outcomes: Outcomes): BenchRow {
  const during = { fromMs: BEGAN_MS, untilMs: ENDED_MS };
  const served = tookMsOf(outcomes, { status: 200, ...during });
  const refused = tookMsOf(outcomes, { status: 503, ...during });
  const sent = { ...outcomes, tookMs: outcomes.tookMs.map(fromSent(outcomes)) };
  const refusedAfterSent = tookMsOf(sent, { status: 503, ...during });
  const good = served.filter((ms) => ms <= GOOD_WITHIN_MS);
  return {
    name,
    columns: {
      'capacity/s': Math.round(capacity),
      'goodput ÷ capacity': (good.length / OVERLOAD_SECONDS / capacity).toFixed(2),
      '200 p99 ms': p99(served),
      refused: refused.length,
      'without Retry-After': countOf(
        outcomes,
        (index) => outcomes.status[index] === 503 && outcomes.hasRetryAfter[index] === 0,
      ),
      'refused p99 ms': p99(refused),
      'from when it was sent': p99(refusedAfterSent),
      unanswered: countOf(outcomes, (index) => outcomes.status[index] === 0),
      'recovered s': recoveryText(outcomes),
      'client late ms': Number(clientLatenessMs(outcomes).toFixed(1)),
    },
  };
}

/** Without what the client was late itself, which shares two cores with all that it asks. */
function fromSent({ lateMs }: Outcomes): (tookMs: number, index: number) => number {
  return (tookMs, index) => tookMs - (lateMs[index] ?? NaN);
}

function p99(values: readonly number[]): number | string {
  return values.length === 0 ? '–' : Math.round(percentile(values, 99));
}

function countOf({ dueMs }: Outcomes, is: (index: number) => boolean): number {
  let count = 0;
  for (const index of dueMs.keys()) if (is(index)) count += 1;
  return count;
}

/** Seconds from the end of the overload until the last request was due that was not answered well. */
function recoveryText({ dueMs, status, tookMs }: Outcomes): string {
  let lastBadMs = ENDED_MS;
  for (const [index, due] of dueMs.entries()) {
    const isGood = status[index] === 200 && (tookMs[index] ?? Infinity) <= RECOVERED_WITHIN_MS;
    if (!isGood) lastBadMs = Math.max(lastBadMs, due);
  }
  const seconds = (lastBadMs - ENDED_MS) / 1_000;
  return seconds > CALM_SECONDS - 0.2 ? `> ${CALM_SECONDS}` : seconds.toFixed(1);
}

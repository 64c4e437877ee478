/**
 * Everybody's hello in one run: warm throughput, and for those who sleep the first request to a process that is not
 * there. Rounds are interleaved, in changing order; the ratio is taken within each. What else is measured of gitfn's cold starts, and how
 * much a bundle adds, is in `cold`.
 */
import { startPlatform } from '../test/support/platform.ts';
import { DeployedApp } from './support/deployed-app.ts';
import { timeToFirstByteMs } from './support/first-byte.ts';
import {
  startAlone,
  startBehindNginx,
  startFunctionsFramework,
  startWorkerd,
} from './support/peers.ts';
import type { BenchResult, BenchRow } from './support/result.ts';
import {
  type SleepingPeer,
  SPAWNED_PER_REQUEST,
  startSleepingPeers,
} from './support/sleeping-peers.ts';
import { median, percentile, spread } from './support/statistics.ts';
import { type LoadTarget, runWrk } from './support/wrk.ts';

const SECONDS = 2;
const CONNECTIONS = 64;
/** One after the other each subject is first, so that none always follows the same one, whose last requests it would pay for. */
const ROUNDS = 10;
/** Each takes a branch of its own, and a push carries so many. */
const COLD_ROUNDS = 20;
const REST_MS = 300;
const LAMBDA = `export const handler = async () => ({ statusCode: 200, body: { message: 'Hello World' } });\n`;
const REFERENCE = 'nginx → node';

interface Subject {
  name: string;
  target: LoadTarget;
  /** Milliseconds to the first byte of a request that finds no process; null for what never sleeps. */
  cold: ((round: number) => Promise<number>) | null;
  /** Answers other than 200, and what was not answered in time. */
  failures: number;
  rates: number[];
  p99Ms: number[];
  coldMs: number[];
}

export async function benchPeers(): Promise<BenchResult> {
  await using cleanup = new AsyncDisposableStack();
  const subjects = await startSubjects(cleanup);
  for (let round = 0; round < COLD_ROUNDS; round++) {
    for (const { cold, coldMs } of subjects) if (cold !== null) coldMs.push(await cold(round));
  }
  // A process for each request: 64 at once take the machine for longer than the round that began them.
  const warm = subjects.filter(({ name }) => name !== SPAWNED_PER_REQUEST);
  for (let round = -1; round < ROUNDS; round++) {
    for (const subject of inTurn(warm, round)) {
      const { target, rates, p99Ms } = subject;
      await rest();
      const result = await runWrk(target, { connections: CONNECTIONS, seconds: SECONDS });
      if (round < 0) continue; // Warms up.
      subject.failures += result.failures;
      rates.push(result.requestsPerSecond);
      p99Ms.push(result.p99Ms);
    }
  }
  const reference = subjects.find(({ name }) => name === REFERENCE)?.rates ?? [];
  return {
    name: 'peers',
    about: `hello, ${CONNECTIONS} connections, ${ROUNDS} interleaved rounds of ${SECONDS} s; ${COLD_ROUNDS} interleaved cold starts`,
    rows: subjects.map((subject) => rowOf(subject, reference)),
  };
}

async function startSubjects(cleanup: AsyncDisposableStack): Promise<Subject[]> {
  const awake: [string, LoadTarget][] = [
    ['bare node:http', await startAlone(cleanup, 'node-server.ts')],
    [REFERENCE, await startBehindNginx(cleanup, 'node-server.ts')],
    ['@hono/node-server', await startAlone(cleanup, 'hono-server.ts')],
    ['nginx → @hono/node-server', await startBehindNginx(cleanup, 'hono-server.ts')],
    ['workerd', await startWorkerd(cleanup)],
    ['functions-framework', await startFunctionsFramework(cleanup)],
  ];
  const asleep = await startSleepingPeers(cleanup);
  return [
    await startOurs(cleanup),
    ...awake.map(([name, target]) => subjectOf(name, target, null)),
    ...asleep.map((peer) => subjectOf(peer.name, peer.target, () => coldStart(peer))),
  ];
}

function inTurn(subjects: Subject[], round: number): Subject[] {
  const first = (round + subjects.length) % subjects.length;
  return [...subjects.slice(first), ...subjects.slice(0, first)];
}

function subjectOf(name: string, target: LoadTarget, cold: Subject['cold']): Subject {
  return { name, target, cold, failures: 0, rates: [], p99Ms: [], coldMs: [] };
}

/** Branches of one commit, each asleep until its round. */
async function startOurs(cleanup: AsyncDisposableStack): Promise<Subject> {
  const platform = cleanup.use(await startPlatform());
  const app = await DeployedApp.create(platform, 'hello');
  cleanup.defer(() => app.dispose());
  await app.commitCode(LAMBDA, 'Hello');
  await app.push();
  const branches = Array.from({ length: COLD_ROUNDS }, (_, index) => `main:cold-${index}`);
  await app.git('push', '-q', 'fn', ...branches);
  await platform.restart();
  const { port } = platform;
  return subjectOf('gitfn, Lambda handler', { port, host: app.host }, async (round) => {
    await rest();
    return timeToFirstByteMs({ port, host: `cold-${round}--${app.host}` });
  });
}

async function coldStart(peer: SleepingPeer): Promise<number> {
  await peer.untilAsleep();
  await rest();
  return timeToFirstByteMs(peer.target);
}

/** What the one before still does is not the next one's. */
function rest(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, REST_MS));
}

function rowOf({ name, failures, rates, p99Ms, coldMs }: Subject, reference: number[]): BenchRow {
  const ratios = rates.map((rate, round) => rate / (reference[round] ?? NaN));
  const ofCold = (percent: number): number | string =>
    coldMs.length === 0 ? '' : Number(percentile(coldMs, percent).toFixed(1));
  const wasWarm = rates.length > 0;
  return {
    name,
    columns: {
      'req/s': wasWarm ? Math.round(median(rates)) : '',
      [`× ${REFERENCE}`]: wasWarm ? Number(median(ratios).toFixed(2)) : '',
      spread: wasWarm ? spread(ratios) : '',
      'p99 ms': wasWarm ? Number(median(p99Ms).toFixed(2)) : '',
      failed: wasWarm ? failures : '',
      'cold p50 ms': ofCold(50),
      'cold p90 ms': ofCold(90),
    },
    raw: { requestsPerSecond: rates, p99Ms, coldMs },
  };
}

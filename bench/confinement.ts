/**
 * What confinement costs a function: the same door, pool and worker program in this process, once with plain child
 * processes and once with sandboxes as the supervisor starts them (namespaces, cgroup, filter of system calls).
 *
 * The handler does nothing, so that a request is little but the calls that confinement is about: a handler that works
 * pays less. Runs are interleaved, and the ratio is taken within each round. On a busy machine it says as well how the
 * kernel shares the processor between cgroups; the workers' own time per request says what confinement takes. Cold is a first request with a zygote
 * ready, as it is in production; making zygotes happens beside the requests and is not counted.
 */
import http from 'node:http';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { heapFlags } from '../src/runtimes/nodejs/index.ts';
import { type DataPlane, startDataPlane } from '../test/support/data-plane.ts';
import { descendantsOf } from '../test/support/processes.ts';
import { createSandboxedWorkers } from '../test/support/sandboxed-workers.ts';
import type { BenchResult, BenchRow } from './support/result.ts';
import { median, percentile, spread } from './support/statistics.ts';
import { type LoadResult, runWrk } from './support/wrk.ts';

const ROUNDS = 21;
const SECONDS = 2;
const COLD_ROUNDS = 60;
/** One worker's: more would start a second one. */
const CONNECTIONS = 32;
const MEMORY_MIB = 128;
/** What the round before left behind must not cost the next one. */
const REST_MS = 300;
const POLL_MS = 10;
const ZYGOTE_DEADLINE_MS = 30_000;
const CODE = `export const handler = async () => ({ statusCode: 200, body: { message: 'Hello World' } });`;
const WARM_APP = 'warm';
const COLD_APP = 'cold';
const REFERENCE = 'none';

/** Node with the worker's program; in a sandbox with a folder behind it. What starts a sandbox names it too, but later. */
const WORKER = /^\S*node .*\.cjs( \S+)?$/;
/** A tick of /proc/<pid>/stat (USER_HZ), on every machine that we know. */
const TICK_US = 10_000;

interface Load extends LoadResult {
  /** Of the workers' processor time. */
  usPerRequest: number;
}

interface Subject {
  name: string;
  plane: DataPlane;
  loads: Load[];
  coldMs: number[];
}

export async function benchConfinement(): Promise<BenchResult> {
  await using cleanup = new AsyncDisposableStack();
  const subjects = await startSubjects(cleanup);
  const [reference] = subjects;
  for (const { plane } of subjects) {
    await plane.deploy(CODE, { concurrency: CONNECTIONS, memoryMib: MEMORY_MIB }, WARM_APP);
    await load(plane, 1);
  }
  for (let round = 0; round < ROUNDS; round++) {
    for (const { plane, loads } of inTurn(subjects, round)) loads.push(await load(plane, SECONDS));
  }
  for (let round = 0; round < COLD_ROUNDS; round++) {
    for (const { plane, coldMs } of inTurn(subjects, round)) coldMs.push(await coldStart(plane));
  }
  return {
    name: 'confinement',
    about: `hello; ${CONNECTIONS} connections, ${ROUNDS} interleaved rounds of ${SECONDS} s; then ${COLD_ROUNDS} cold starts`,
    rows: subjects.map((subject) => rowOf(subject, reference)),
  };
}

async function startSubjects(cleanup: AsyncDisposableStack): Promise<[Subject, Subject]> {
  const flags = [...heapFlags(MEMORY_MIB), '--disable-warning=ExperimentalWarning'];
  const bare = await startDataPlane({ execArgv: flags });
  cleanup.defer(() => bare.close());
  const sandboxes = await createSandboxedWorkers(() => ({}));
  cleanup.defer(() => sandboxes.close());
  const confined = await startDataPlane({ sandboxes });
  cleanup.defer(() => confined.close());
  return [
    { name: REFERENCE, plane: bare, loads: [], coldMs: [] },
    { name: 'sandbox', plane: confined, loads: [], coldMs: [] },
  ];
}

/** Who goes first changes, so that a drift of the machine's speed hits both. */
function inTurn<T>(subjects: readonly T[], round: number): T[] {
  return round % 2 === 0 ? [...subjects] : subjects.toReversed();
}

async function load({ port }: DataPlane, seconds: number): Promise<Load> {
  const beforeUs = workersUs();
  const target = { port, host: `${WARM_APP}.localhost` };
  const result = await runWrk(target, { connections: CONNECTIONS, seconds });
  const usPerRequest = (workersUs() - beforeUs) / (result.requestsPerSecond * seconds);
  return { ...result, usPerRequest };
}

/** Processor time of all workers so far, those of the other subject included: they rest meanwhile. */
function workersUs(): number {
  const workers = descendantsOf(process.pid).filter(({ commandLine }) => WORKER.test(commandLine));
  return workers.reduce((sum, { pid }) => sum + processorUs(pid), 0);
}

/** utime and stime: the 14th and 15th field; the second, in parentheses, may hold anything. */
function processorUs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) * TICK_US;
}

/** Milliseconds of the first request to a new deployment. */
async function coldStart(plane: DataPlane): Promise<number> {
  await plane.deploy(CODE, { memoryMib: MEMORY_MIB }, COLD_APP);
  await zygoteReady(plane);
  await rest(REST_MS);
  const beganAt = performance.now();
  const headers = { host: `${COLD_APP}.localhost` };
  const request = http.get({ host: '127.0.0.1', port: plane.port, headers, agent: false });
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  response.resume();
  await once(response, 'end');
  const elapsedMs = performance.now() - beganAt;
  if (response.statusCode !== 200 || response.headers['x-fn-cold-start'] === undefined) {
    throw new Error(`not a cold start: ${response.statusCode}`);
  }
  return elapsedMs;
}

async function zygoteReady({ pool }: DataPlane): Promise<void> {
  const endsAt = performance.now() + ZYGOTE_DEADLINE_MS;
  while (pool.status().zygotes === 0) {
    if (performance.now() > endsAt) throw new Error('no zygote became ready');
    await rest(POLL_MS);
  }
}

function rest(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function rowOf({ name, loads, coldMs }: Subject, reference: Subject): BenchRow {
  const rates = loads.map(({ requestsPerSecond }) => requestsPerSecond);
  const ratios = rates.map(
    (rate, round) => rate / (reference.loads[round]?.requestsPerSecond ?? NaN),
  );
  return {
    name,
    columns: {
      'warm req/s': Math.round(median(rates)),
      [`× ${REFERENCE}`]: median(ratios).toFixed(3),
      spread: spread(ratios),
      'worker µs/req': median(loads.map(({ usPerRequest }) => usPerRequest)).toFixed(1),
      'cold p50 ms': median(coldMs).toFixed(2),
      'more ms': (median(coldMs) - median(reference.coldMs)).toFixed(2),
      'cold p95 ms': percentile(coldMs, 95).toFixed(2),
      failures: loads.reduce((sum, { failures }) => sum + failures, 0),
    },
  };
}

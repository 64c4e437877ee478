/**
 * Cold starts: the first request to each of many sleeping deployments, one every tenth of a second over a connection
 * that is kept alive, to a whole platform. The time is from sending the request to the first byte of its answer; the
 * zygotes that are used up are replaced meanwhile, which takes processor time from the next ones.
 *
 * Where the time goes: `wait` is what the platform says of itself in x-fn-cold-start, from the door's decision that a
 * worker has to be started to the moment at which it has the request; `rest` is reading the request, the function's
 * answer and the way back. Peers are the same answer from a `node` that is spawned for the request.
 */
import http from 'node:http';
import { once } from 'node:events';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { startPlatform, type Platform } from '../test/support/platform.ts';
import { deployFleet, restartAsleep, type SourceOf } from './support/cold-fleet.ts';
import type { BenchResult, BenchRow } from './support/result.ts';
import { percentile } from './support/statistics.ts';
import { freePort } from './support/processes.ts';

/** Of each kind. */
const DEPLOYMENTS = 200;
/** What a platform keeps that nobody has told otherwise. */
const ZYGOTES = 4;
const PERIOD_MS = 100;
const PEER_STARTS = 50;
/** The door and this client have compiled their code by then, as in a platform that serves. */
const WARM_REQUESTS = 500;
const SETTLE_MS = 1_000;
const PEER = join(import.meta.dirname, 'peers/spawned-answer.ts');
const PEER_SERVER = join(import.meta.dirname, 'peers/node-server.ts');

const KINDS: Record<string, SourceOf> = {
  lambda: (number) =>
    `export const handler = async () => ({ statusCode: 200, body: { message: 'Hello ${number}' } });\n`,
  web: (number) => `export default () => Response.json({ message: 'Hello ${number}' });\n`,
};

interface Start {
  totalMs: number;
  /** Of which the platform says that the request waited for its worker. */
  waitMs: number;
}

interface Starts {
  starts: Start[];
  failures: number;
}

export async function benchCold(): Promise<BenchResult> {
  await using platform = await startPlatform();
  const fleets = new Map<string, string[]>();
  for (const [kind, sourceOf] of Object.entries(KINDS)) {
    fleets.set(kind, await deployFleet(platform, { name: kind, count: DEPLOYMENTS + 1 }, sourceOf));
  }
  const rows: BenchRow[] = [];
  for (const [kind, [warm = '', ...hosts]] of fleets) {
    await restartAsleep(platform, ZYGOTES);
    rows.push(rowOf(`gitfn, ${kind} handler`, await coldStarts(platform, { warm, hosts })));
  }
  rows.push(rowOf('node spawned for the request', await peerStarts(spawnedAnswer)));
  rows.push(rowOf('node:http server spawned on demand', await peerStarts(spawnedServer)));
  return {
    name: 'cold',
    about: `first requests to ${DEPLOYMENTS} sleeping deployments of each kind, ${1_000 / PERIOD_MS} a second, zygotes refilled meanwhile`,
    rows,
  };
}

async function coldStarts(
  { port }: Platform,
  { warm, hosts }: { warm: string; hosts: readonly string[] },
): Promise<Starts> {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  for (let sent = 0; sent < WARM_REQUESTS; sent++) await ask(port, warm, agent);
  await rest(SETTLE_MS);
  const results: (Start | null)[] = [];
  const beganAt = performance.now();
  for (const [index, host] of hosts.entries()) {
    await rest(Math.max(0, beganAt + index * PERIOD_MS - performance.now()));
    results.push(await ask(port, host, agent));
  }
  agent.destroy();
  const starts = results.filter((start) => start !== null && start.waitMs > 0) as Start[];
  return { starts, failures: results.length - starts.length };
}

/** Null when it was not answered with 200. */
async function ask(port: number, host: string, agent: http.Agent): Promise<Start | null> {
  const beganAt = performance.now();
  const request = http.get({ host: '127.0.0.1', port, headers: { host }, agent });
  try {
    const [response] = (await once(request, 'response')) as [http.IncomingMessage];
    const totalMs = performance.now() - beganAt;
    response.resume();
    await once(response, 'end');
    const waitMs = Number(response.headers['x-fn-cold-start'] ?? 0);
    return response.statusCode === 200 ? { totalMs, waitMs } : null;
  } catch {
    return null; // A connection that broke is an answer that was not given.
  }
}

async function peerStarts(startOne: () => Promise<void>): Promise<Starts> {
  const starts: Start[] = [];
  for (let number = 0; number < PEER_STARTS; number++) {
    const beganAt = performance.now();
    await startOne();
    starts.push({ totalMs: performance.now() - beganAt, waitMs: NaN });
    await rest(PERIOD_MS);
  }
  return { starts, failures: 0 };
}

/** As CGI has it: a process for each request, which answers on its standard output. */
async function spawnedAnswer(): Promise<void> {
  const child = spawn(process.execPath, [PEER], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  await once(child, 'close');
}

/** As a supervisor has it that starts a server when somebody asks for it, and then passes the request on. */
async function spawnedServer(): Promise<void> {
  const port = await freePort();
  const child = spawn(process.execPath, [PEER_SERVER, String(port)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  const request = http.get({ host: '127.0.0.1', port, agent: false });
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  response.resume();
  child.kill('SIGKILL');
  await once(child, 'exit');
}

function rest(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function rowOf(name: string, { starts, failures }: Starts): BenchRow {
  const of = (values: number[], percent: number): number | string =>
    Number.isNaN(values[0]) ? '–' : Number(percentile(values, percent).toFixed(2));
  const totals = starts.map(({ totalMs }) => totalMs);
  const waits = starts.map(({ waitMs }) => waitMs);
  const rests = starts.map(({ totalMs, waitMs }) => totalMs - waitMs);
  return {
    name,
    columns: {
      'p50 ms': of(totals, 50),
      'p90 ms': of(totals, 90),
      'p99 ms': of(totals, 99),
      'wait p50': of(waits, 50),
      'wait p99': of(waits, 99),
      'rest p50': of(rests, 50),
      'rest p99': of(rests, 99),
      starts: starts.length,
      failures,
    },
  };
}

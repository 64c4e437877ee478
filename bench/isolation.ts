/**
 * What a neighbour feels of an app that is at its limits: the neighbour's p99 while the other spins, churns memory,
 * forks, floods its log or holds connections, against its own p99 alone. Each attacked span stands beside a quiet one
 * of the same round, and the ratio within the round counts.
 *
 * Clients share the machine with the platform, as they never do in production. So the neighbour's client has real time
 * priority where that is to be had: what it measures is when the answer came, and not when it got a processor itself.
 * The other's is nice, and asks at most 500 times a second. What it takes nevertheless is in the row `client alone`: the
 * same connections to a server that does nothing.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { startPlatform } from '../test/support/platform.ts';
import { DeployedApp } from './support/deployed-app.ts';
import { type Pace, type PacedResult } from './support/paced-load.ts';
import { startUntilReady } from './support/processes.ts';
import type { BenchResult, BenchRow } from './support/result.ts';
import { median, percentile, spread } from './support/statistics.ts';
import type { LoadTarget } from './support/wrk.ts';

/** Odd, so that the median is a round that was; enough that one round in which the machine had other things to do is not it. */
const ROUNDS = 7;
/** The eighth worst of so many requests is the p99. */
const PACE = { perSecond: 200, seconds: 4 };
/** The attack is at its height by then, and afterwards the machine is quiet again. */
const SETTLE_MS = 1_000;
/** Before the first figure both the neighbour and its client have compiled their code. */
const WARM_UP_SECONDS = 5;
const TIMEOUT_SECONDS = 3;

const REAL_TIME = ['chrt', '--rr', '1'] as const;
const HOLDING_SERVER = `
const server = require('node:http').createServer(() => {});
server.listen(0, '127.0.0.1', () => console.log('ready', server.address().port));
`;
const HELLO = `export default () => new Response('hello');\n`;
const HOSTILE = `
import { spawn } from 'node:child_process';
const until = () => Date.now() + ${TIMEOUT_SECONDS * 1_000 - 500};
const turn = () => new Promise((resolve) => setImmediate(resolve));
const acts = {
  '/spin': () => { const end = until(); while (Date.now() < end); },
  '/churn': () => { const end = until(); while (Date.now() < end) new Array(2e5).fill(Math.random()).map(String); },
  '/fork': async () => {
    const end = until();
    while (Date.now() < end) {
      for (let i = 0; i < 20; i++) spawn('/usr/bin/node', ['-e', 'for(;;);'], { stdio: 'ignore' }).on('error', () => {});
      await turn();
    }
  },
  '/log': async () => {
    const end = until();
    while (Date.now() < end) { for (let i = 0; i < 1000; i++) console.log('x'.repeat(200)); await turn(); }
  },
  '/hold': () => new Promise(() => {}),
};
export default async (request) => {
  await acts[new URL(request.url).pathname]?.();
  return new Response('done');
};
`;

interface Attack {
  name: string;
  path: string;
  /** Requests that are kept under way. */
  requests: number;
  /** At a server that does nothing, instead of the platform. */
  isElsewhere?: boolean;
}

const ATTACKS: readonly Attack[] = [
  { name: 'processor: 16 workers spin', path: '/spin', requests: 16 },
  { name: 'memory: 16 workers churn', path: '/churn', requests: 16 },
  { name: 'processes: 4 workers fork', path: '/fork', requests: 4 },
  { name: 'log: 8 workers print', path: '/log', requests: 8 },
  { name: 'connections: 900 held', path: '/hold', requests: 900 },
  { name: 'client alone: 900 held', path: '/hold', requests: 900, isElsewhere: true },
];

/** `only` is the path of one attack, when the others do not matter: `npm run bench -- isolation:log`. */
export async function benchIsolation(only?: string): Promise<BenchResult> {
  const attacks = ATTACKS.filter(({ path }) => only === undefined || path === `/${only}`);
  if (attacks.length === 0) throw new Error(`there is no attack "${only}"`);
  await using cleanup = new AsyncDisposableStack();
  const platform = cleanup.use(await startPlatform());
  for (const [name, code, manifest] of [
    ['neighbour', HELLO, {}],
    ['hostile', HOSTILE, { concurrency: 1, timeout: TIMEOUT_SECONDS }],
  ] as const) {
    const app = await DeployedApp.create(platform, name);
    cleanup.defer(() => app.dispose());
    await app.write({ 'fn.json': JSON.stringify(manifest) });
    await app.commitCode(code, name);
    await app.push();
  }
  const elsewhere = await startUntilReady(process.execPath, ['-e', HOLDING_SERVER]);
  cleanup.defer(() => void elsewhere.child.kill());
  const neighbour = { port: platform.port, host: 'neighbour.localhost' };
  const client = await startPacedClient();
  cleanup.defer(() => client.close());
  await client.run(neighbour, { ...PACE, seconds: WARM_UP_SECONDS });
  const alone: PacedResult[][] = attacks.map(() => []);
  const beside: PacedResult[][] = attacks.map(() => []);
  for (let round = 0; round < ROUNDS; round++) {
    for (const [index, attack] of attacks.entries()) {
      alone[index]?.push(await client.run(neighbour, PACE));
      const [, otherPort] = elsewhere.line.split(' ');
      const stop = attackWith(attack, attack.isElsewhere ? Number(otherPort) : platform.port);
      await pause();
      beside[index]?.push(await client.run(neighbour, PACE));
      await stop();
      await pause();
    }
  }
  return {
    name: 'isolation',
    about:
      `a neighbour at ${PACE.perSecond} requests/s while another app is at its limit, ` +
      `${ROUNDS} interleaved rounds of ${PACE.seconds} s; × alone is the median of the rounds' own ratios`,
    rows: attacks.map(({ name }, index) => rowOf(name, alone[index] ?? [], beside[index] ?? [])),
  };
}

interface PacedClient {
  run(target: LoadTarget, pace: Pace): Promise<PacedResult>;
  close(): void;
}

async function startPacedClient(): Promise<PacedClient> {
  const command = [process.execPath, join(import.meta.dirname, 'support/paced-client.ts')];
  const [file = '', ...args] = mayBeRealTime() ? [...REAL_TIME, ...command] : command;
  const child = spawn(file, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout });
  await once(lines, 'line');
  return {
    run: async (target, pace) => {
      child.stdin.write(`${JSON.stringify({ target, pace })}\n`);
      const [line] = (await once(lines, 'line')) as [string];
      return JSON.parse(line) as PacedResult;
    },
    close: () => void child.kill(),
  };
}

/** As root, outside of a cgroup that has no real time of its own. */
function mayBeRealTime(): boolean {
  const [file, ...args] = REAL_TIME;
  try {
    execFileSync(file, [...args, 'true'], { stdio: 'ignore' });
    return true;
  } catch {
    console.error('the client has no real time priority here: its own waits are in the figures');
    return false;
  }
}

/** Keeps that many requests under way until the returned function is called. */
function attackWith({ path, requests }: Attack, port: number): () => Promise<void> {
  const client = join(import.meta.dirname, 'support/flood-client.ts');
  const args = [process.execPath, client, String(port), 'hostile.localhost', path];
  const child: ChildProcess = spawn('nice', ['-n', '10', ...args, String(requests)], {
    stdio: ['pipe', 'ignore', 'inherit'],
  });
  return async () => {
    child.stdin?.end();
    if (child.exitCode === null) await once(child, 'exit');
  };
}

function pause(): Promise<void> {
  return new Promise((wake) => setTimeout(wake, SETTLE_MS));
}

function rowOf(name: string, alone: PacedResult[], beside: PacedResult[]): BenchRow {
  const ratios = beside.map(({ p99Ms }, round) => p99Ms / (alone[round]?.p99Ms ?? NaN));
  const of = (results: PacedResult[], key: 'p50Ms' | 'p99Ms'): number =>
    Number(median(results.map((result) => result[key])).toFixed(2));
  return {
    name,
    columns: {
      'alone p50 ms': of(alone, 'p50Ms'),
      'alone p99 ms': of(alone, 'p99Ms'),
      'beside p50 ms': of(beside, 'p50Ms'),
      'beside p99 ms': of(beside, 'p99Ms'),
      '× alone': Number(median(ratios).toFixed(2)),
      'middle half': spread([percentile(ratios, 25), percentile(ratios, 75)]),
      'all rounds': spread(ratios),
      failures: beside.reduce((sum, { failures }) => sum + failures, 0),
    },
  };
}

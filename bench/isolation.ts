/**
 * What a neighbour feels of an app that is at its limits: the neighbour's p99 while the other spins, churns memory,
 * forks, floods its log or holds connections, against its own p99 alone. Each attacked span stands beside a quiet one
 * of the same round, and the ratio within the round counts.
 */
import http from 'node:http';
import { startPlatform } from '../test/support/platform.ts';
import { DeployedApp } from './support/deployed-app.ts';
import { type PacedResult, runPaced } from './support/paced-load.ts';
import type { BenchResult, BenchRow } from './support/result.ts';
import { median, spread } from './support/statistics.ts';

const ROUNDS = 7;
const PACE = { perSecond: 200, seconds: 4 };
/** The attack is at its height by then, and afterwards the machine is quiet again. */
const SETTLE_MS = 2_000;
const TIMEOUT_SECONDS = 3;

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
}

const ATTACKS: readonly Attack[] = [
  { name: 'processor: 16 workers spin', path: '/spin', requests: 16 },
  { name: 'memory: 16 workers churn', path: '/churn', requests: 16 },
  { name: 'processes: 4 workers fork', path: '/fork', requests: 4 },
  { name: 'log: 8 workers print', path: '/log', requests: 8 },
  { name: 'connections: 900 held', path: '/hold', requests: 900 },
];

export async function benchIsolation(): Promise<BenchResult> {
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
    await app.git('push', '-q', 'fn', 'main');
  }
  const neighbour = { port: platform.port, host: 'neighbour.localhost' };
  await runPaced(neighbour, { ...PACE, seconds: 1 });
  const alone: PacedResult[][] = ATTACKS.map(() => []);
  const beside: PacedResult[][] = ATTACKS.map(() => []);
  for (let round = 0; round < ROUNDS; round++) {
    for (const [index, attack] of ATTACKS.entries()) {
      alone[index]?.push(await runPaced(neighbour, PACE));
      const stop = attackWith(attack, platform.port);
      await pause();
      beside[index]?.push(await runPaced(neighbour, PACE));
      stop();
      await pause();
    }
  }
  return {
    name: 'isolation',
    about:
      `a neighbour at ${PACE.perSecond} requests/s while another app is at its limit, ` +
      `${ROUNDS} interleaved rounds of ${PACE.seconds} s`,
    rows: ATTACKS.map(({ name }, index) => rowOf(name, alone[index] ?? [], beside[index] ?? [])),
  };
}

/** Keeps that many requests under way until the returned function is called. */
function attackWith({ path, requests }: Attack, port: number): () => void {
  const agent = new http.Agent({ keepAlive: false });
  let isOver = false;
  const ask = (): void => {
    if (isOver) return;
    const headers = { host: 'hostile.localhost' };
    const request = http.get({ host: '127.0.0.1', port, path, headers, agent });
    request.on('error', () => void setTimeout(ask, 10));
    request.on('response', (response) => response.resume().on('end', ask).on('error', ask));
  };
  for (let count = 0; count < requests; count++) ask();
  return () => {
    isOver = true;
    agent.destroy();
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
      spread: spread(ratios),
      failures: beside.reduce((sum, { failures }) => sum + failures, 0),
    },
  };
}

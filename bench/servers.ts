/**
 * What a server can answer at all on this machine, the platform apart: `node:http`, `node:net` without any reading of
 * HTTP, and the servers of Deno and Bun with their own API and with their `node:http`, where those are installed.
 * docs/decisions/0023 rests on it.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { freePort, startUntilReady, stopProcess } from './support/processes.ts';
import type { BenchResult } from './support/result.ts';
import { median, spread } from './support/statistics.ts';
import { runWrk, type LoadResult, type LoadTarget } from './support/wrk.ts';

const ROUNDS = 7;
const SECONDS = 2;
const CONNECTIONS = 64;
const REFERENCE = 'node:http';
const PEERS = join(import.meta.dirname, 'peers');

/** Name → command, to which the port is added. */
function commands(): [string, string[]][] {
  const node = process.execPath;
  const all: [string, string[]][] = [
    [REFERENCE, [node, `${PEERS}/node-server.ts`]],
    ['node:net', [node, `${PEERS}/net-server.ts`]],
    ['Deno.serve', ['deno', 'run', '-A', `${PEERS}/fetch-server.mjs`]],
    ['node:http of Deno', ['deno', 'run', '-A', `${PEERS}/node-server.ts`]],
    ['Bun.serve', ['bun', `${PEERS}/fetch-server.mjs`]],
    ['node:http of Bun', ['bun', `${PEERS}/node-server.ts`]],
  ];
  return all.filter(([, [command = '']]) => spawnSync(command, ['--version']).status === 0);
}

export async function benchServers(): Promise<BenchResult> {
  await using cleanup = new AsyncDisposableStack();
  const targets = new Map<string, LoadTarget>();
  const runs = new Map<string, LoadResult[]>();
  for (const [name, [command = '', ...parameters]] of commands()) {
    const port = await freePort();
    const { child } = await startUntilReady(command, [...parameters, String(port)]);
    cleanup.defer(() => stopProcess(child));
    targets.set(name, { port, host: 'localhost' });
    runs.set(name, []);
    await runWrk({ port, host: 'localhost' }, { connections: CONNECTIONS, seconds: 1 });
  }
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, target] of targets) {
      const result = await runWrk(target, { connections: CONNECTIONS, seconds: SECONDS });
      runs.get(name)?.push(result);
    }
  }
  const rates = (name: string): number[] =>
    (runs.get(name) ?? []).map(({ requestsPerSecond }) => requestsPerSecond);
  const reference = rates(REFERENCE);
  return {
    name: 'servers',
    about: `hello, ${CONNECTIONS} connections, ${ROUNDS} interleaved rounds of ${SECONDS} s`,
    rows: [...runs].map(([name, results]) => {
      const ratios = rates(name).map((rate, round) => rate / (reference[round] ?? NaN));
      return {
        name,
        columns: {
          'req/s': Math.round(median(rates(name))),
          'p99 ms': Number(median(results.map(({ p99Ms }) => p99Ms)).toFixed(2)),
          [`× ${REFERENCE}`]: Number(median(ratios).toFixed(2)),
          spread: spread(ratios),
          failures: results.reduce((sum, { failures }) => sum + failures, 0),
        },
      };
    }),
  };
}

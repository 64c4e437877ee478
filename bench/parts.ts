/**
 * What one warm request costs each process in processor time and system calls, at 64 connections: docs/profile.md. All
 * that the kernel counts of a process, its other threads too.
 */
import { readFileSync } from 'node:fs';
import { descendantsOf, type ProcessFacts } from '../test/support/processes.ts';
import { startPlatform } from '../test/support/platform.ts';
import { DeployedApp } from './support/deployed-app.ts';
import { startAlone, startBehindNginx } from './support/peers.ts';
import type { BenchResult, BenchRow } from './support/result.ts';
import { median } from './support/statistics.ts';
import { runWrk, type LoadTarget } from './support/wrk.ts';

const ROUNDS = 7;
const SECONDS = 2;
const CONNECTIONS = 64;
/** The kernel's unit of processor time. */
const TICK_US = 10_000;
const LAMBDA = `export const handler = async () => ({ statusCode: 200, body: { message: 'Hello World' } });\n`;
/** What is counted: a target's processes by what their command line has. */
const COUNTED: Record<string, Record<string, string>> = {
  'bare node:http': { node: 'node-server.ts' },
  'nginx → node': { node: 'node-server.ts', nginx: 'nginx' },
  gitfn: { data: 'programs/data.mjs', worker: '/runner.cjs' },
};

interface Counts {
  userUs: number;
  systemUs: number;
  reads: number;
  writes: number;
}

export async function benchParts(): Promise<BenchResult> {
  await using cleanup = new AsyncDisposableStack();
  const bare = await startAlone(cleanup, 'node-server.ts');
  const behindNginx = await startBehindNginx(cleanup, 'node-server.ts');
  const platform = cleanup.use(await startPlatform());
  const app = await DeployedApp.create(platform, 'parts');
  cleanup.defer(() => app.dispose());
  await app.commitCode(LAMBDA, 'parts');
  await app.push();
  const targets: Record<string, LoadTarget> = {
    'bare node:http': bare,
    'nginx → node': behindNginx,
    gitfn: { port: platform.port, host: app.host },
  };
  const samples = new Map<string, Counts[]>();
  for (let round = 0; round <= ROUNDS; round++) {
    for (const [name, target] of Object.entries(targets)) {
      const counted = await countedRun(target, COUNTED[name] ?? {});
      if (round === 0) continue; // Code is compiled then.
      for (const [part, counts] of counted) {
        const key = `${name}: ${part}`;
        samples.set(key, [...(samples.get(key) ?? []), counts]);
      }
    }
  }
  return {
    name: 'parts',
    about: `per request, hello at ${CONNECTIONS} connections, ${ROUNDS} interleaved rounds of ${SECONDS} s`,
    rows: [...samples].map(([name, counts]) => rowOf(name, counts)),
  };
}

/** Per request, by part. */
async function countedRun(
  target: LoadTarget,
  parts: Readonly<Record<string, string>>,
): Promise<Map<string, Counts>> {
  const before = countsOf(parts);
  const load = { connections: CONNECTIONS, seconds: SECONDS };
  const { requestsPerSecond } = await runWrk(target, load);
  const requests = requestsPerSecond * SECONDS;
  const perRequest = new Map<string, Counts>();
  for (const [part, after] of countsOf(parts)) {
    const { userUs = 0, systemUs = 0, reads = 0, writes = 0 } = before.get(part) ?? {};
    perRequest.set(part, {
      userUs: (after.userUs - userUs) / requests,
      systemUs: (after.systemUs - systemUs) / requests,
      reads: (after.reads - reads) / requests,
      writes: (after.writes - writes) / requests,
    });
  }
  return perRequest;
}

function countsOf(parts: Readonly<Record<string, string>>): Map<string, Counts> {
  const processes = descendantsOf(process.pid);
  return new Map(
    Object.entries(parts).map(([part, words]) => [
      part,
      sumOf(processes.filter(({ commandLine }) => commandLine.includes(words))),
    ]),
  );
}

/** One that has just ended counts no more. */
function sumOf(processes: readonly ProcessFacts[]): Counts {
  const sum = { userUs: 0, systemUs: 0, reads: 0, writes: 0 };
  for (const { pid } of processes) {
    const { user = '0', system = '0' } =
      / \S(?: \S+){10} (?<user>\d+) (?<system>\d+) /.exec(
        readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\)/, ''),
      )?.groups ?? {};
    const io = readFileSync(`/proc/${pid}/io`, 'utf8');
    sum.userUs += Number(user) * TICK_US;
    sum.systemUs += Number(system) * TICK_US;
    sum.reads += Number(/syscr: (\d+)/.exec(io)?.[1]);
    sum.writes += Number(/syscw: (\d+)/.exec(io)?.[1]);
  }
  return sum;
}

function rowOf(name: string, counts: readonly Counts[]): BenchRow {
  const of = (key: keyof Counts): number => median(counts.map((one) => one[key]));
  return {
    name,
    columns: {
      'µs user': of('userUs').toFixed(1),
      'µs system': of('systemUs').toFixed(1),
      reads: of('reads').toFixed(2),
      writes: of('writes').toFixed(2),
    },
  };
}

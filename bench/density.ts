/**
 * How much memory functions take that nobody asks: workers that are idle, before and after they have had requests,
 * beside the same hello as a bare `node:http` server; and deployments that sleep, which is what the platform's own
 * processes keep of them. PSS: what processes share counts once, in equal parts.
 */
import http from 'node:http';
import { once } from 'node:events';
import { type Platform, startPlatform } from '../test/support/platform.ts';
import { descendantsOf } from '../test/support/processes.ts';
import { DeployedApp } from './support/deployed-app.ts';
import { deployFleet } from './support/cold-fleet.ts';
import { addSleepingDeployments } from './support/many-deployments.ts';
import { startAlone } from './support/peers.ts';
import { proportionalSizes, sizeOfSandboxed } from './support/process-sizes.ts';
import type { BenchResult, BenchRow } from './support/result.ts';
import { median } from './support/statistics.ts';
import type { LoadTarget } from './support/wrk.ts';

const WORKERS = 40;
/** Of those: they are asked often. */
const BUSY = 8;
const REQUESTS = 10_000;
const CONNECTIONS = 16;
const SLEEPING = 10_000;
/** Which of the platform's processes know of each deployment. */
const KEEPERS = ['data', 'control', 'supervisor'];
/** By then nothing is on its way any more, and V8 has collected what it collects when it is idle. */
const SETTLE_MS = 10_000;

/** Its worker calls itself by that title, and is so told from zygotes. */
const sourceOf = (title: string, number: number): string =>
  `process.title = '${title}';\n` +
  `export const handler = async () => ({ statusCode: 200, body: { message: 'Hello ${number}' } });\n`;

const PARTS: Record<string, (platform: Platform) => Promise<BenchRow[]>> = {
  servers: measureServers,
  workers: measureWorkers,
  sleeping: measureSleeping,
};

export async function benchDensity(part?: string): Promise<BenchResult> {
  await using platform = await startPlatform();
  const rows: BenchRow[] = [];
  for (const [name, measure] of Object.entries(PARTS)) {
    if (part === undefined || part === name) rows.push(...(await measure(platform)));
  }
  return {
    name: 'density',
    about: `PSS of ${WORKERS} idle workers, and of ${BUSY} after ${REQUESTS} requests each; what ${SLEEPING} sleeping deployments add to the platform`,
    rows,
  };
}

async function measureServers(): Promise<BenchRow[]> {
  await using cleanup = new AsyncDisposableStack();
  const targets: LoadTarget[] = [];
  while (targets.length < BUSY) targets.push(await startAlone(cleanup, 'node-server.ts'));
  for (const target of targets) await ask(target, 1);
  const sizes = (): number[] =>
    descendantsOf(process.pid)
      .filter(({ commandLine }) => commandLine.includes('node-server.ts'))
      .map(({ pid }) => sizeOfSandboxed(pid));
  const idle = await settled(sizes);
  for (const target of targets) await ask(target, REQUESTS);
  const row = 'a bare node:http server';
  return [rowOf(row, idle), rowOf(`${row}, after ${REQUESTS} requests`, await settled(sizes))];
}

async function measureWorkers(platform: Platform): Promise<BenchRow[]> {
  const idle = await wake(platform, 'idle-hello', WORKERS);
  const busy = await wake(platform, 'busy-hello', BUSY);
  for (const target of busy.targets) await ask(target, REQUESTS);
  return [
    rowOf('an idle worker, hello', await settled(idle.sizes)),
    rowOf(`an idle worker, after ${REQUESTS} requests`, await settled(busy.sizes)),
  ];
}

/** Functions that have answered once. */
async function wake(
  platform: Platform,
  name: string,
  count: number,
): Promise<{ targets: LoadTarget[]; sizes: () => number[] }> {
  const hosts = await deployFleet(platform, { name, count }, (number) => sourceOf(name, number));
  const targets = hosts.map((host) => ({ host, port: platform.port }));
  for (const target of targets) await ask(target, 1);
  const sizes = (): number[] =>
    descendantsOf(platform.pid)
      .filter(({ commandLine }) => commandLine === name)
      .map(({ pid }) => sizeOfSandboxed(pid));
  return { targets, sizes };
}

/** Control makes a snapshot of their routes when it starts, and data routes by it. */
async function measureSleeping(platform: Platform): Promise<BenchRow[]> {
  const app = await DeployedApp.create(platform, 'like');
  try {
    await app.commitCode(sourceOf('like', 0), 'like');
    await app.push();
  } finally {
    await app.dispose();
  }
  const before = await measureRestarted(platform);
  await addSleepingDeployments(platform, { count: SLEEPING, like: 'like' });
  const after = await measureRestarted(platform);
  const grown = KEEPERS.map((name) => (after[name] ?? 0) - (before[name] ?? 0));
  const total = grown.reduce((sum, one) => sum + one, 0);
  return [
    rowOfSleeping(`each of ${SLEEPING} sleeping deployments`, total),
    ...KEEPERS.map((name, index) => rowOfSleeping(`of that, in ${name}`, grown[index] ?? 0)),
  ];
}

function rowOfSleeping(name: string, kilobytes: number): BenchRow {
  const each = `${(kilobytes / SLEEPING).toFixed(2)} KB`;
  return { name, columns: { each, spread: '', processes: '' } };
}

async function measureRestarted(platform: Platform): Promise<Record<string, number>> {
  await platform.restart();
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
  return proportionalSizes(platform.pid);
}

async function settled(sizes: () => number[]): Promise<number[]> {
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
  return sizes();
}

async function ask({ port, host }: LoadTarget, requests: number): Promise<void> {
  const agent = new http.Agent({ keepAlive: true });
  let left = requests;
  const client = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      const request = http.get({ host: '127.0.0.1', port, headers: { host }, agent });
      const [response] = (await once(request, 'response')) as [http.IncomingMessage];
      response.resume();
      await once(response, 'end');
      if (response.statusCode !== 200) throw new Error(`${host}: ${response.statusCode}`);
    }
  };
  await Promise.all(Array.from({ length: Math.min(CONNECTIONS, requests) }, client));
  agent.destroy();
}

function rowOf(name: string, sizes: readonly number[]): BenchRow {
  const megabytes = sizes.map((size) => size / 1000);
  const text = (value: number): string => value.toFixed(1);
  return {
    name,
    columns: {
      each: `${text(median(megabytes))} MB`,
      spread: `${text(Math.min(...megabytes))} – ${text(Math.max(...megabytes))}`,
      processes: sizes.length,
    },
    raw: { megabytes },
  };
}

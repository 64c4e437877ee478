/**
 * Cold starts of large code: the first request to deployments that sleep, each a function with Amazon's client of S3
 * (some 1.5 MB), which makes a presigned URL. The function measures itself how long its module's own evaluation took,
 * and its call; the rest is the platform's: a worker, the code's way into it, compiling, the request and its answer.
 *
 * Every other deployment has lost the code cache that its workers had made, so both kinds alternate in one run. The
 * peer is a `node` that is spawned for the request and runs the same bundle.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, rm } from 'node:fs/promises';
import http from 'node:http';
import { join } from 'node:path';
import { lock } from '../test/support/lockfiles.ts';
import { startPlatform, type Platform } from '../test/support/platform.ts';
import { deployFleet, restartAsleep } from './support/cold-fleet.ts';
import type { BenchResult, BenchRow } from './support/result.ts';
import { percentile } from './support/statistics.ts';

/** Half of them with a code cache. */
const DEPLOYMENTS = 24;
const PERIOD_MS = 500;
const ZYGOTES = 4;
const PEER_STARTS = 8;
/** The door and this client have compiled their code by then, as in a platform that serves. */
const WARM_REQUESTS = 300;
const REGISTRY = 'https://registry.npmjs.org/';
const DEPENDENCIES = {
  '@aws-sdk/client-s3': '3.1169.0',
  '@aws-sdk/s3-request-presigner': '3.1163.0',
};
const CACHES_DEADLINE_MS = 120_000;
const PEER = join(import.meta.dirname, 'peers/spawned-bundle.ts');

/** Evaluated before the packages are. */
const BEGIN = `globalThis.beganAt = performance.now();\n`;

function sourceOf(number: number): string {
  return `import './begin.js';
import { GetObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';

const credentials = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'example' };
const client = new S3Client({ region: 'eu-central-1', credentials });
const evaluationMs = performance.now() - globalThis.beganAt;

export const handler = async () => {
  const beganAt = performance.now();
  const object = new GetObjectCommand({ Bucket: 'bench', Key: 'number-${number}' });
  const url = await getSignedUrl(client, object, { expiresIn: 60 });
  return { statusCode: 200, body: { url, evaluationMs, callMs: performance.now() - beganAt } };
};
`;
}

interface Start {
  totalMs: number;
  evaluationMs: number;
  callMs: number;
}

interface Answer extends Start {
  deployment: string;
  isCold: boolean;
}

export async function benchColdBundle(): Promise<BenchResult> {
  await using platform = await startPlatform({ env: { FN_NPM_REGISTRY: REGISTRY } });
  const project = { name: 'bench', type: 'module', dependencies: DEPENDENCIES };
  const locked = await lock('npm', REGISTRY, { 'package.json': JSON.stringify(project) });
  const files = { ...locked, 'begin.js': BEGIN };
  const hosts = await deployFleet(
    platform,
    { name: 'sdk', count: DEPLOYMENTS + 1, files },
    sourceOf,
  );
  const [warm, ...fleet] = await makeCaches(platform, hosts);
  if (warm === undefined) throw new Error('nothing was deployed');
  const withoutCache = fleet.filter((_, index) => index % 2 === 1);
  await platform.stop();
  await removeCaches(platform, withoutCache);
  await restartAsleep(platform, ZYGOTES);
  const starts = await coldStarts(platform, { warm, fleet });
  const rows = [
    rowOf(
      'gitfn, with a code cache',
      starts.filter((_, index) => index % 2 === 0),
    ),
    rowOf(
      'gitfn, without',
      starts.filter((_, index) => index % 2 === 1),
    ),
    rowOf('node spawned for the request', await peerStarts(await bundleFile(platform))),
  ];
  return {
    name: 'cold-bundle',
    about: `first requests to ${DEPLOYMENTS} sleeping deployments of a function with a cloud SDK, ${1_000 / PERIOD_MS} a second, every other with a code cache`,
    rows,
  };
}

interface Deployed {
  host: string;
  deployment: string;
}

/** Asks each function once, and waits until what its worker then makes is kept. */
async function makeCaches(platform: Platform, hosts: readonly string[]): Promise<Deployed[]> {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  const deployed: Deployed[] = [];
  for (const host of hosts) {
    const answer = await ask(platform, host, agent);
    deployed.push({ host, deployment: answer.deployment });
  }
  agent.destroy();
  const endsAt = performance.now() + CACHES_DEADLINE_MS;
  const areKept = async (): Promise<boolean> => {
    const files = await readdir(cachesFolder(platform));
    return files.filter((name) => name.endsWith('.answered')).length === hosts.length;
  };
  while (!(await areKept())) {
    if (performance.now() > endsAt) throw new Error('the workers make no code caches');
    await rest(PERIOD_MS);
  }
  return deployed;
}

function cachesFolder({ dataDir }: Platform): string {
  return join(dataDir, 'code-caches', '0');
}

async function removeCaches(platform: Platform, of: readonly Deployed[]): Promise<void> {
  const folder = cachesFolder(platform);
  for (const name of await readdir(folder)) {
    const isOne = of.some(({ deployment }) => name.includes(`.${deployment}.`));
    if (isOne) await rm(join(folder, name));
  }
}

async function coldStarts(
  platform: Platform,
  { warm, fleet }: { warm: Deployed; fleet: readonly Deployed[] },
): Promise<Start[]> {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  for (let sent = 0; sent < WARM_REQUESTS; sent++) await ask(platform, warm.host, agent);
  await rest(PERIOD_MS);
  const starts: Start[] = [];
  const beganAt = performance.now();
  for (const [index, { host }] of fleet.entries()) {
    await rest(Math.max(0, beganAt + index * PERIOD_MS - performance.now()));
    const answer = await ask(platform, host, agent);
    if (!answer.isCold) throw new Error(`${host} did not start cold`);
    starts.push(answer);
  }
  agent.destroy();
  return starts;
}

/** @throws when it is not answered with 200 */
async function ask({ port }: Platform, host: string, agent: http.Agent): Promise<Answer> {
  const beganAt = performance.now();
  const request = http.get({ host: '127.0.0.1', port, headers: { host }, agent });
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  const totalMs = performance.now() - beganAt;
  const body = (await response.toArray()).join('');
  if (response.statusCode !== 200) throw new Error(`${host} answers ${body}`);
  const measured = JSON.parse(body) as Pick<Start, 'evaluationMs' | 'callMs'>;
  const { headers } = response;
  return {
    ...measured,
    totalMs,
    deployment: String(headers['x-fn-deployment']),
    isCold: headers['x-fn-cold-start'] !== undefined,
  };
}

/** The code of the last deployment. */
async function bundleFile({ dataDir }: Platform): Promise<string> {
  const bundles = join(dataDir, 'store/bundles');
  const [bundle = ''] = (await readdir(bundles)).filter((name) => /^[0-9a-f]{64}$/.test(name));
  return join(bundles, bundle, 'main.js');
}

async function peerStarts(file: string): Promise<Start[]> {
  const starts: Start[] = [];
  for (let number = 0; number < PEER_STARTS; number++) {
    const beganAt = performance.now();
    const child = spawn(process.execPath, [PEER, file], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [answer] = (await once(child.stdout, 'data')) as [Buffer];
    const totalMs = performance.now() - beganAt;
    await once(child, 'close');
    const measured = JSON.parse(answer.toString()) as Pick<Start, 'evaluationMs' | 'callMs'>;
    starts.push({ ...measured, totalMs });
    await rest(PERIOD_MS);
  }
  return starts;
}

function rest(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function rowOf(name: string, starts: readonly Start[]): BenchRow {
  const of = (take: (start: Start) => number, percent: number): number =>
    Number(percentile(starts.map(take), percent).toFixed(1));
  const others = ({ totalMs, evaluationMs, callMs }: Start): number =>
    totalMs - evaluationMs - callMs;
  return {
    name,
    columns: {
      'p50 ms': of(({ totalMs }) => totalMs, 50),
      'p90 ms': of(({ totalMs }) => totalMs, 90),
      'evaluation p50': of(({ evaluationMs }) => evaluationMs, 50),
      'call p50': of(({ callMs }) => callMs, 50),
      'rest p50': of(others, 50),
      'rest p90': of(others, 90),
      starts: starts.length,
    },
    raw: {
      totalMs: starts.map(({ totalMs }) => totalMs),
      evaluationMs: starts.map(({ evaluationMs }) => evaluationMs),
      callMs: starts.map(({ callMs }) => callMs),
    },
  };
}

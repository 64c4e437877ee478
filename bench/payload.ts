/**
 * Bodies: responses of 1 MB, and uploads of 1 GB through a worker of 128 MB, each beside the same behind nginx; and what
 * data and the worker hold while an upload runs, and while a client takes nothing of an endless answer.
 */
import { once } from 'node:events';
import http from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import { startPlatform } from '../test/support/platform.ts';
import { DeployedApp } from './support/deployed-app.ts';
import { startBehindNginx } from './support/peers.ts';
import { proportionalSizes } from './support/process-sizes.ts';
import type { BenchResult, BenchRow } from './support/result.ts';
import { median, spread } from './support/statistics.ts';
import { runWrk, type LoadTarget } from './support/wrk.ts';

const MIB = 1024 * 1024;
const RESPONSE_ROUNDS = 7;
const RESPONSE_SECONDS = 2;
const CONNECTIONS = 8;
const UPLOAD_ROUNDS = 3;
const UPLOAD_BYTES = 1024 * MIB;
const CHUNK = Buffer.alloc(64 * 1024, 'x');
const SAMPLE_MS = 250;
const SLOW_MS = 4_000;
const NAME = 'payload';
const CODE = `
const body = Buffer.alloc(${MIB}, 'x');
const endless = () => new ReadableStream({ pull: (c) => c.enqueue(new Uint8Array(65536)) }, { highWaterMark: 0 });
export default async (request) => {
  if (request.method !== 'POST') return new Response(request.url.endsWith('/endless') ? endless() : body);
  let bytes = 0;
  for await (const chunk of request.body) bytes += chunk.length;
  return new Response(String(bytes));
};
`;

export async function benchPayload(): Promise<BenchResult> {
  await using cleanup = new AsyncDisposableStack();
  const peer = await startBehindNginx(cleanup, 'payload-server.ts', 'payload.location');
  const platform = cleanup.use(await startPlatform());
  const app = await DeployedApp.create(platform, NAME);
  cleanup.defer(() => app.dispose());
  await app.write({ 'fn.json': JSON.stringify({ memory: 128, maxBodyBytes: 2 * UPLOAD_BYTES }) });
  await app.commitCode(CODE, NAME);
  await app.push();
  const own = { port: platform.port, host: app.host };
  const held = (): number => heldMib(platform.pid);

  const responses = await alternate(RESPONSE_ROUNDS, { own, peer }, async (target) => {
    const load = { connections: CONNECTIONS, seconds: RESPONSE_SECONDS };
    return (await runWrk(target, load)).requestsPerSecond;
  });
  const uploading = new Peak(held);
  const uploads = await alternate(UPLOAD_ROUNDS, { own, peer }, upload);
  const uploadPeak = uploading.stop();
  return {
    name: 'payload',
    about: `MiB/s of bodies, and MiB of PSS that data and the workers have together at most`,
    rows: [
      ...rowsOf('1 MiB responses', responses, held()),
      ...rowsOf('1 GiB upload, 128 MB worker', uploads, uploadPeak),
      row('endless answer, nothing taken', ['', '', '', await whileNothingIsTaken(own, held)]),
    ],
  };
}

type Rates = Record<'own' | 'peer', number[]>;

async function alternate(
  rounds: number,
  targets: Record<keyof Rates, LoadTarget>,
  measure: (target: LoadTarget) => Promise<number>,
): Promise<Rates> {
  const rates: Rates = { own: [], peer: [] };
  for (let round = 0; round < rounds; round++) {
    rates.own.push(await measure(targets.own));
    rates.peer.push(await measure(targets.peer));
  }
  return rates;
}

/** MiB/s. */
async function upload({ port, host }: LoadTarget): Promise<number> {
  const beganAt = performance.now();
  const headers = { host, 'content-length': UPLOAD_BYTES };
  const request = http.request({ host: '127.0.0.1', port, method: 'POST', headers, agent: false });
  const answered = once(request, 'response') as Promise<[http.IncomingMessage]>;
  for (let sent = 0; sent < UPLOAD_BYTES; sent += CHUNK.length) {
    if (!request.write(CHUNK)) await once(request, 'drain');
  }
  request.end();
  const [response] = await answered;
  const text = Buffer.concat(await response.toArray()).toString();
  if (text !== String(UPLOAD_BYTES))
    throw new Error(`${response.statusCode} ${text.slice(0, 200)}`);
  return UPLOAD_BYTES / MIB / ((performance.now() - beganAt) / 1000);
}

/** Most of what they had while a client asked for an endless answer and read nothing but its head. */
async function whileNothingIsTaken(
  { port, host }: LoadTarget,
  held: () => number,
): Promise<number> {
  const peak = new Peak(held);
  const request = http.get({ host: '127.0.0.1', port, path: '/endless', headers: { host } });
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  await wait(SLOW_MS);
  response.destroy();
  return peak.stop();
}

/** The highest of what is looked at now and then. */
class Peak {
  readonly #look: () => number;
  readonly #timer: NodeJS.Timeout;
  #most = 0;

  constructor(look: () => number) {
    this.#look = look;
    this.#timer = setInterval(() => this.#take(), SAMPLE_MS);
  }

  stop(): number {
    clearInterval(this.#timer);
    this.#take();
    return this.#most;
  }

  #take(): void {
    this.#most = Math.max(this.#most, this.#look());
  }
}

function heldMib(supervisor: number): number {
  const { data = 0, workers = 0 } = proportionalSizes(supervisor);
  return Math.round((data + workers) / 1024);
}

function rowsOf(name: string, { own, peer }: Rates, most: number): BenchRow[] {
  const ratios = own.map((rate, round) => rate / (peer[round] ?? NaN));
  const ratio = Number(median(ratios).toFixed(2));
  return [
    row(`${name}, gitfn`, [Math.round(median(own)), ratio, spread(ratios), most]),
    row(`${name}, nginx → node`, [Math.round(median(peer)), 1, '', '']),
  ];
}

function row(name: string, values: [...(string | number)[]]): BenchRow {
  const [rate = '', ratio = '', between = '', most = ''] = values;
  return {
    name,
    columns: { 'MiB/s': rate, '× nginx → node': ratio, spread: between, 'PSS MiB': most },
  };
}

/**
 * HTTPS, beside nginx that ends TLS with the same certificate in front of node: warm requests over connections that are
 * kept (HTTP/1.1 by wrk, HTTP/2 by h2load), connections that are made for one request each, and what a cold function adds
 * to the first request over a connection that is made for it. Rounds are interleaved; a ratio is taken within each.
 */
import { makeCertificate } from '../test/support/certificates.ts';
import { startPlatform } from '../test/support/platform.ts';
import { serveCertificates } from '../test/support/served-certificates.ts';
import { deployFleet, zygotesReady } from './support/cold-fleet.ts';
import { DeployedApp } from './support/deployed-app.ts';
import { timeFromHandshakeMs } from './support/first-byte.ts';
import { runH2load } from './support/h2load.ts';
import { type HandshakeKind, runHandshakes } from './support/handshakes.ts';
import { startBehindSecureNginx } from './support/peers.ts';
import { freePort } from './support/processes.ts';
import { processorUs } from './support/processor-time.ts';
import type { BenchResult, BenchRow } from './support/result.ts';
import { median, percentile, spread } from './support/statistics.ts';
import { type LoadTarget, runWrk } from './support/wrk.ts';

const ROUNDS = 7;
const SECONDS = 2;
const CONNECTIONS = 64;
/** As many requests at a time as over HTTP/1.1. */
const H2_CONNECTIONS = 16;
const STREAMS = 4;
const HANDSHAKE_CLIENTS = 16;
const COLD_STARTS = 50;
/** Zygotes are made anew meanwhile. */
const COLD_PERIOD_MS = 200;
/** What a platform keeps that nobody has told otherwise. */
const ZYGOTES = 4;
const LAMBDA = `export const handler = async () => ({ statusCode: 200, body: { message: 'Hello World' } });\n`;
const SUBJECTS = ['nginx → node', 'gitfn'] as const;
const [REFERENCE] = SUBJECTS;
/** Whose processor time is the server's, by command line. */
const SERVERS: Record<Subject, string[]> = {
  'nginx → node': ['nginx', 'node-server.ts'],
  gitfn: ['programs/data.mjs', '/runner.cjs'],
};

type Subject = (typeof SUBJECTS)[number];
type Targets = Record<Subject, LoadTarget>;

interface Sample {
  perSecond: number;
  failures: number;
  /** Of the server, for each request. */
  serverUs: number;
}

interface Kind {
  name: string;
  run: (target: LoadTarget) => Promise<Omit<Sample, 'serverUs'>>;
}

const KINDS: readonly Kind[] = [
  { name: 'warm, HTTP/1.1', run: (target) => wrk(target, false) },
  { name: 'warm, HTTP/2', run: h2load },
  { name: 'a connection each', run: (target) => wrk(target, true) },
  { name: 'a full handshake each', run: (target) => handshakes(target, 'full') },
  { name: 'a resumed handshake each', run: (target) => handshakes(target, 'resumed') },
];

export async function benchTls(): Promise<BenchResult> {
  await using cleanup = new AsyncDisposableStack();
  const certificate = makeCertificate('bench', ['localhost', '*.localhost']);
  const behindNginx = await startBehindSecureNginx(cleanup, 'node-server.ts', certificate);
  const httpsPort = await freePort();
  const env = { HTTPS_PORT: String(httpsPort), ACME_DIRECTORY_URL: 'none' };
  const platform = cleanup.use(await startPlatform({ env }));
  const app = await DeployedApp.create(platform, 'warm');
  cleanup.defer(() => app.dispose());
  await app.commitCode(LAMBDA, 'warm');
  await app.push();
  const [, ...coldHosts] = await deployFleet(
    platform,
    { name: 'cold', count: COLD_STARTS + 1 },
    (number) => `${LAMBDA}// ${number}\n`,
  );
  await serveCertificates(platform, [certificate]);
  await zygotesReady(platform, ZYGOTES);
  const gitfn = { port: httpsPort, host: app.host, isSecure: true };
  const cold = await coldRow(gitfn, coldHosts);
  const rows = await warmRows({ 'nginx → node': behindNginx, gitfn });
  return {
    name: 'tls',
    about: `hello over TLS 1.3 with a key on P-256: ${CONNECTIONS} connections, with HTTP/2 ${H2_CONNECTIONS} of ${STREAMS} streams, ${ROUNDS} interleaved rounds of ${SECONDS} s`,
    rows: [...rows, cold],
  };
}

async function warmRows(targets: Targets): Promise<BenchRow[]> {
  const samples = new Map<string, Record<Subject, Sample[]>>();
  for (const { name } of KINDS) samples.set(name, { 'nginx → node': [], gitfn: [] });
  for (let round = -1; round < ROUNDS; round++) {
    for (const { name, run } of KINDS) {
      for (const subject of SUBJECTS) {
        const sample = await measured(subject, () => run(targets[subject]));
        if (round >= 0) samples.get(name)?.[subject].push(sample); // The first warms up.
      }
    }
  }
  return [...samples].flatMap(([name, of]) => SUBJECTS.map((subject) => rowOf(name, subject, of)));
}

async function measured(
  subject: Subject,
  run: () => Promise<Omit<Sample, 'serverUs'>>,
): Promise<Sample> {
  const before = processorUs(SERVERS[subject]);
  const result = await run();
  const usedUs = processorUs(SERVERS[subject]) - before;
  return { ...result, serverUs: usedUs / (result.perSecond * SECONDS) };
}

function rowOf(name: string, subject: Subject, of: Record<Subject, Sample[]>): BenchRow {
  const rates = of[subject].map(({ perSecond }) => perSecond);
  const ratios = rates.map((rate, round) => rate / (of[REFERENCE][round]?.perSecond ?? NaN));
  return {
    name: `${name}: ${subject}`,
    columns: {
      'per second': Math.round(median(rates)),
      [`× ${REFERENCE}`]: Number(median(ratios).toFixed(2)),
      spread: spread(ratios),
      'server µs each': Math.round(median(of[subject].map(({ serverUs }) => serverUs))),
      failures: of[subject].reduce((sum, { failures }) => sum + failures, 0),
    },
  };
}

async function wrk(target: LoadTarget, isClosing: boolean): Promise<Omit<Sample, 'serverUs'>> {
  const load = { connections: CONNECTIONS, seconds: SECONDS, isClosing };
  const { requestsPerSecond, failures } = await runWrk(target, load);
  return { perSecond: requestsPerSecond, failures };
}

async function h2load(target: LoadTarget): Promise<Omit<Sample, 'serverUs'>> {
  const load = { connections: H2_CONNECTIONS, streams: STREAMS, seconds: SECONDS };
  const { requestsPerSecond, failures } = await runH2load(target, load);
  return { perSecond: requestsPerSecond, failures };
}

async function handshakes(
  target: LoadTarget,
  kind: HandshakeKind,
): Promise<Omit<Sample, 'serverUs'>> {
  return runHandshakes(target, { kind, clients: HANDSHAKE_CLIENTS, seconds: SECONDS });
}

/** In pairs: the first request to a sleeping function, and one to a warm one, each over a connection of its own. */
async function coldRow(warm: LoadTarget, coldHosts: readonly string[]): Promise<BenchRow> {
  for (let request = 0; request < COLD_STARTS; request++) await timeFromHandshakeMs(warm);
  const coldMs: number[] = [];
  const warmMs: number[] = [];
  for (const host of coldHosts) {
    await new Promise((resolve) => setTimeout(resolve, COLD_PERIOD_MS));
    coldMs.push(await timeFromHandshakeMs({ ...warm, host }));
    warmMs.push(await timeFromHandshakeMs(warm));
  }
  const at = (values: readonly number[], percent: number): number =>
    Number(percentile(values, percent).toFixed(2));
  return {
    name: 'first request over a new connection, ms: cold p50, warm p50, more, cold p99',
    columns: {
      'cold p50 ms': at(coldMs, 50),
      'warm p50 ms': at(warmMs, 50),
      'more ms': Number((percentile(coldMs, 50) - percentile(warmMs, 50)).toFixed(2)),
      'cold p99 ms': at(coldMs, 99),
    },
  };
}

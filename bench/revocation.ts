/**
 * How long after a revocation has been answered what was open goes on, and whether what comes next is let in: streams of
 * logs and of a push's output by a token, an endless answer of a private deployment by a share link, new requests at each of two data processes.
 */
import http from 'node:http';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { dataProcessesOf, through } from '../test/support/data-processes.ts';
import { startPlatform, type Platform } from '../test/support/platform.ts';
import { DeployedApp } from './support/deployed-app.ts';
import type { BenchResult } from './support/result.ts';
import { median } from './support/statistics.ts';

const ROUNDS = 20;
const DEADLINE_MS = 10_000;
const CODE = `export default () => new Response(
  new ReadableStream({ start: (stream) => stream.enqueue(new TextEncoder().encode('begun')) }),
);
`;
const STREAMS = { 'log stream, NDJSON': '*/*', 'log stream, SSE': 'text/event-stream' } as const;

interface Asked {
  method?: string;
  host?: string;
  path: string;
  headers?: Record<string, string>;
  body?: object;
}

interface Measured {
  endedMs: Record<string, number[]>;
  letInAfterwards: number;
}

export async function benchRevocation(): Promise<BenchResult> {
  await using platform = await startPlatform({ env: { FN_DATA_PROCESSES: '2' } });
  const app = await DeployedApp.create(platform, 'bench');
  const measured: Measured = { endedMs: {}, letInAfterwards: 0 };
  try {
    await app.commitCode(CODE, 'first');
    await app.push();
    await control(platform, { method: 'PUT', path: '/apps/bench/access', body: PRIVATE });
    for (let round = 0; round < ROUNDS; round++) {
      await revokeToken(platform, measured);
      await removeLink(platform, measured);
    }
  } finally {
    await app.dispose();
  }
  const { endedMs, letInAfterwards } = measured;
  return {
    name: 'revocation',
    about: `from the answer to a revocation to the end of what was open by it, milliseconds, ${ROUNDS} rounds`,
    rows: [
      ...Object.entries(endedMs).map(([name, values]) => row(name, values)),
      {
        name: 'let in afterwards',
        columns: { 'median ms': '', 'max ms': '', requests: letInAfterwards },
      },
    ],
  };
}

const PRIVATE = { production: 'private' };

function row(name: string, values: number[]): BenchResult['rows'][number] {
  const columns = {
    'median ms': median(values).toFixed(1),
    'max ms': Math.max(...values).toFixed(1),
    requests: values.length,
  };
  return { name, columns, raw: { ms: values } };
}

async function revokeToken(platform: Platform, measured: Measured): Promise<void> {
  const body = { name: 'reader', role: 'viewer' };
  const made = await control(platform, { method: 'POST', path: '/tokens', body });
  const { id, token } = JSON.parse(made) as { id: string; token: string };
  const path = '/apps/bench/logs?tail=true';
  const headers = { authorization: `Bearer ${token}` };
  const open = await Promise.all(
    Object.entries(STREAMS).map(async ([name, accept]) => {
      const stream = await begin(platform, { path, headers: { ...headers, accept } });
      return { name, stream };
    }),
  );
  await end(platform, `/tokens/${id}`, open);
  await note(open, measured);
  await askAtEach(platform, { path: '/apps/bench', headers }, measured);
}

async function removeLink(platform: Platform, measured: Measured): Promise<void> {
  const made = await control(platform, {
    method: 'POST',
    path: '/apps/bench/share-links',
    body: {},
  });
  const { id, url } = JSON.parse(made) as { id: string; url: string };
  const headers = { 'x-fn-share': new URL(url).searchParams.get('fn-share') ?? '' };
  const asked = { host: 'bench.localhost', path: '/', headers };
  const pids = dataProcessesOf(platform);
  const open = [];
  for (const [at, pid] of pids.entries()) {
    const stream = await through(platform, pid, () => begin(platform, asked));
    open.push({ name: `private deployment, data process ${at + 1}`, stream });
  }
  await end(platform, `/apps/bench/share-links/${id}`, open);
  await note(open, measured);
  await askAtEach(platform, asked, measured);
}

interface Open {
  name: string;
  stream: http.IncomingMessage;
}

async function end(platform: Platform, path: string, open: readonly Open[]): Promise<void> {
  const early = open.find(({ stream }) => stream.closed);
  if (early !== undefined) throw new Error(`${early.name} has ended by itself`);
  await control(platform, { method: 'DELETE', path });
}

/** What is still open at the answer of the revocation is waited for. */
async function note(open: readonly Open[], { endedMs }: Measured): Promise<void> {
  const answeredAt = performance.now();
  await Promise.all(
    open.map(async ({ name, stream }) => {
      if (!stream.closed) await closed(name, stream);
      (endedMs[name] ??= []).push(performance.now() - answeredAt);
    }),
  );
}

/** That it is cut off is an error of the stream, and none here. */
function closed(name: string, stream: http.IncomingMessage): Promise<void> {
  return new Promise((resolve, reject) => {
    const late = new Error(`${name} goes on`);
    const timer = setTimeout(() => reject(late), DEADLINE_MS);
    stream.on('close', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

async function askAtEach(platform: Platform, asked: Asked, measured: Measured): Promise<void> {
  for (const pid of dataProcessesOf(platform)) {
    const answer = await through(platform, pid, () => ask(platform, asked));
    if (answer.statusCode !== 401) measured.letInAfterwards += 1;
    answer.destroy();
  }
}

/** Resolves when some of it has come. */
async function begin(platform: Platform, asked: Asked): Promise<http.IncomingMessage> {
  const response = await ask(platform, asked);
  if (response.statusCode !== 200) throw new Error(`${asked.path}: ${response.statusCode}`);
  response.on('error', () => {}); // It is cut off, and closes.
  response.resume();
  return response;
}

async function control(platform: Platform, asked: Asked): Promise<string> {
  const headers = { authorization: `Bearer ${platform.adminToken}` };
  const response = await ask(platform, { ...asked, headers });
  const answer = await text(response);
  const { statusCode = 0 } = response;
  if (statusCode < 200 || statusCode > 299)
    throw new Error(`${asked.path}: ${statusCode} ${answer}`);
  return answer;
}

async function ask(
  { port }: Platform,
  { method = 'GET', host = 'localhost', path, headers, body }: Asked,
): Promise<http.IncomingMessage> {
  const content = body === undefined ? '' : JSON.stringify(body);
  const request = http.request({
    host: '127.0.0.1',
    port,
    method,
    path,
    headers: {
      ...headers,
      host,
      ...(content !== '' && {
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(content),
      }),
    },
    agent: false,
  });
  request.end(content);
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  return response;
}

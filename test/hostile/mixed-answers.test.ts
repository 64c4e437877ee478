/**
 * No answer ever holds a byte of another's: the memory that answers pass through is used again, for the next
 * answer of whoever it is of. Apps answer bodies that say whose they are in every few bytes, of all sizes and in all ways,
 * many at once, while some of the clients go away in the middle.
 */
import http from 'node:http';
import { buffer } from 'node:stream/consumers';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { createRepository } from '../support/repository.ts';
import { usePlatform } from '../support/use-platform.ts';

const platform = usePlatform();

const APPS = ['first', 'second', 'third'];
const WAYS = ['whole', 'pieces', 'echo'] as const;
const CLIENTS = 48;
const REQUESTS = 4_000;
const MAX_BYTES = 300_000;
/** Of so many requests one is given up before its answer has come. */
const GIVEN_UP = 17;
/** Of so many one is answered at length, and read late: the kernel keeps a part of it, and the door has to keep another. */
const READ_LATE = 101;
const LONG_BYTES = 12_000_000;
const LATE_MS = 300;

/** As the function below makes it. */
function bodyOf(app: string, id: number, bytes: number): string {
  return `${app} ${id};`.repeat(Math.ceil(bytes / 8)).slice(0, bytes);
}

const CODE = (app: string): string => `
const bodyOf = (id, bytes) => ('${app} ' + id + ';').repeat(Math.ceil(bytes / 8)).slice(0, bytes);
export default async (request) => {
  const { pathname, searchParams } = new URL(request.url);
  if (pathname === '/echo') return new Response(request.body);
  const text = bodyOf(searchParams.get('id'), Number(searchParams.get('bytes')));
  if (pathname === '/whole') return new Response(text);
  const encoder = new TextEncoder();
  const { readable, writable } = new TransformStream();
  const writer = writable.getWriter();
  (async () => {
    for (let at = 0; at < text.length; at += 7001) await writer.write(encoder.encode(text.slice(at, at + 7001)));
    await writer.close();
  })().catch(() => {});
  return new Response(readable);
};
`;

/** The same sizes at each run; most of them small. */
function sizeOf(id: number): number {
  if (id % READ_LATE === 0) return LONG_BYTES;
  const fraction = ((id * 2_654_435_761) % 4_294_967_296) / 4_294_967_296;
  return 1 + Math.floor(fraction ** 4 * MAX_BYTES);
}

it('holds for answers of all sizes and ways, many at once', async () => {
  for (const app of APPS) {
    const repository = await createRepository(platform(), app);
    await repository.commit({
      'index.js': CODE(app),
      'fn.json': JSON.stringify({ maxBodyBytes: LONG_BYTES, memory: 512 }),
    });
    const { code, output } = await repository.push('main');
    expect(code, output).toBe(0);
  }
  const agent = new http.Agent({ keepAlive: true, maxSockets: CLIENTS });
  let next = 0;
  let wholeAnswers = 0;
  const wrong: string[] = [];
  const client = async (): Promise<void> => {
    while (next < REQUESTS) {
      const id = next++;
      const app = APPS[id % APPS.length] ?? '';
      const expected = bodyOf(app, id, sizeOf(id));
      const got = await askFor(agent, { app, id, expected });
      if (got === null) continue;
      wholeAnswers += 1;
      if (got !== expected) wrong.push(`${app} ${id}: ${got.length} bytes, ${got.slice(0, 80)}`);
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, client));
  agent.destroy();
  expect(wrong).toEqual([]);
  expect(wholeAnswers).toBe(REQUESTS - Math.ceil(REQUESTS / GIVEN_UP));
}, 120_000);

/** Null for one that was given up. */
async function askFor(
  agent: http.Agent,
  { app, id, expected }: { app: string; id: number; expected: string },
): Promise<string | null> {
  const way = WAYS[Math.floor(id / APPS.length) % WAYS.length] ?? 'whole';
  const request = http.request({
    host: '127.0.0.1',
    port: platform().port,
    method: way === 'echo' ? 'POST' : 'GET',
    path: `/${way}?id=${id}&bytes=${expected.length}`,
    headers: { host: `${app}.localhost` },
    agent,
  });
  request.end(way === 'echo' ? expected : undefined);
  const isGivenUp = id % GIVEN_UP === 0;
  try {
    const [response] = (await once(request, 'response')) as [http.IncomingMessage];
    if (isGivenUp) response.destroy();
    if (isGivenUp) return null;
    if (id % READ_LATE === 0) await delay(LATE_MS);
    return (await buffer(response)).toString('latin1');
  } catch (error) {
    return isGivenUp ? null : String(error);
  }
}

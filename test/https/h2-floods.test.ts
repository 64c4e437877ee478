/** Clients that send frames to cost, not to ask (R7): each loses its connection, and others are served meanwhile. */
import type { ClientHttp2Session } from 'node:http2';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { askOn, connectH2 } from '../support/ask-h2.ts';
import type { DataPlane } from '../support/data-plane.ts';
import { startSecureDataPlane } from '../support/secure-data-plane.ts';
import {
  END_HEADERS,
  END_STREAM,
  fieldBlock,
  frame,
  get,
  number,
  post,
  RawH2,
  setting,
  TYPES,
} from '../support/raw-h2.ts';

const HELLO = 'hello.localhost';
const ENHANCE_YOUR_CALM = 11;
const INITIAL_WINDOW_SIZE = 4;
const MAX_FRAME_BYTES = 16 * 1024;

let data: DataPlane;
let port: number;
let neighbour: ClientHttp2Session;
const clients: RawH2[] = [];

beforeAll(async () => {
  ({ data, httpsPort: port } = await startSecureDataPlane());
  await data.deploy(
    `let asked = 0;
    export default { fetch(request) {
      const { pathname } = new URL(request.url);
      if (pathname === '/asked') return new Response(String(asked));
      if (pathname === '/headers') return Response.json(Object.fromEntries(request.headers));
      if (pathname === '/large') return new Response('x'.repeat(3_000_000));
      asked += 1;
      return request.method === 'POST' ? request.text().then((text) => new Response(text)) : new Response('hello');
    } };`,
  );
  neighbour = connectH2(port);
});
afterEach(() => clients.splice(0).forEach((client) => client.destroy()));
afterAll(async () => {
  neighbour.close();
  await data.close();
});

async function connect(settings: Buffer = Buffer.alloc(0)): Promise<RawH2> {
  const client = await RawH2.connect(port, settings);
  clients.push(client);
  return client;
}

async function asked(): Promise<number> {
  return Number((await askOn(neighbour, HELLO, { path: '/asked' })).body.toString());
}

/** With a reason; what the kernel throws away behind an end takes that along at times. */
function isEnded({ socket, endCode }: RawH2): boolean {
  return socket.destroyed && endCode !== 0;
}

/** Asks as a neighbour until `flood` has ended; resolves with how many answers there were, all of them good. */
async function servedDuring(flood: Promise<unknown>): Promise<number> {
  const state = { isOver: false };
  void flood.finally(() => (state.isOver = true));
  let answers = 0;
  do {
    const { body } = await askOn(neighbour, HELLO);
    if (body.toString() === 'hello') answers += 1;
  } while (!state.isOver);
  await flood;
  return answers;
}

const reset = (stream: number, code: number): Buffer =>
  Buffer.concat([get(stream, HELLO), frame(TYPES.reset, stream, { payload: number(code) })]);

describe('a flood of resets', () => {
  it.each([
    ['CANCEL', 8],
    ['NO_ERROR', 0],
  ])('by %s ends its connection, and few of its requests begin', async (_what, code) => {
    const before = await asked();
    const client = await connect();
    client.send(...Array.from({ length: 10_000 }, (_, at) => reset(2 * at + 1, code)));
    const served = await servedDuring(client.closed);
    expect(served).toBeGreaterThan(0);
    expect(isEnded(client)).toBe(true);
    expect((await asked()) - before - served).toBeLessThan(500);
  });

  it('that comes piece by piece ends with the reason', async () => {
    const client = await connect();
    let stream = 1;
    const sending = (async () => {
      for (; !client.socket.destroyed && stream < 20_000; stream += 2) {
        client.send(reset(stream, 8));
        await new Promise((resolve) => setImmediate(resolve));
      }
      await client.closed;
    })();
    expect(await servedDuring(sending)).toBeGreaterThan(0);
    expect(client.endCode).toBe(ENHANCE_YOUR_CALM);
  });

  it('that nghttp2 is made to send counts as well', async () => {
    const client = await connect();
    const one = (stream: number): Buffer =>
      Buffer.concat([post(stream, HELLO), frame(TYPES.window, stream, { payload: number(0) })]);
    client.send(...Array.from({ length: 2_000 }, (_, at) => one(2 * at + 1)));
    expect(await servedDuring(client.closed)).toBeGreaterThan(0);
    expect(isEnded(client)).toBe(true);
  });
});

describe('a flood of frames ends its connection', () => {
  const ping = frame(TYPES.ping, 0, { payload: Buffer.alloc(8) });
  const open = post(1, HELLO);
  const times = (count: number, one: Buffer): Buffer =>
    Buffer.concat(Array.from({ length: count }, () => one));

  it.each<[string, Buffer, Buffer]>([
    ['PING', Buffer.alloc(0), ping],
    ['SETTINGS', Buffer.alloc(0), frame(TYPES.settings, 0)],
    [
      'SETTINGS that change something',
      Buffer.alloc(0),
      frame(TYPES.settings, 0, { payload: setting(INITIAL_WINDOW_SIZE, 9) }),
    ],
    ['PRIORITY', Buffer.alloc(0), frame(TYPES.priority, 3, { payload: Buffer.alloc(5) })],
    ['WINDOW_UPDATE', Buffer.alloc(0), frame(TYPES.window, 0, { payload: number(1) })],
    ['empty DATA', open, frame(TYPES.data, 1)],
    [
      'DATA of padding',
      open,
      frame(TYPES.data, 1, {
        flags: 8,
        payload: Buffer.concat([Buffer.from([250]), Buffer.alloc(250)]),
      }),
    ],
    ['what HTTP/2 does not know', Buffer.alloc(0), frame(0xee, 0, { payload: Buffer.alloc(100) })],
  ])('%s', async (_what, before, one) => {
    const client = await connect();
    client.send(before);
    expect(await servedDuring(client.flood(times(1_000, one)))).toBeGreaterThan(0);
    expect(isEnded(client)).toBe(true);
  });

  it('PING whose answers are left untaken', async () => {
    const client = await connect();
    client.socket.pause();
    expect(await servedDuring(client.flood(times(1_000, ping)))).toBeGreaterThan(0);
  });
});

describe('a head in many pieces', () => {
  const begun = frame(TYPES.headers, 1, {
    payload: fieldBlock({
      ':method': 'GET',
      ':scheme': 'https',
      ':authority': HELLO,
      ':path': '/',
    }),
  });

  it('without end ends its connection', async () => {
    const client = await connect();
    const payload = fieldBlock({ 'x-a': 'b' });
    const more = Array.from({ length: 10_000 }, () => frame(TYPES.continuation, 1, { payload }));
    client.send(begun, ...more);
    expect(await servedDuring(client.closed)).toBeGreaterThan(0);
    expect(isEnded(client)).toBe(true);
  });

  it('of nothing without end ends its connection', async () => {
    const client = await connect();
    client.send(begun);
    expect(await servedDuring(client.flood(frame(TYPES.continuation, 1)))).toBeGreaterThan(0);
    expect(isEnded(client)).toBe(true);
  });

  it('that is too large is none', async () => {
    const before = await asked();
    const client = await connect();
    const payload = fieldBlock({ 'x-a': 'b'.repeat(MAX_FRAME_BYTES - 10) });
    const more = Array.from({ length: 4 }, () => frame(TYPES.continuation, 1, { payload }));
    client.send(begun, ...more, frame(TYPES.continuation, 1, { flags: END_HEADERS | END_STREAM }));
    client.send(get(3, HELLO, '/asked'));
    await expect
      .poll(() => client.of(TYPES.headers).length + client.of(TYPES.goaway).length)
      .toBeGreaterThan(0);
    expect(await asked()).toBe(before);
  });
});

describe('what is no HTTP/2', () => {
  it.each<[string, Buffer]>([
    [
      'a frame larger than may be',
      frame(TYPES.data, 1, { payload: Buffer.alloc(MAX_FRAME_BYTES + 1) }),
    ],
    ['DATA of no stream', frame(TYPES.data, 0, { payload: Buffer.from('a') })],
    ['a stream of the server', get(2, HELLO)],
    [
      'a head that HPACK does not read',
      frame(TYPES.headers, 1, { flags: END_HEADERS, payload: Buffer.alloc(9, 0xff) }),
    ],
    ['a SETTINGS of five bytes', frame(TYPES.settings, 0, { payload: Buffer.alloc(5) })],
    ['HTTP/1.1', Buffer.from('GET / HTTP/1.1\r\nHost: hello.localhost\r\n\r\n')],
  ])('ends its connection: %s', async (_what, bytes) => {
    const before = await asked();
    const client = await connect();
    client.send(bytes);
    await client.closed;
    expect(isEnded(client)).toBe(true);
    expect(await asked()).toBe(before);
  });

  it.each<[string, Record<string, string>]>([
    ['a field of the connection', { connection: 'close' }],
    ['a coding of the message', { 'transfer-encoding': 'chunked' }],
    ['an upgrade', { upgrade: 'h2c' }],
    ['TE but for trailers', { te: 'gzip' }],
    ['a name in upper case', { 'X-A': 'b' }],
    ['a length that is none', { 'content-length': '+5' }],
    ['a body that is not there', { 'content-length': '5' }],
    ['a pseudo-header field behind others', { ':path': '/' }],
  ])('is never asked of a function: %s', async (_what, fields) => {
    const before = await asked();
    const client = await connect();
    const all = {
      ':method': 'GET',
      ':scheme': 'https',
      ':authority': HELLO,
      'x-first': '1',
      ':path': '/',
      ...fields,
    };
    const { ':path': path, ...rest } = all;
    const inOrder = ':path' in fields ? { ...rest, ':path': path } : { ':path': path, ...rest };
    client.send(
      frame(TYPES.headers, 1, { flags: END_STREAM | END_HEADERS, payload: fieldBlock(inOrder) }),
    );
    await expect
      .poll(() => client.of(TYPES.reset).length + client.of(TYPES.goaway).length)
      .toBeGreaterThan(0);
    expect(client.of(TYPES.headers)).toEqual([]);
    expect(await asked()).toBe(before);
  });
});

it('leaves a field out whose value holds a line end', async () => {
  const client = await connect();
  const fields = { ':method': 'GET', ':scheme': 'https', ':authority': HELLO, ':path': '/headers' };
  const payload = fieldBlock({ ...fields, 'x-a': 'b\r\nx-b: c', 'x-c': 'd' });
  client.send(frame(TYPES.headers, 1, { flags: END_STREAM | END_HEADERS, payload }));
  await expect.poll(() => client.of(TYPES.data).length).toBeGreaterThan(0);
  const seen = client.of(TYPES.data)[0]?.payload.toString() ?? '';
  expect(seen).toContain('"x-c":"d"');
  expect(seen).not.toMatch(/x-[ab]/);
});

describe('a client that takes little', () => {
  it('by windows of one byte ends its connection', async () => {
    const client = await connect(setting(INITIAL_WINDOW_SIZE, 1));
    client.send(get(1, HELLO, '/large'));
    const more = Buffer.concat(
      Array.from({ length: 1_000 }, () => frame(TYPES.window, 1, { payload: number(1) })),
    );
    expect(await servedDuring(client.flood(more))).toBeGreaterThan(0);
  });

  it('holds no more of an answer than its window, whatever the function sends', async () => {
    const client = await connect(setting(INITIAL_WINDOW_SIZE, 0));
    client.send(...Array.from({ length: 20 }, (_, at) => get(2 * at + 1, HELLO, '/large')));
    await expect.poll(() => client.of(TYPES.headers).length).toBe(20);
    expect((await askOn(neighbour, HELLO)).body.toString()).toBe('hello');
    expect(client.of(TYPES.data)).toEqual([]);
  });
});

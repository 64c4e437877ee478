/** What is asked over HTTP/2 is answered as over HTTP/1.1. */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import type http from 'node:http';
import type { ClientHttp2Session } from 'node:http2';
import https from 'node:https';
import { buffer } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  askH2,
  askOn,
  connectH2,
  openStream,
  readAnswer,
  type H2Question,
} from '../support/ask-h2.ts';
import type { DataPlane } from '../support/data-plane.ts';
import { eventually } from '../support/eventually.ts';
import { deployPublic } from '../support/public-bundle.ts';
import { startSecureDataPlane } from '../support/secure-data-plane.ts';

const run = promisify(execFile);

/** Says what it was asked, or does what its path names. */
const FUNCTION = `
const NAMES = ['accept', 'cookie', 'content-type', 'content-length', 'host', 'x-a', 'x-b', 'x-forwarded-for'];
export default {
  async fetch(request) {
    const { pathname, search } = new URL(request.url);
    if (pathname === '/echo') return new Response(request.body);
    if (pathname === '/empty') return new Response(null, { status: 204 });
    if (pathname === '/reset') return new Response(null, { status: 205 });
    if (pathname === '/cached') return new Response(null, { status: 304, headers: { etag: '"a"' } });
    if (pathname === '/throws') throw new Error('on purpose');
    if (pathname === '/teapot') return new Response('short and stout', { status: 418 });
    if (pathname === '/large') return new Response('x'.repeat(3_000_000));
    if (pathname === '/headers') {
      const headers = new Headers({ 'x-spaced': ' a  b ', 'x-latin': 'gr\\u00fc\\u00df', connection: 'close' });
      headers.append('set-cookie', 'a=1');
      headers.append('set-cookie', 'b=2; Domain=localhost');
      headers.append('set-cookie', 'c=3');
      return new Response('headers', { headers });
    }
    if (pathname === '/many') {
      const names = Array.from({ length: 99 }, (_, at) => ['x-many-' + at, 'm'.repeat(600)]);
      return new Response('many', { headers: Object.fromEntries(names) });
    }
    if (pathname === '/stream') {
      return new Response(new ReadableStream({
        start(controller) {
          for (const part of ['one ', 'two ', 'three']) controller.enqueue(new TextEncoder().encode(part));
          controller.close();
        },
      }));
    }
    const body = await request.text();
    const headers = Object.fromEntries(NAMES.map((name) => [name, request.headers.get(name)]));
    return Response.json({ method: request.method, pathname, search, body, headers });
  },
};`;

let data: DataPlane;
let port: number;
let session: ClientHttp2Session;

beforeAll(async () => {
  ({ data, httpsPort: port } = await startSecureDataPlane());
  await data.deploy(FUNCTION, { maxBodyBytes: 8 * 1024 * 1024 });
  await deployPublic(data, 'site', {
    files: { '/index.html': '<h1>site</h1>'.repeat(50), '/large.bin': Buffer.alloc(300_000, 'l') },
    compressed: ['/index.html'],
  });
  session = connectH2(port);
});
afterAll(async () => {
  session.close();
  await data.close();
});

interface Plain {
  status: number;
  headers: Record<string, unknown>;
  body: string;
}

/** Of the connection, or of the one request. */
const OF_ITSELF = [
  'connection',
  'keep-alive',
  'transfer-encoding',
  'date',
  'x-request-id',
  'x-fn-cold-start',
];

function plain(status: number, headers: object, body: Buffer): Plain {
  const kept = Object.entries(headers).filter(([name]) => !OF_ITSELF.includes(name));
  // An error names the request that it answers.
  const text = body.toString('latin1').replace(/"requestId":"[^"]+"/, '');
  return { status, headers: Object.fromEntries(kept), body: text };
}

async function overHttp1(host: string, question: H2Question): Promise<Plain> {
  const request = https.request({
    host: '127.0.0.1',
    port,
    servername: 'localhost',
    rejectUnauthorized: false,
    method: question.method ?? 'GET',
    path: question.path ?? '/',
    headers: { host, ...(question.headers as http.OutgoingHttpHeaders) },
    agent: false,
  });
  request.end(question.body);
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  return plain(response.statusCode ?? 0, response.headers, await buffer(response));
}

/** With the length that Node's client of HTTP/1.1 adds by itself. */
async function overHttp2(host: string, question: H2Question): Promise<Plain> {
  const { method = 'GET', body: sent } = question;
  const isBodied = sent !== undefined || ['POST', 'PUT', 'PATCH'].includes(method);
  const length = isBodied ? { 'content-length': Buffer.byteLength(sent ?? '') } : {};
  const asked = { ...question, headers: { ...length, ...question.headers } };
  const { status, headers, body } = await askOn(session, host, asked);
  return plain(status, headers, body);
}

const HELLO = 'hello.localhost';
/** Fifty resets a second, where 200 at once and 20 a second are allowed. */
const PAUSE_MS = 20;
const SITE = 'site.localhost';

/** Of a request, which each has of its own. */
function withoutIds<Asked extends { body: string }>(asked: Asked): Asked {
  return { ...asked, body: asked.body.replace(/"instance":"[^"]+"/, '"instance":"…"') };
}

describe('an answer over HTTP/2 is the one over HTTP/1.1', () => {
  it.each<[string, string, H2Question]>([
    ['a function', HELLO, { path: '/a?b=c' }],
    ['HEAD', HELLO, { method: 'HEAD', path: '/teapot' }],
    ['a body', HELLO, { method: 'POST', body: 'gr\u00fc\u00df' }],
    ['a large body', HELLO, { method: 'PUT', path: '/echo', body: Buffer.alloc(3_000_000, 'b') }],
    [
      'a body that is too large',
      HELLO,
      { method: 'POST', headers: { 'content-length': 9_000_000 }, body: Buffer.alloc(9_000_000) },
    ],
    ['a status', HELLO, { path: '/teapot' }],
    ['204', HELLO, { path: '/empty' }],
    ['304', HELLO, { path: '/cached' }],
    ['headers', HELLO, { path: '/headers' }],
    ['a stream', HELLO, { path: '/stream' }],
    ['a large answer', HELLO, { path: '/large' }],
    ['a failure', HELLO, { path: '/throws' }],
    ['a cookie', HELLO, { headers: { cookie: 'a=1; b=2' } }],
    [
      'headers that only the platform may set',
      HELLO,
      { headers: { 'x-fn-a': '1', 'x-forwarded-for': '1.2.3.4' } },
    ],
    ['no app', 'nobody.localhost', {}],
    ['a file', SITE, {}],
    ['a compressed file', SITE, { headers: { 'accept-encoding': 'br' } }],
    ['a large file', SITE, { path: '/large.bin' }],
    ['the head of a file', SITE, { method: 'HEAD', path: '/large.bin' }],
    ['a piece of a file', SITE, { path: '/large.bin', headers: { range: 'bytes=5-90000' } }],
    ['no file', SITE, { path: '/nothing' }],
    ['a method that files have not', SITE, { method: 'POST', body: 'a' }],
    ['a host of another certificate', 'hello.example.com', {}],
    ['the control host, away', 'localhost', { path: '/apps' }],
    ['health', 'localhost', { path: '/healthz' }],
  ])('%s', async (_what, host, question) => {
    const [one, two] = await Promise.all([overHttp1(host, question), overHttp2(host, question)]);
    expect(withoutIds(two)).toEqual(withoutIds(one));
  });

  it('for any request', async () => {
    const text = fc.string({
      unit: fc.constantFrom('a', 'b', '1', ' ', '/', '?', '%', '=', ';', ','),
    });
    const question = fc.record({
      method: fc.constantFrom('GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS'),
      path: fc
        .array(fc.constantFrom('a', '%20', '..', 'echo', '?', '/', 'x=y', '\\', '\u00fc'))
        .map((parts) => `/${encodeURI(parts.join('/')).replaceAll('%25', '%')}`),
      headers: fc.dictionary(
        fc.constantFrom('x-a', 'x-b', 'accept', 'content-type', 'cookie', 'x_c', 'proxy'),
        text.map((value) => value.trim()),
      ),
    });
    const body = fc.option(fc.string({ minLength: 1 }), { nil: undefined });
    await fc.assert(
      fc.asyncProperty(question, body, async (asked, sent) => {
        const isBodyless = ['GET', 'HEAD', 'DELETE', 'OPTIONS'].includes(asked.method);
        const whole = isBodyless || sent === undefined ? asked : { ...asked, body: sent };
        const [one, two] = [await overHttp1(HELLO, whole), await overHttp2(HELLO, whole)];
        expect(two).toEqual(one);
      }),
      { numRuns: 150 },
    );
  });
});

describe('a stream of HTTP/2', () => {
  it('takes an answer only as fast as its client reads', async () => {
    const stream = openStream(session, HELLO, { path: '/large' });
    stream.pause();
    await once(stream, 'response');
    const { status } = await askOn(session, HELLO, { path: '/teapot' });
    expect(status).toBe(418);
    stream.resume();
    expect((await buffer(stream)).length).toBe(3_000_000);
  });

  it('has as large a head as an answer over HTTP/1.1 may have', async () => {
    const { status, headers } = await askOn(session, HELLO, { path: '/many' });
    expect(status).toBe(200);
    expect(Object.keys(headers).filter((name) => name.startsWith('x-many-'))).toHaveLength(99);
  });

  it('sends a body both ways at once', async () => {
    const stream = openStream(session, HELLO, { method: 'POST', path: '/echo', body: '' });
    expect((await readAnswer(stream)).body.length).toBe(0);
    const both = session.request({ ':method': 'POST', ':path': '/echo', ':authority': HELLO });
    both.write('first');
    const [chunk] = (await once(both, 'data')) as [Buffer];
    expect(chunk.toString()).toBe('first');
    both.end('second');
    const [rest] = (await once(both, 'data')) as [Buffer];
    expect(rest.toString()).toBe('second');
  });

  it('is told to go on before it sends a body', async () => {
    const stream = session.request({
      ':method': 'POST',
      ':path': '/echo',
      ':authority': HELLO,
      expect: '100-continue',
    });
    await once(stream, 'continue');
    stream.end('now');
    expect((await readAnswer(stream)).body.toString()).toBe('now');
  });

  it('is answered without its body when its head alone is refused', async () => {
    const stream = session.request({
      ':method': 'POST',
      ':path': '/',
      ':authority': HELLO,
      'content-length': 9_000_000,
      expect: '100-continue',
    });
    let isAsked = false;
    stream.on('continue', () => (isAsked = true));
    expect((await readAnswer(stream)).status).toBe(413);
    expect(isAsked).toBe(false);
  });

  it('whose large body is refused again and again leaves its connection', async () => {
    const own = connectH2(port);
    const head = { ':method': 'POST', ':path': '/', ':authority': HELLO };
    // Connections are looked at twice a second.
    for (const endsAt = performance.now() + 1_200; performance.now() < endsAt;) {
      const stream = own.request({ ...head, 'content-length': 9_000_000 });
      stream.write(Buffer.alloc(300_000));
      expect((await readAnswer(stream)).status).toBe(413);
      // The client resets each of them: a fast one would be over its budget of resets within the second.
      await delay(PAUSE_MS);
    }
    expect((await askOn(own, HELLO, { path: '/teapot' })).status).toBe(418);
    own.close();
  });

  it('cancels the function whose client has gone', async () => {
    await data.deploy(
      `export default { async fetch(request) {
        if (new URL(request.url).pathname === '/count') return new Response(String(globalThis.aborted ?? 0));
        request.signal.addEventListener('abort', () => (globalThis.aborted = (globalThis.aborted ?? 0) + 1));
        return new Response(new ReadableStream({ start: (c) => c.enqueue(new TextEncoder().encode('begun')) }));
      } };`,
      {},
      'endless',
    );
    const stream = openStream(session, 'endless.localhost');
    await once(stream, 'data');
    stream.close(8);
    await eventually(async () => {
      const { body } = await askOn(session, 'endless.localhost', { path: '/count' });
      return body.toString() === '1';
    });
  });

  it('ends with an error when its answer does not come to its end', async () => {
    await data.deploy(
      `export default { fetch: () => new Response(new ReadableStream({
        async start(c) { c.enqueue(new TextEncoder().encode('begun')); await null; setTimeout(() => process.exit(1), 50); },
      })) };`,
      {},
      'breaks',
    );
    await expect(askOn(session, 'breaks.localhost')).rejects.toThrow('NGHTTP2_INTERNAL_ERROR');
  });

  it('sends trailers, and receives them', async () => {
    await data.deploy(
      `import { createServer } from 'node:http';
      createServer((request, response) => {
        request.resume().on('end', () => {
          response.writeHead(200, { trailer: 'x-sum' });
          response.write('body');
          response.addTrailers({ 'x-sum': JSON.stringify(request.trailers) });
          response.end();
        });
      }).listen(process.env.PORT);`,
      {},
      'trailers',
    );
    const stream = session.request(
      { ':method': 'POST', ':path': '/', ':authority': 'trailers.localhost' },
      { waitForTrailers: true },
    );
    stream.on('wantTrailers', () => stream.sendTrailers({ 'x-sent': 'yes', 'x-fn-a': 'no' }));
    stream.end('body');
    const { body, trailers } = await readAnswer(stream);
    expect(body.toString()).toBe('body');
    expect(trailers['x-sum']).toBe('{"x-sent":"yes"}');
  });
});

describe('a connection of HTTP/2', () => {
  it('answers many streams at once', async () => {
    const answers = await Promise.all(
      Array.from({ length: 250 }, (_, at) => askOn(session, HELLO, { path: `/${at}` })),
    );
    const paths = answers.map(
      ({ body }) => (JSON.parse(body.toString()) as { pathname: string }).pathname,
    );
    expect(paths).toEqual(Array.from({ length: 250 }, (_, at) => `/${at}`));
  });

  it.each([
    ['a tunnel', { ':method': 'CONNECT', ':authority': HELLO }, 405],
    ['TRACE', { ':method': 'TRACE', ':path': '/', ':authority': HELLO }, 405],
    ['another Host', { ':path': '/', ':authority': HELLO, host: SITE }, 400],
    ['17 KiB of headers', { ':path': '/', ':authority': HELLO, 'x-a': 'a'.repeat(17 * 1024) }, 431],
    [
      '101 headers',
      {
        ':path': '/',
        ':authority': HELLO,
        ...Object.fromEntries(Array.from({ length: 101 }, (_, at) => [`x-${at}`, 'a'])),
      },
      431,
    ],
  ])('refuses %s, and goes on', async (_what, headers, status) => {
    expect((await readAnswer(session.request(headers))).status).toBe(status);
    expect((await askOn(session, HELLO, { path: '/teapot' })).status).toBe(418);
  });

  it('answers curl and h2load', async () => {
    const to = `${HELLO}:${port}`;
    const { stdout } = await run('curl', [
      '-sSk',
      '--http2',
      '--resolve',
      `${to}:127.0.0.1`,
      '-d',
      'x=1',
      '-w',
      ' %{http_version}',
      `https://${to}/echo`,
    ]);
    expect(stdout).toBe('x=1 2');
    const load = await run('h2load', [
      '-n500',
      '-c5',
      '-m20',
      `--connect-to=127.0.0.1:${port}`,
      `https://${to}/teapot`,
    ]);
    expect(load.stdout).toContain('500 4xx');
    expect(load.stdout).toContain('0 errored');
  });

  it('ends when its streams have, as the door closes', async () => {
    const { data: other, httpsPort } = await startSecureDataPlane();
    await other.deploy(
      `export default { fetch: () => new Response(new ReadableStream({
        start(c) { c.enqueue(new TextEncoder().encode('begun ')); setTimeout(() => { c.enqueue(new TextEncoder().encode('ended')); c.close(); }, 300); },
      })) };`,
    );
    const idle = connectH2(httpsPort);
    await askOn(idle, HELLO);
    const busy = connectH2(httpsPort);
    const stream = openStream(busy, HELLO);
    const chunks: string[] = [];
    stream.on('data', (chunk: Buffer) => void chunks.push(chunk.toString()));
    await once(stream, 'data');
    const told = once(busy, 'goaway') as Promise<[code: number]>;
    const ended = once(stream, 'end');
    const closed = Promise.all([once(idle, 'close'), once(busy, 'close')]);
    await other.close();
    expect((await told)[0]).toBe(0);
    await ended;
    expect(chunks.join('')).toBe('begun ended');
    await closed;
  });

  it('asks a new connection of a door that has closed nothing', async () => {
    expect((await askH2(port, HELLO, { path: '/teapot' })).status).toBe(418);
  });
});

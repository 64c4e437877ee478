import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { Value } from 'typebox/value';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ProblemSchema } from '../../src/api/problem.ts';
import { ask } from '../support/ask.ts';
import { startDataPlane, type DataPlane } from '../support/data-plane.ts';
import { eventually } from '../support/eventually.ts';
import { RawConnection } from '../support/raw-connection.ts';

const MIB = 1024 * 1024;
const FUNCTION = `
  export default async (request) => {
    const { pathname, searchParams } = new URL(request.url);
    switch (pathname) {
      case '/headers': return Response.json(Object.fromEntries(request.headers));
      case '/echo': return new Response(request.body, { headers: { 'x-a': 'b' } });
      case '/empty': return new Response(null, { status: 204 });
      case '/not-modified': return new Response(null, { status: 304 });
      case '/length': return new Response(request.method === 'HEAD' ? null : 'hello', { headers: { 'content-length': '5' } });
      case '/short': return new Response(pieces(['abc', 'def']), { headers: { 'content-length': '10' } });
      case '/long': return new Response(pieces(['abc', 'def']), { headers: { 'content-length': '4' } });
      case '/breaks': return new Response(pieces(['abc', new Error('x')]));
      case '/pieces': return new Response(pieces(['a', 'b', 'c']));
      case '/aborted': return String(globalThis.aborted ?? 0);
      case '/wait':
        request.signal.addEventListener('abort', () => { globalThis.aborted = (globalThis.aborted ?? 0) + 1; });
        return new Promise((resolve) => request.signal.addEventListener('abort', () => resolve(null)));
      case '/big': {
        let left = Number(searchParams.get('mib')) * 16;
        const chunk = new Uint8Array(65536).fill(7);
        return new Response(new ReadableStream({ pull(c) { left-- > 0 ? c.enqueue(chunk.slice()) : c.close(); } }));
      }
      case '/memory': { globalThis.gc?.(); return Response.json(process.memoryUsage().rss); }
      default: return new Response('hello');
    }
  };
  function pieces(list) {
    return new ReadableStream({
      async pull(c) {
        await new Promise((r) => setTimeout(r, 5));
        const next = list.shift();
        if (next === undefined) c.close();
        else if (next instanceof Error) c.error(next);
        else c.enqueue(new TextEncoder().encode(next));
      },
    });
  }`;

let data: DataPlane;

beforeAll(async () => {
  data = await startDataPlane();
  await data.deploy(FUNCTION);
  await data.deploy(
    `export const handler = async (event) => String(event.body?.length ?? 0)`,
    { maxBodyBytes: 1000 },
    'small',
  );
});
afterAll(() => data.close());

/** Sends bytes as they are and gives all that comes back until the connection closes. */
async function sendRaw(text: string): Promise<string> {
  const socket = net.connect(data.port, '127.0.0.1');
  socket.on('error', () => {});
  socket.write(text);
  socket.setTimeout(20_000, () => socket.destroy());
  return (await buffer(socket)).toString();
}

describe('with a process of the platform away', () => {
  it('a client of the API reads a problem, as of all that is wrong', async () => {
    const { status, headers, body } = await ask(data, '', { path: '/apps' });
    expect({ status, type: headers['content-type'], retryAfter: headers['retry-after'] }).toEqual({
      status: 503,
      type: 'application/problem+json',
      retryAfter: '1',
    });
    const problem: unknown = JSON.parse(body);
    expect(Value.Errors(ProblemSchema, problem)).toEqual([]);
    expect(problem).toMatchObject({ code: 'unavailable', status: 503 });
  });

  it('the user of git reads a line', async () => {
    const { status, headers, body } = await ask(data, '', { path: '/a.git/info/refs' });
    expect({ status, type: headers['content-type'] }).toEqual({
      status: 503,
      type: 'text/plain; charset=utf-8',
    });
    expect(body).toMatch(/^The git front is not answering; .*\n$/);
  });
});

describe('what the door refuses', () => {
  it.each([
    [
      'both lengths',
      'POST / HTTP/1.1\r\nHost: hello.localhost\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n',
      400,
    ],
    [
      'two lengths',
      'POST / HTTP/1.1\r\nHost: hello.localhost\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc',
      400,
    ],
    [
      'gzip, chunked',
      'POST / HTTP/1.1\r\nHost: hello.localhost\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n',
      400,
    ],
    ['a folded header', 'GET / HTTP/1.1\r\nHost: hello.localhost\r\nX-A: b\r\n c\r\n\r\n', 400],
    ['a space before the colon', 'GET / HTTP/1.1\r\nHost : hello.localhost\r\n\r\n', 400],
    ['bare line feeds', 'GET / HTTP/1.1\nHost: hello.localhost\n\n', 400],
    [
      'a port above 65535',
      'GET / HTTP/1.1\r\nHost: hello.localhost:65536\r\nConnection: close\r\n\r\n',
      400,
    ],
    ['no Host', 'GET / HTTP/1.1\r\n\r\n', 400],
    ['two Hosts', 'GET / HTTP/1.1\r\nHost: hello.localhost\r\nHost: x.localhost\r\n\r\n', 400],
    [
      'an absolute target',
      'GET http://x.localhost/ HTTP/1.1\r\nHost: hello.localhost\r\n\r\n',
      400,
    ],
    ['CONNECT', 'CONNECT x.localhost:80 HTTP/1.1\r\nHost: x.localhost\r\n\r\n', 405],
    ['TRACE', 'TRACE / HTTP/1.1\r\nHost: hello.localhost\r\n\r\n', 405],
    ['HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400],
    [
      'h2c',
      'GET / HTTP/1.1\r\nHost: hello.localhost\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n',
      400,
    ],
    [
      'WebSocket',
      'GET / HTTP/1.1\r\nHost: hello.localhost\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n',
      426,
    ],
    [
      '17 KiB of headers',
      `GET / HTTP/1.1\r\nHost: hello.localhost\r\nX-A: ${'b'.repeat(17 * 1024)}\r\n\r\n`,
      431,
    ],
    [
      '200 headers',
      `GET / HTTP/1.1\r\nHost: hello.localhost\r\n${'X-A: b\r\n'.repeat(200)}\r\n`,
      431,
    ],
  ])('%s', async (_what, text, status) => {
    const answer = await sendRaw(text);
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(answer.match(/^HTTP\/1.1/gm)).toHaveLength(1);
  });

  it('a body one byte above the cap, and takes one at the cap', async () => {
    const at = await ask(data, 'small', { method: 'POST', body: 'a'.repeat(1000) });
    expect(at).toMatchObject({ status: 200, body: '1000' });
    const above = await ask(data, 'small', { method: 'POST', body: 'a'.repeat(1001) });
    expect(above.status).toBe(413);
    expect(JSON.parse(above.body)).toEqual({
      error: 'The request body is larger than 1000 bytes',
      requestId: above.headers['x-request-id'],
    });
    expect(above.headers['x-fn-deployment']).toBeDefined();
    const chunked = await ask(data, 'small', {
      method: 'POST',
      headers: { 'transfer-encoding': 'chunked' },
      body: 'a'.repeat(1001),
    });
    expect(chunked.status).toBe(413);
  });

  it.each([
    ['nobody', 'There is no app "nobody", or nothing of it was deployed yet.\n'],
    ['feature--hello', 'The app "hello" has no branch or tag "feature".\n'],
    [
      '1234567--hello',
      'The commit 1234567 of the app "hello" is not deployed. To deploy it: fn deploy 1234567\n',
    ],
  ])('a host with nothing behind it: %s', async (label, body) => {
    expect(await ask(data, label)).toMatchObject({ status: 404, body });
  });
});

describe('what a function sees and sends', () => {
  it('is told who asks, by headers that the client cannot forge', async () => {
    const { body } = await ask(data, 'hello', {
      path: '/headers',
      headers: { 'x-forwarded-for': '6.6.6.6', 'x-fn-app': 'x', x_forwarded_for: '7.7.7.7' },
    });
    const headers = JSON.parse(body) as Record<string, string>;
    expect(headers).toMatchObject({
      'x-forwarded-for': '127.0.0.1',
      'x-forwarded-proto': 'http',
      'x-forwarded-host': `hello.localhost:${data.port}`,
    });
    expect(headers).not.toHaveProperty('x-fn-app');
    expect(headers).not.toHaveProperty('x_forwarded_for');
  });

  it('answers HEAD with the length and no body', async () => {
    const answer = await ask(data, 'hello', { method: 'HEAD', path: '/length' });
    expect(answer).toMatchObject({ status: 200, body: '' });
    expect(answer.headers['content-length']).toBe('5');
  });

  it.each([
    ['/empty', 204],
    ['/not-modified', 304],
  ])('answers without a body: %s', async (path, status) => {
    const answer = await ask(data, 'hello', { path });
    expect(answer).toMatchObject({ status, body: '' });
    expect(answer.headers['content-length']).toBeUndefined();
    expect(answer.headers['transfer-encoding']).toBeUndefined();
  });

  it('streams pieces', async () => {
    const answer = await ask(data, 'hello', { path: '/pieces' });
    expect(answer).toMatchObject({ status: 200, body: 'abc' });
    expect(answer.headers['transfer-encoding']).toBe('chunked');
  });

  it.each(['/short', '/long', '/breaks'])(
    'breaks the connection under a body that lies: %s',
    async (path) => {
      await expect(ask(data, 'hello', { path })).rejects.toThrow(
        /aborted|hang up|Parse Error|ECONNRESET/,
      );
      expect(await ask(data, 'hello')).toMatchObject({ status: 200 });
    },
  );

  it('learns that the client has gone', async () => {
    const request = http.request({
      port: data.port,
      path: '/wait',
      headers: { host: 'hello.localhost' },
    });
    request.on('error', () => {});
    request.end();
    await eventually(() => data.pool.status().inFlight === 1);
    request.destroy();
    await eventually(async () => (await ask(data, 'hello', { path: '/aborted' })).body === '1');
    await eventually(() => data.pool.status().inFlight === 0);
  });

  it('gets and gives 50 MB through an echo, with every byte in place', async () => {
    const request = http.request({
      port: data.port,
      method: 'POST',
      path: '/echo',
      headers: { host: 'hello.localhost' },
      agent: false,
    });
    const sent = createHash('sha256');
    const got = createHash('sha256');
    const response = once(request, 'response') as Promise<[http.IncomingMessage]>;
    const upload = (async () => {
      for (let mib = 0; mib < 50; mib++) {
        const chunk = randomBytes(MIB);
        sent.update(chunk);
        if (!request.write(chunk)) await once(request, 'drain');
      }
      request.end();
    })();
    let bytes = 0;
    for await (const chunk of (await response)[0]) {
      bytes += (chunk as Buffer).length;
      got.update(chunk as Buffer);
    }
    await upload;
    expect(bytes).toBe(50 * MIB);
    expect(got.digest('hex')).toBe(sent.digest('hex'));
  });

  it('is held back by a client that does not read', async () => {
    const before = process.memoryUsage().rss;
    const socket = net.connect(data.port, '127.0.0.1');
    socket.write('GET /big?mib=500 HTTP/1.1\r\nHost: hello.localhost\r\n\r\n');
    await once(socket, 'readable');
    const workerRss = Number((await ask(data, 'hello', { path: '/memory' })).body);
    for (let round = 0; round < 20; round++) await ask(data, 'hello');
    const after = Number((await ask(data, 'hello', { path: '/memory' })).body);
    expect(after - workerRss).toBeLessThan(50 * MIB);
    expect(process.memoryUsage().rss - before).toBeLessThan(100 * MIB);
    socket.destroy();
  });
});

describe('the control host', () => {
  it('answers for its own health', async () => {
    expect(await ask(data, '', { path: '/healthz' })).toMatchObject({ status: 200, body: 'ok\n' });
    const readiness = await ask(data, '', { path: '/readyz' });
    expect(readiness.status).toBe(200);
    expect(JSON.parse(readiness.body)).toEqual({
      serving: true,
      generation: data.door.generation,
      degraded: ['control', 'git'],
      warnings: [],
      protections: { 'memory-limit': 'on' },
    });
  });

  it('tells browsers that its answers are no pages, unless the process behind it knows better', async () => {
    const policies = {
      'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
    };
    for (const path of ['/healthz', '/readyz', '/apps', '/hello.git/info/refs']) {
      expect((await ask(data, '', { path })).headers, path).toMatchObject(policies);
    }
    const upstream = http.createServer((_request, response) => {
      response.writeHead(200, { 'content-security-policy': "default-src 'self'" }).end();
    });
    upstream.listen(join(data.folder, 'git.sock'));
    await once(upstream, 'listening');
    const { headers } = await ask(data, '', { path: '/hello.git/info/refs' });
    expect(headers).toMatchObject({ ...policies, 'content-security-policy': "default-src 'self'" });
    upstream.close();
  });

  it('says 503 when the process behind it is away', async () => {
    expect(await ask(data, '', { path: '/functions' })).toMatchObject({ status: 503 });
    expect(
      await ask(data, '', { method: 'POST', path: '/hello.git/git-receive-pack', body: 'x' }),
    ).toMatchObject({ status: 503 });
  });

  it('streams to the process behind it, with the peer that it saw', async () => {
    const seen: http.IncomingHttpHeaders[] = [];
    const upstream = http.createServer((request, response) => {
      seen.push(request.headers);
      response.writeHead(200, { 'x-path': request.url ?? '' });
      request.pipe(response);
    });
    upstream.listen(join(data.folder, 'git.sock'));
    await once(upstream, 'listening');
    const body = randomBytes(300_000).toString('hex');
    const answer = await ask(data, '', {
      method: 'POST',
      path: '/hello.git/git-receive-pack?x',
      headers: {
        'x-gitfn-peer-address': '6.6.6.6',
        'x-gitfn-peer-scheme': 'https',
        'transfer-encoding': 'chunked',
      },
      body,
    });
    expect(answer.body).toBe(body);
    expect(answer.headers['x-path']).toBe('/hello.git/git-receive-pack?x');
    expect(seen[0]).toMatchObject({
      'x-gitfn-peer-address': '127.0.0.1',
      'x-gitfn-peer-scheme': 'http',
    });
    upstream.close();
  });

  it.each([
    // Before anything of the body.
    ['keeps the bytes of values', '200 OK', 'content-length: 100000', '', true],
    ['keeps the bytes of values before a short body', '200 OK', 'content-length: 4', 'body', true],
    ['tells no length of nothing', '204 No Content', 'Content-Length: 0', '', false],
  ])('%s in the heads of the process behind it', async (_what, status, length, body, isKept) => {
    const value = 'x-a: gr\xc3\xbc\xdf';
    const sockets: net.Socket[] = [];
    const upstream = net.createServer((socket) => {
      sockets.push(socket);
      const head = `HTTP/1.1 ${status}\r\n${length}\r\n${value}\r\n\r\n${body}`;
      socket.once('data', () => socket.write(head, 'latin1'));
    });
    upstream.listen(join(data.folder, 'control.sock'));
    await once(upstream, 'listening');
    const client = new RawConnection(data.port);
    client.send('GET /functions HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await client.has(`\r\n\r\n${body}`);
    expect(client.received).toContain(`HTTP/1.1 ${status}\r\n`);
    expect(client.received).toContain(`\r\n${value}\r\n`);
    expect(client.received.includes(length)).toBe(isKept);
    client.socket.destroy();
    for (const socket of sockets) socket.destroy();
    upstream.close();
  });

  /** Answers `kept` to who may keep the connection, and `lost` to others; forgets who is connected when it closes. */
  async function startUpstream(isReused = (): boolean => true) {
    const sockets = new Set<net.Socket>();
    const server = net.createServer((socket) => {
      sockets.add(socket);
      socket.on('close', () => sockets.delete(socket));
      let isFirst = true;
      socket.on('data', (head) => {
        if (!isFirst && !isReused()) return socket.destroy();
        isFirst = false;
        const isKept = /\r\nconnection: keep-alive\r\n/i.test(head.toString());
        return socket.write(
          `HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n${isKept ? 'kept' : 'lost'}`,
        );
      });
    });
    server.listen(join(data.folder, 'control.sock'));
    await once(server, 'listening');
    return { server, sockets };
  }

  it('is changed over a connection that the door closes, never the process behind it', async () => {
    const { server, sockets } = await startUpstream();
    const { body } = await ask(data, '', { method: 'DELETE', path: '/functions/f' });
    expect(body).toBe('kept');
    await eventually(() => expect(sockets.size).toBe(0));
    server.close();
  });

  it('passes on the body of a read, which may have come as a whole', async () => {
    const { server, sockets } = await startUpstream();
    const received: string[] = [];
    server.on('connection', (socket) =>
      socket.on('data', (chunk) => received.push(chunk.toString())),
    );
    const client = new RawConnection(data.port);
    client.send('GET /functions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\nbody');
    await client.has('kept');
    await eventually(() =>
      expect(received.join('')).toMatch(/content-length: 4\r\n[^]*\r\n\r\nbody$/),
    );
    client.socket.destroy();
    for (const socket of sockets) socket.destroy();
    server.close();
  });

  it('is read over one connection, and again when that was closed meanwhile', async () => {
    let isReused = true;
    const { server, sockets } = await startUpstream(() => isReused);
    for (let read = 0; read < 3; read++) {
      expect((await ask(data, '', { path: '/functions' })).body).toBe('kept');
    }
    expect(sockets.size).toBe(1);
    // Its end and the next requests pass each other.
    isReused = false;
    const answers = await Promise.all(
      Array.from({ length: 5 }, () => ask(data, '', { path: '/functions' })),
    );
    expect(answers.map(({ body }) => body)).toEqual(Array(5).fill('kept'));
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, 'close');
    expect(await ask(data, '', { path: '/functions' })).toMatchObject({ status: 503 });
  });
});

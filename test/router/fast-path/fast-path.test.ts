import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { Client } from '../../../src/router/client.ts';
import { createFastPath } from '../../../src/router/fast-path/index.ts';
import { createReplyHead } from '../../../src/router/reply-head.ts';
import { type Clock, systemClock } from '../../../src/std/clock.ts';
import { eventually } from '../../support/eventually.ts';
import { RawConnection } from '../../support/raw-connection.ts';

interface Asked {
  client: Client;
  answer: (text: string) => void;
}

const closing: (() => void)[] = [];
afterEach(() => closing.splice(0).forEach((close) => close()));

/** Plain requests wait for their answers in `asked`; Node's server answers the others at once. */
async function start(options: { maxRequests?: number; clock?: Clock } = {}) {
  const asked: Asked[] = [];
  const gone: Client[] = [];
  const server = http.createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => response.end(`node: ${request.method} ${request.url} ${body}`));
  });
  const fastPath = createFastPath(server, options.clock ?? systemClock, {
    keepAliveMs: 5_000,
    firstRequestMs: 10_000,
    maxRequests: options.maxRequests ?? 1_000,
    replyHead: createReplyHead(systemClock, 5_000),
    clientTextOf: () => '',
    accept: (client: Client) => {
      if (client.target === '/elsewhere') return false;
      client.whenClosed(() => gone.push(client));
      asked.push({ client, answer: (text) => answer(client, text) });
      return true;
    },
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  closing.push(() => {
    fastPath.destroy();
    server.close();
    server.closeAllConnections();
  });
  const next = async (): Promise<Asked> => {
    await eventually(() => asked.length > 0);
    return asked.shift() as Asked;
  };
  const connect = (): RawConnection => {
    const connection = new RawConnection(port);
    closing.push(() => connection.socket.destroy());
    return connection;
  };
  return { server, fastPath, asked, gone, next, connect };
}

function answer(client: Client, text: string): void {
  const body = Buffer.from(text);
  if (!client.sendWhole({ status: 200, lines: '', body })) client.response.end(body);
}

function get(target: string): string {
  return `GET ${target} HTTP/1.1\r\nHost: x\r\n\r\n`;
}

function bodies(received: string): string[] {
  return received.split(/HTTP\/1\.1 [^]*?\r\n\r\n/).slice(1);
}

describe('the fast path', () => {
  it('answers one request after the other on one connection', async () => {
    const { next, connect } = await start();
    const connection = connect();
    for (const target of ['/1', '/2', '/3']) {
      connection.send(get(target));
      const { client, answer: reply } = await next();
      expect(client).toMatchObject({ method: 'GET', target });
      reply(`to ${target}`);
      await connection.has(`to ${target}`);
    }
    expect(bodies(connection.received)).toEqual(['to /1', 'to /2', 'to /3']);
  });

  it('has pipelined requests answered in their order, one at a time', async () => {
    const { asked, next, connect } = await start();
    const connection = connect();
    const body =
      'POST /b HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n';
    connection.send(get('/1') + get('/2') + body + get('/3'));
    const first = await next();
    expect(asked).toEqual([]);
    first.answer('one');
    (await next()).answer('two');
    await connection.has('node: GET /3');
    expect(bodies(connection.received).map((text) => text.trim())).toEqual([
      'one',
      'two',
      'node: POST /b abc',
      'node: GET /3',
    ]);
  });

  it('leaves a connection to the server with the first request that is none of its own', async () => {
    const { next, connect } = await start();
    const connection = connect();
    connection.send(get('/1'));
    (await next()).answer('one');
    await connection.has('one');
    connection.send('GET /slow HTTP/1.1\r\nHo');
    connection.send('st: x\r\n\r\n');
    await connection.has('node: GET /slow');
    connection.send(get('/elsewhere'));
    await connection.has('node: GET /elsewhere');
  });

  it('does so as well when it does not accept a request', async () => {
    const { connect } = await start();
    const connection = connect();
    connection.send(get('/elsewhere') + get('/behind'));
    await connection.has('node: GET /behind');
    expect(bodies(connection.received).map((text) => text.trim())).toEqual([
      'node: GET /elsewhere',
      'node: GET /behind',
    ]);
  });

  it('sends large answers, streamed ones and heads alone by the same connection', async () => {
    const { next, connect } = await start();
    const connection = connect();
    connection.send(get('/large'));
    (await next()).answer(`${'a'.repeat(60_000)}end`);
    await connection.has('aend');
    connection.send(get('/stream'));
    const { response } = (await next()).client;
    response.write('piece');
    response.end('last piece');
    await connection.has('last piece');
    connection.send('HEAD /h HTTP/1.1\r\nHost: x\r\n\r\n');
    const head = await next();
    head.answer('never seen');
    connection.send(get('/after'));
    (await next()).answer('after');
    await connection.has('after');
    expect(connection.received).not.toContain('never seen');
    expect(connection.responses).toBe(4);
  });

  it("gives Node's objects of a request as its server would", async () => {
    const { next, connect } = await start();
    connect().send('GET /o HTTP/1.1\r\nHost: x\r\nX-A: 1\r\nx-a: 2\r\n\r\n');
    const { request } = (await next()).client;
    expect(request).toMatchObject({
      method: 'GET',
      url: '/o',
      httpVersion: '1.1',
      complete: true,
    });
    expect(request.headers).toEqual({ host: 'x', 'x-a': '1, 2' });
    for await (const chunk of request) expect(chunk).toBeUndefined();
  });

  it('has the body of a request that came in one piece', async () => {
    const { next, connect } = await start();
    const connection = connect();
    connection.send('POST /b HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc' + get('/2'));
    const { client, answer: reply } = await next();
    expect(client.body?.toString()).toBe('abc');
    let streamed = '';
    for await (const chunk of client.request) streamed += String(chunk);
    expect(streamed).toBe('abc');
    reply('taken');
    (await next()).answer('two');
    await connection.has('two');
  });

  it('tells who is gone, and sends them nothing', async () => {
    const { next, connect, gone } = await start();
    const connection = connect();
    connection.send(get('/1'));
    const { client, answer: reply } = await next();
    connection.socket.destroy();
    await eventually(() => gone.includes(client));
    reply('too late');
  });

  it('gives no request the answer of another one that comes late', async () => {
    const { next, connect } = await start();
    const connection = connect();
    connection.send(get('/1'));
    const first = await next();
    first.answer('one');
    await connection.has('one');
    connection.send(get('/2'));
    const second = await next();
    expect(first.client.sendWhole({ status: 200, lines: '', body: Buffer.from('late') })).toBe(
      false,
    );
    second.answer('two');
    await connection.has('two');
    expect(bodies(connection.received)).toEqual(['one', 'two']);
  });

  it('reads no further while its client takes no answers', async () => {
    const { asked, connect } = await start();
    const connection = connect();
    connection.socket.pause();
    const requests = 5_000;
    connection.send(get('/flood').repeat(requests));
    let answered = 0;
    const turn = (): void => {
      for (const { answer: reply } of asked.splice(0)) {
        answered += 1;
        reply('x'.repeat(16_000));
      }
    };
    const looks = setInterval(turn, 1);
    closing.push(() => clearInterval(looks));
    await eventually(() => answered > 10);
    const before = await settled(() => answered);
    expect(before).toBeLessThan(requests / 2);
    connection.socket.resume();
    await eventually(() => answered > before + 10);
  });

  it('closes with the last request that a connection may have', async () => {
    const { next, connect } = await start({ maxRequests: 2 });
    const connection = connect();
    connection.send(get('/1') + get('/2') + get('/3'));
    (await next()).answer('one');
    (await next()).answer('two');
    const received = await connection.closed();
    expect(received).toMatch(/one[^]*connection: close[^]*two/i);
    expect(connection.responses).toBe(2);
  });

  it('drains: idle connections close at once, others with their answer', async () => {
    const { fastPath, next, connect } = await start();
    const idle = connect();
    idle.send(get('/1'));
    (await next()).answer('one');
    await idle.has('one');
    const busy = connect();
    busy.send(get('/2'));
    const last = await next();
    fastPath.drain();
    await idle.closed();
    last.answer('two');
    expect(await busy.closed()).toMatch(/connection: close[^]*two/i);
  });

  it.each(['stays idle meanwhile', 'is drained meanwhile'])(
    'sends an answer whole to a client that takes it slowly, also when it %s',
    async (what) => {
      const looks: (() => void)[] = [];
      const after: Clock['after'] = (_delayMs, callback) => {
        looks.push(callback);
        return () => {};
      };
      const { fastPath, next, connect } = await start({ clock: { ...systemClock, after } });
      const slow = connect();
      slow.socket.pause();
      slow.send(get('/1'));
      const text = 'x'.repeat(16 * 1024 * 1024);
      (await next()).answer(text);
      if (what === 'is drained meanwhile') fastPath.drain();
      for (let second = 0; second < 20; second++) looks.splice(0).forEach((look) => look());
      slow.socket.resume();
      await eventually(() => slow.received.length > text.length);
      expect(slow.received.endsWith(text)).toBe(true);
    },
  );

  it('closes connections that stay idle or silent', async () => {
    const looks: (() => void)[] = [];
    const clock: Clock = {
      ...systemClock,
      after: (_delayMs, callback) => {
        looks.push(callback);
        return () => {};
      },
    };
    const { next, connect, server } = await start({ clock });
    const idle = connect();
    idle.send(get('/1'));
    (await next()).answer('one');
    await idle.has('one');
    const silent = connect();
    const busy = connect();
    busy.send(get('/2'));
    const asked = await next();
    await eventually(async () => (await countOf(server)) === 3);
    for (let second = 0; second < 6; second++) looks.splice(0).forEach((look) => look());
    await idle.closed();
    expect(silent.isClosed).toBe(false);
    for (let second = 0; second < 5; second++) looks.splice(0).forEach((look) => look());
    await silent.closed();
    asked.answer('still here');
    await busy.has('still here');
  });
});

/** The value once it has stopped to change. */
async function settled(read: () => number): Promise<number> {
  let last = -1;
  await eventually(async () => {
    const before = last;
    last = read();
    await new Promise((resolve) => setTimeout(resolve, 50));
    return last === before;
  });
  return last;
}

async function countOf(server: http.Server): Promise<number> {
  return new Promise((resolve) => server.getConnections((_error, count) => resolve(count)));
}

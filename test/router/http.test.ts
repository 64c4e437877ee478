/** What HTTP/1.x clients may do besides asking and waiting, on real connections and with real workers. */
import type { Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ask } from '../support/ask.ts';
import { startDataPlane, type DataPlane } from '../support/data-plane.ts';
import { eventually } from '../support/eventually.ts';
import { RawConnection } from '../support/raw-connection.ts';

const HOST = 'Host: hello.localhost\r\n';
const FUNCTION = `
  const gates = new Map();
  export default async (request) => {
    const { pathname, searchParams } = new URL(request.url);
    const name = searchParams.get('name');
    switch (pathname) {
      case '/slow': await new Promise((resolve) => setTimeout(resolve, Number(searchParams.get('ms')))); return new Response(name);
      case '/gate': await new Promise((resolve) => gates.set(name, resolve)); return new Response('passed ' + name);
      case '/stream': {
        const opened = new Promise((resolve) => gates.set(name, resolve));
        let turn = 0;
        return new Response(new ReadableStream({ async pull(c) {
          if (turn++ === 0) return c.enqueue(new TextEncoder().encode('first,'));
          await opened;
          c.enqueue(new TextEncoder().encode('last'));
          c.close();
        } }));
      }
      case '/open': gates.get(name)?.(); return new Response(String(gates.delete(name)));
      case '/early': return new Response('early');
      case '/upload':
        request.signal.addEventListener('abort', () => { globalThis.aborted = true; });
        return new Response(await request.text());
      case '/aborted': return new Response(String(globalThis.aborted ?? false));
      default: return new Response('hello');
    }
  };`;

let data: DataPlane;

beforeAll(async () => {
  data = await startDataPlane();
  await data.deploy(FUNCTION, { concurrency: 20 });
});
afterAll(() => data.close());

async function openGate(name: string): Promise<void> {
  await eventually(
    async () => (await ask(data, 'hello', { path: `/open?name=${name}` })).body === 'true',
  );
}

describe('one connection', () => {
  it('gives pipelined answers in the order of their questions', async () => {
    const client = new RawConnection(data.port);
    const names = ['a', 'b', 'c', 'd'];
    const times = [60, 5, 30, 0];
    client.send(
      names.map((n, at) => `GET /slow?ms=${times[at]}&name=${n} HTTP/1.1\r\n${HOST}\r\n`).join(''),
    );
    await eventually(() => client.responses === 4);
    const bodies = client.received.match(/\r\n\r\n([a-d])/g)?.map((match) => match.trim());
    expect(bodies).toEqual(names);
    client.socket.destroy();
  });

  it('of HTTP/1.0 ends with its answer, whose body is not chunked', async () => {
    const client = new RawConnection(data.port);
    client.send(`GET /stream?name=old HTTP/1.0\r\n${HOST}\r\n`);
    await client.has('first,');
    await openGate('old');
    const all = await client.closed();
    expect(all.toLowerCase()).not.toContain('transfer-encoding');
    expect(all).toMatch(/\r\n\r\nfirst,last$/);
  });

  it('of HTTP/1.0 lasts when the client asks for it', async () => {
    const client = new RawConnection(data.port);
    for (let turn = 1; turn <= 2; turn++) {
      client.send(`GET / HTTP/1.0\r\nConnection: keep-alive\r\n${HOST}\r\n`);
      await eventually(() => client.responses === turn);
    }
    expect(client.received.match(/connection: keep-alive/gi)).toHaveLength(2);
    client.socket.destroy();
  });

  it('tells a client that expects it to go on, once', async () => {
    const client = new RawConnection(data.port);
    client.send(
      `POST /upload HTTP/1.1\r\n${HOST}Expect: 100-continue\r\nContent-Length: 5\r\n\r\n`,
    );
    await client.has('HTTP/1.1 100 Continue\r\n\r\n');
    client.send('abcde');
    await client.has('\r\n\r\nabcde');
    expect(client.responses).toBe(1);
    client.socket.destroy();
  });

  it.each([
    ['ends after an answer that came before the whole body', false],
    ['has the rest of a body thrown away before it ends', true],
  ])('%s', async (_what, sendsRest) => {
    const client = new RawConnection(data.port);
    client.send(`POST /early HTTP/1.1\r\n${HOST}Content-Length: 100000\r\n\r\nabc`);
    await client.has('early');
    if (sendsRest) client.send('x'.repeat(99_997) + `GET / HTTP/1.1\r\n${HOST}\r\n`);
    const all = await client.closed();
    expect(all.toLowerCase()).toContain('connection: close');
    expect(client.responses).toBe(1);
  });

  it('cancels what it asked when it goes in the middle of its body', async () => {
    const client = new RawConnection(data.port);
    client.send(`POST /upload HTTP/1.1\r\n${HOST}Content-Length: 100\r\n\r\nabc`);
    await eventually(() => data.pool.status().inFlight === 1);
    client.socket.destroy();
    await eventually(async () => (await ask(data, 'hello', { path: '/aborted' })).body === 'true');
    await eventually(() => data.pool.status().inFlight === 0);
  });
});

describe('a door that closes', () => {
  it('finishes what it has, says that connections end, and drops nothing', async () => {
    const other = await startDataPlane();
    await other.deploy(FUNCTION, { concurrency: 20 });
    expect((await ask(other, 'hello')).status).toBe(200);
    const sockets: Socket[] = [];
    other.door.server.on('connection', (socket) => sockets.push(socket));
    const waiting = new RawConnection(other.port);
    const streaming = new RawConnection(other.port);
    waiting.send(`GET /gate?name=w HTTP/1.1\r\n${HOST}\r\n`);
    streaming.send(`GET /stream?name=s HTTP/1.1\r\n${HOST}\r\n`);
    await streaming.has('first,');
    // What these ask is half sent when the door begins to close.
    const openers = ['w', 's'].map((name) => ({ name, client: new RawConnection(other.port) }));
    for (const { name, client } of openers) client.send(`GET /open?name=${name} HTTP/1.1\r\n`);
    await eventually(() => other.pool.status().inFlight === 2);
    await eventually(() => sockets.length === 4 && sockets.every(({ bytesRead }) => bytesRead > 0));

    const closed = other.door.close();
    for (const { client } of openers) {
      client.send(`${HOST}\r\n`);
      expect(await client.closed()).toMatch(/connection: close[^]*\r\n\r\ntrue$/i);
    }
    expect(await waiting.closed()).toMatch(/connection: close[^]*\r\n\r\npassed w$/i);
    expect(await streaming.closed()).toMatch(/first,\r\n4\r\nlast\r\n0\r\n\r\n$/);
    await closed;
    await other.close();
  });
});

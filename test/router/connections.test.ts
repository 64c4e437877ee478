import { once } from 'node:events';
import http from 'node:http';
import net, { type AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { createConnections, type ConnectionLimits } from '../../src/router/connections.ts';
import { systemClock } from '../../src/std/clock.ts';
import { eventually } from '../support/eventually.ts';
import { RawConnection } from '../support/raw-connection.ts';

const MIB = 1024 * 1024;
const LIMITS: ConnectionLimits = {
  maxInAll: 1_000,
  maxPerPeer: 3,
  stallMs: 500,
  minTakenBytes: 1,
  held: { perOwnerBytes: Infinity, inAllBytes: Infinity },
  lookEveryMs: 20,
};
const closing: (() => void)[] = [];

afterEach(() => closing.splice(0).forEach((close) => close()));

async function startServer(options: { limits: ConnectionLimits; exempt?: string }) {
  const answer = Buffer.alloc(64 * MIB);
  const server = http.createServer((request, response) => {
    connections.came({ request, response, expectsContinue: false });
  });
  const closed: Record<string, number> = {};
  const connections = createConnections(server, systemClock, {
    otherHolders: () => [],
    isExempt: (address) => address === options.exempt,
    isAdmitted: () => false,
    ownerOf: (_socket, response) => response?.req.headers.host ?? '',
    closedUntaken: (owner, count) => void (closed[owner] = (closed[owner] ?? 0) + count),
    begin: ({ response }) => response.end(answer),
    limits: options.limits,
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closing.push(() => {
    connections.close();
    server.close();
    server.closeAllConnections();
  });
  const { port } = server.address() as AddressInfo;
  const admit = (socket: net.Socket): void => void connections.admit(socket);
  return { server, port, closed, admit };
}

async function countOf(server: net.Server): Promise<number> {
  return new Promise((resolve) => server.getConnections((_error, count) => resolve(count)));
}

describe('connections', () => {
  it('end when their client takes nothing of what is written', async () => {
    const { server, port } = await startServer({ limits: LIMITS });
    const client = net.connect(port, '127.0.0.1');
    client.pause();
    client.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    await eventually(async () => (await countOf(server)) === 1);
    await eventually(async () => (await countOf(server)) === 0);
    // The kernel holds nothing for it any more either.
    const failed = once(client, 'error');
    client.resume();
    expect((await failed)[0]).toMatchObject({ code: 'ECONNRESET' });
  });

  it('last while nothing is to be written', async () => {
    const { server, port } = await startServer({ limits: { ...LIMITS, stallMs: 1 } });
    const idle = new RawConnection(port);
    await eventually(async () => (await countOf(server)) === 1);
    const other = new RawConnection(port);
    other.socket.end('GET / HTTP/1.1\r\nHost: x\r\n\r\nGET');
    await other.closed();
    expect(idle.isClosed).toBe(false);
    idle.socket.destroy();
  });

  it.each([
    ['are bounded for one address', '', 3],
    ['are not bounded for who stands for many', '127.0.0.1', 5],
  ])('%s', async (_what, exempt, expected) => {
    const { server, port } = await startServer({ limits: LIMITS, exempt });
    const clients = Array.from({ length: 5 }, () => new RawConnection(port));
    await eventually(() => clients.filter(({ isClosed }) => isClosed).length === 5 - expected);
    await eventually(async () => (await countOf(server)) === expected);
    for (const { socket } of clients) socket.destroy();
    await eventually(async () => (await countOf(server)) === 0);
    const after = new RawConnection(port);
    await eventually(async () => (await countOf(server)) === 1);
    expect(after.isClosed).toBe(false);
    after.socket.destroy();
  });

  it('are bounded in all, those among them that are not encrypted yet', async () => {
    const { server, port, admit } = await startServer({
      limits: { ...LIMITS, maxPerPeer: 100, maxInAll: 3 },
    });
    const secure = net.createServer(admit);
    closing.push(() => secure.close());
    secure.listen(0, '127.0.0.1');
    await once(secure, 'listening');
    const { port: securePort } = secure.address() as AddressInfo;
    const first = [new RawConnection(securePort), new RawConnection(securePort)];
    await eventually(() => first.every(({ socket }) => !socket.connecting));
    await eventually(async () => (await countOf(secure)) === 2);
    const plain = [new RawConnection(port), new RawConnection(port)];
    await eventually(() => plain.filter(({ isClosed }) => isClosed).length === 1);
    first[0]?.socket.destroy();
    await eventually(async () => (await countOf(secure)) === 1);
    const last = new RawConnection(port);
    await eventually(async () => (await countOf(server)) === 2);
    for (const { socket } of [...first, ...plain, last]) socket.destroy();
  });

  it('of hundreds that take nothing are closed until what is held is within bounds, and no neighbour of theirs', async () => {
    const { server, port, closed } = await startServer({
      limits: {
        ...LIMITS,
        maxPerPeer: 1_000,
        stallMs: 60_000,
        minTakenBytes: 1,
        held: { perOwnerBytes: 640 * MIB, inAllBytes: 6_400 * MIB },
        lookEveryMs: 20,
      },
    });
    const ask = (host: string): net.Socket => {
      const client = net.connect(port, '127.0.0.1');
      client.on('error', () => {});
      client.pause();
      client.write(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
      return client;
    };
    const clients = [ask('neighbour'), ...Array.from({ length: 300 }, () => ask('flooded'))];
    // Each holds 64 MiB less what the kernel took of it: a few.
    await eventually(() => (closed['flooded'] ?? 0) >= 285);
    await eventually(async () => (await countOf(server)) <= 16);
    expect(closed).toEqual({ flooded: expect.any(Number) });
    const after = new RawConnection(port);
    after.send('GET / HTTP/1.1\r\nHost: neighbour\r\n\r\n');
    await after.has('HTTP/1.1 200 OK');
    for (const client of [after.socket, ...clients]) client.destroy();
  }, 30_000);
});

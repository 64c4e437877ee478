/** Clients that hold connections for as little as they can, by the thousand: all others are served, and they end. (R5) */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import net from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { type Platform, startPlatform } from '../support/platform.ts';
import { platformProcesses } from '../support/processes.ts';
import { createRepository } from '../support/repository.ts';
import { provideSlowHttpTest, runSlowHttpTest } from '../support/slowhttptest.ts';
import { keepAsking, type SteadyRequests } from '../support/steady-requests.ts';

const DEADLINE_MS = 180_000;
const CONNECTIONS = 1_000;
const IDLE_CONNECTIONS = 5_000;
/** What data may grow by while they last; each connection may hold a head of 16 KB, and Node's objects for it. */
const MAX_GROWTH_KIB = 150 * 1024;

let platform: Platform;
let other: SteadyRequests;

beforeAll(async () => {
  platform = await startPlatform();
  const repository = await createRepository(platform, 'slow');
  await repository.commit({
    'index.js': `export const handler = async () => 'fine';`,
  });
  const { code, output } = await repository.push('main');
  expect(code, output).toBe(0);
}, DEADLINE_MS);
afterAll(() => platform[Symbol.asyncDispose](), DEADLINE_MS);

beforeEach(() => {
  other = keepAsking(platform, 'slow', 'fine');
  return () => other.stop();
});

function dataMemoryKib(): number {
  const data = platformProcesses(platform.pid).find(({ commandLine }) =>
    /\/data\.mjs/.test(commandLine),
  );
  const status = readFileSync(`/proc/${data?.pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]);
}

/** The most that data grew by while something went on. */
async function growthDuring(work: Promise<unknown>): Promise<number> {
  const before = dataMemoryKib();
  let most = before;
  const looks = setInterval(() => (most = Math.max(most, dataMemoryKib())), 250);
  await work;
  clearInterval(looks);
  return most - before;
}

describe('while slow clients hold connections, others are served:', () => {
  const missing = provideSlowHttpTest();

  it.for<[what: string, mode: string[]]>([
    ['heads that never end', ['-H', '-i', '5', '-x', '24']],
    ['bodies that come by the byte', ['-B', '-i', '5', '-x', '2', '-s', '8192']],
    ['ranges without number', ['-R', '-a', '1', '-b', '3000', '-t', 'HEAD']],
  ])('%s', { timeout: DEADLINE_MS }, async ([_what, mode], { skip }) => {
    if (missing !== null) skip(missing);
    const options = ['-c', String(CONNECTIONS), '-r', '500', '-l', '150', '-p', '10', ...mode];
    const running = runSlowHttpTest(
      { host: 'slow.localhost', port: platform.port, path: '/' },
      options,
    );
    const growthKib = await growthDuring(running);
    // It stops before its time only when the server has closed all of its connections.
    expect(await running).toContain('No open connections left');
    expect(other.failures).toEqual([]);
    expect(other.asked).toBeGreaterThan(20);
    expect(growthKib).toBeLessThan(MAX_GROWTH_KIB);
  });

  it(
    `${IDLE_CONNECTIONS} connections that asked once`,
    async () => {
      const sockets: net.Socket[] = [];
      const opening = (async () => {
        for (let count = 0; count < IDLE_CONNECTIONS; count++) {
          const socket = net.connect(platform.port, '127.0.0.1');
          socket.on('error', () => {});
          socket.write('GET / HTTP/1.1\r\nHost: slow.localhost\r\n\r\n');
          sockets.push(socket);
          if (count % 100 === 0) await once(socket, 'data');
          else socket.resume();
        }
        await eventually(() => sockets.every(({ closed }) => closed), DEADLINE_MS);
      })();
      const growthKib = await growthDuring(opening);
      expect(sockets.filter(({ bytesRead }) => bytesRead === 0)).toEqual([]);
      expect(other.failures).toEqual([]);
      expect(growthKib).toBeLessThan(MAX_GROWTH_KIB);
    },
    DEADLINE_MS,
  );
});

/** Clients that hold connections for as little as they can, by the thousand: all others are served, and they end. (R5) */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import net from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { HELD_BOUNDS } from '../../src/router/index.ts';
import { ask } from '../support/ask.ts';
import { eventually } from '../support/eventually.ts';
import { type Platform, startPlatform } from '../support/platform.ts';
import { platformProcesses } from '../support/processes.ts';
import { createRepository } from '../support/repository.ts';
import { provideSlowHttpTest, runSlowHttpTest } from '../support/slowhttptest.ts';
import { keepAsking, type SteadyRequests } from '../support/steady-requests.ts';

const DEADLINE_MS = 180_000;
const CONNECTIONS = 1_000;
const IDLE_CONNECTIONS = 5_000;
const LARGE_BYTES = 1_000_000;
/** What data may grow by while they last; each connection may hold a head of 16 KB, and Node's objects for it. */
const MAX_GROWTH_KIB = 150 * 1024;
/** What data may grow by when they hold answers: the bound of one app, and what may come before that is looked at. */
const MAX_HELD_GROWTH_KIB = MAX_GROWTH_KIB + (2 * HELD_BOUNDS.perOwnerBytes) / 1024;

/** LISTEN and TIME_WAIT. */
const WITHOUT_CLIENT = new Set(['0A', '06']);

let platform: Platform;
let other: SteadyRequests;

beforeAll(async () => {
  platform = await startPlatform();
  await deploy('slow', { 'index.js': `export const handler = async () => 'fine';` });
  // With more time for an answer than any of these tests lasts.
  await deploy('large', {
    'fn.json': '{ "timeout": 600 }',
    'index.js': `const body = Buffer.alloc(${LARGE_BYTES}, 'x');\nexport default () => new Response(body);`,
  });
}, DEADLINE_MS);

async function deploy(app: string, files: Record<string, string>): Promise<void> {
  const repository = await createRepository(platform, app);
  await repository.commit(files);
  const { code, output } = await repository.push('main');
  expect(code, output).toBe(0);
}
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

/** What the kernel has of connections to this port, also of those that were closed and have bytes left to send. */
function connectionsTo(port: number): number {
  const local = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const sockets = ['/proc/net/tcp', '/proc/net/tcp6'].flatMap((file) =>
    readFileSync(file, 'utf8').split('\n'),
  );
  return sockets.filter((line) => {
    const [, address = '', , state = ''] = line.trim().split(/\s+/);
    return address.endsWith(local) && !WITHOUT_CLIENT.has(state);
  }).length;
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

  it('large answers that are read by the byte', { timeout: DEADLINE_MS }, async ({ skip }) => {
    if (missing !== null) skip(missing);
    const rate = ['-c', String(CONNECTIONS), '-r', '500', '-l', '100', '-p', '10'];
    const read = ['-X', '-k', '3', '-n', '5', '-z', '8', '-w', '16', '-y', '64'];
    let isOver = false;
    const running = runSlowHttpTest({ host: 'large.localhost', port: platform.port, path: '/' }, [
      ...rate,
      ...read,
    ]).finally(() => (isOver = true));
    const growing = growthDuring(running);
    await eventually(() => connectionsTo(platform.port) > CONNECTIONS / 2, DEADLINE_MS);
    // It would take months to see that they end: it has not yet read what came before. So here is where to look.
    await eventually(() => connectionsTo(platform.port) < CONNECTIONS / 100, DEADLINE_MS);
    expect(isOver).toBe(false);
    const answer = await ask(platform, 'large');
    expect(answer.body.length).toBe(LARGE_BYTES);
    expect(other.failures).toEqual([]);
    expect(other.asked).toBeGreaterThan(20);
    expect(await growing).toBeLessThan(MAX_HELD_GROWTH_KIB);
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

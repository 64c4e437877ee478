import http from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createBodyRateWatch, isTooSlow } from '../../src/router/body-rate.ts';
import { systemClock } from '../../src/std/clock.ts';
import { eventually } from '../support/eventually.ts';
import { listen } from '../support/listen.ts';
import { RawConnection } from '../support/raw-connection.ts';

describe('minimum body rate', () => {
  it.each([
    ['less than 1 KiB/s over 30 s', { bytes: 30_000, elapsedMs: 30_000, wasPaused: false }, true],
    ['1 KiB/s over 30 s', { bytes: 30_720, elapsedMs: 30_000, wasPaused: false }, false],
    ['nothing yet', { bytes: 0, elapsedMs: 29_999, wasPaused: false }, false],
    ['a reader that stopped reading', { bytes: 0, elapsedMs: 60_000, wasPaused: true }, false],
  ])('%s', (_what, window, expected) => {
    expect(isTooSlow(window)).toBe(expected);
  });
});

describe('body rate watch', () => {
  const watch = createBodyRateWatch(systemClock, {
    minBytesPerSecond: 10_000,
    windowMs: 200,
    lookEveryMs: 20,
  });
  const server = http.createServer((request, response) => {
    watch.watch(request);
    if (request.url !== '/unread') request.resume();
    request.on('end', () => response.end('all'));
    if (request.url === '/unread') setTimeout(() => request.resume(), 1_000);
  });
  let port = 0;

  beforeAll(async () => {
    port = await listen(server);
  });
  afterAll(() => {
    watch.close();
    server.close();
    server.closeAllConnections();
  });

  function post(path: string, length: number): RawConnection {
    const client = new RawConnection(port);
    client.send(`POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: ${length}\r\n\r\n`);
    return client;
  }

  it('ends a connection whose body trickles', async () => {
    const client = post('/', 1_000);
    const trickle = setInterval(() => client.send('a'), 20);
    expect(await client.closed()).toBe('');
    clearInterval(trickle);
  });

  it('leaves one whose body comes, and the connection after it', async () => {
    const client = post('/', 3);
    client.send('abc');
    await client.has('all');
    client.send('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc');
    await eventually(() => client.responses === 2);
    client.socket.destroy();
  });

  it('does not blame the client while nobody reads', async () => {
    const client = post('/unread', 3);
    client.send('abc');
    await client.has('all');
    client.socket.destroy();
  });
});

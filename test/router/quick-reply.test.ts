import { once } from 'node:events';
import http from 'node:http';
import { Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createQuickReply } from '../../src/router/quick-reply.ts';
import { createReplyHead } from '../../src/router/reply-head.ts';
import { systemClock } from '../../src/std/clock.ts';
import { listen } from '../support/listen.ts';
import { ask } from '../support/ask.ts';

const quickReply = createQuickReply(createReplyHead(systemClock, 5_000), {
  keepAliveMs: 5_000,
  maxBodyBytes: 100,
});
const server = http.createServer({ keepAliveTimeout: 5_000 }, (request, response) => {
  const body = Buffer.from('x'.repeat(Number(request.url?.slice(1))));
  const status = Number(request.headers['x-status'] ?? 200);
  const wasSent = quickReply.send(response, { status, lines: 'x-a: b\r\n', body });
  if (!wasSent) response.writeHead(status, { 'x-usual': 'yes' }).end(body);
});
let port = 0;

beforeAll(async () => {
  port = await listen(server);
});
afterAll(() => {
  server.close();
  server.closeAllConnections();
});

const KEEP_ALIVE = { connection: 'keep-alive' };

describe('quick reply', () => {
  it('is what this Node takes, with the headers that Node itself would add', async () => {
    const answer = await ask({ port }, '', { path: '/5', headers: KEEP_ALIVE });
    expect(answer).toMatchObject({ status: 200, body: 'xxxxx' });
    expect(answer.headers).toEqual({
      'x-a': 'b',
      'content-length': '5',
      date: expect.stringMatching(/ GMT$/),
      connection: 'keep-alive',
      'keep-alive': 'timeout=5',
    });
  });

  it.each([
    ['HEAD', { method: 'HEAD', path: '/5', headers: KEEP_ALIVE }],
    ['a connection that shall close', { path: '/5' }],
    ['an empty body', { path: '/0', headers: KEEP_ALIVE }],
    ['a large body', { path: '/101', headers: KEEP_ALIVE }],
    ['204', { path: '/5', headers: { ...KEEP_ALIVE, 'x-status': '204' } }],
  ])('leaves %s to the usual way', async (_what, options) => {
    expect((await ask({ port }, '', options)).headers['x-usual']).toBe('yes');
  });

  it('leaves a response alone whose head is out', () => {
    const response = new http.ServerResponse(new http.IncomingMessage(new Socket()));
    response.writeHead(200);
    const reply = { status: 200, lines: '', body: Buffer.from('x') };
    expect(quickReply.send(response, reply)).toBe(false);
  });

  it('keeps the connection usable for what follows', async () => {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    const ports = new Set<number | undefined>();
    for (let turn = 0; turn < 20; turn++) {
      const request = http.get({ port, agent, path: turn % 2 === 0 ? '/7' : '/0' });
      const [response] = (await once(request, 'response')) as [http.IncomingMessage];
      ports.add(response.socket.localPort);
      response.resume();
      await once(response, 'end');
    }
    agent.destroy();
    expect(ports.size).toBe(1);
  });
});

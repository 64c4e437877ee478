import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ask } from '../support/ask.ts';
import { startPlatform, type Platform } from '../support/platform.ts';
import { createRepository } from '../support/repository.ts';

const ORDINARY_UID = 61_234;
const isRoot = process.getuid?.() === 0;
/** The machine's loopback in a spelling that is not the sandbox's own. */
const OUTSIDE = '::ffff:7f00:1';

const CONNECTS = `
import net from 'node:net';
import dns from 'node:dns/promises';
const tcp = (port, host) => new Promise((resolve) => {
  const socket = net.connect({ port, host }, () => socket.end('ping'));
  let text = '';
  socket.on('data', (chunk) => (text += chunk)).on('end', () => resolve(text));
  socket.on('error', ({ code }) => resolve(code));
});
export const handler = async ({ query }) => {
  const { web, echo } = query;
  const body = await fetch('http://[${OUTSIDE}]:' + web + '/hello').then((r) => r.text(), ({ cause }) => cause.code);
  return {
    body,
    echoed: await tcp(echo, '${OUTSIDE}'),
    inside: await tcp(web, '127.0.0.1'),
    metadata: await tcp(80, '169.254.169.254'),
    private: await tcp(80, '10.0.0.1'),
    mapped: await tcp(80, '::ffff:169.254.169.254'),
    local: await dns.lookup('printer.local').catch(({ code }) => code),
    argv: process.argv.length,
  };
};
`;

let web: http.Server;
let echo: net.Server;
let platform: Platform;
const portOf = (server: net.Server): number => (server.address() as net.AddressInfo).port;
beforeAll(async () => {
  web = http.createServer((request, response) => response.end(`you asked for ${request.url}`));
  echo = net.createServer((socket) => socket.pipe(socket));
  for (const server of [web, echo]) {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  }
  const allowed = [web, echo].map((server) => `127.0.0.1:${portOf(server)}`).join(',');
  platform = await startPlatform({
    ...(isRoot && { asUid: ORDINARY_UID }),
    env: { FN_EGRESS: 'public', FN_EGRESS_ALLOW: allowed },
  });
});
afterAll(async () => {
  await platform[Symbol.asyncDispose]();
  web.close();
  echo.close();
});

async function deploy(app: string, egress: string[]) {
  const repository = await createRepository(platform, app);
  await repository.commit({ 'index.js': CONNECTS, 'fn.json': JSON.stringify({ egress }) });
  return repository.push('main');
}

const ASIDE = {
  inside: 'ECONNREFUSED',
  metadata: 'EACCES',
  private: 'EACCES',
  mapped: 'EACCES',
  local: 'ENOTFOUND',
  argv: 2,
};

describe('a function of a server that does not run as root', () => {
  it('reaches what its fn.json names and the operator allows', async () => {
    const rules = [web, echo].map((server) => `127.0.0.1:${portOf(server)}`);
    const push = await deploy('opened', rules);
    expect(push.code, push.output).toBe(0);
    const path = `/?web=${portOf(web)}&echo=${portOf(echo)}`;
    const answer = await ask(platform, 'opened', { path });
    expect(JSON.parse(answer.body)).toEqual({
      ...ASIDE,
      body: 'you asked for /hello',
      echoed: 'ping',
    });
  });

  it('reaches none of it without asking', async () => {
    const push = await deploy('closed', []);
    expect(push.code, push.output).toBe(0);
    const path = `/?web=${portOf(web)}&echo=${portOf(echo)}`;
    const answer = await ask(platform, 'closed', { path });
    expect(JSON.parse(answer.body)).toEqual({ ...ASIDE, body: 'EACCES', echoed: 'EACCES' });
  });

  it('is not deployed when it asks for more', async () => {
    const push = await deploy('greedy', ['10.0.0.0/8:*']);
    expect(push.code).not.toBe(0);
    expect(push.output).toContain('fn.json:1:12  "egress": functions of this server may not reach');
    expect(push.output).toContain('FN_EGRESS_ALLOW=10.0.0.0/8:*');
  });
});

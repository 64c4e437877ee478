import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ask } from '../support/ask.ts';
import { eventually } from '../support/eventually.ts';
import { startPlatform, type Platform } from '../support/platform.ts';
import { descendantsOf } from '../support/processes.ts';
import { createRepository } from '../support/repository.ts';
import { sendSignal } from '../support/signals.ts';

const ORDINARY_UID = 61_234;
const isRoot = process.getuid?.() === 0;
/** The machine's loopback in a spelling that is not the sandbox's own. */
const OUTSIDE = '::ffff:7f00:1';

const CONNECTS = `
import http from 'node:http';
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
  const got = await new Promise((resolve) => http
    .get('http://[${OUTSIDE}]:' + web + '/by-http', (answer) => answer.setEncoding('utf8').on('data', resolve))
    .on('error', ({ code }) => resolve(code)));
  return {
    body,
    got,
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

/** What libpq does: asks in the clear whether TLS is spoken, then goes on by it on the same connection. */
const DATABASE = `
import net from 'node:net';
import tls from 'node:tls';
import { once } from 'node:events';
export const handler = async ({ query }) => {
  const plain = net.connect({ host: '${OUTSIDE}', port: Number(query.database) });
  plain.write(Buffer.from('0000000804d2162f', 'hex'));
  const [answer] = await once(plain, 'data');
  if (answer.toString() !== 'S') return { answer: answer.toString() };
  const secure = tls.connect({ socket: plain, rejectUnauthorized: false });
  await once(secure, 'secureConnect');
  const name = secure.getPeerCertificate().subject.CN;
  secure.end('startup');
  let text = '';
  for await (const chunk of secure) text += chunk;
  return { text, name };
};
`;

/** Node reads the proxy variables when it is told to, `net` never. */
const CHILDREN = `
import { execFile } from 'node:child_process';
const node = (code, ...parameters) => new Promise((resolve) =>
  execFile(process.execPath, ['--input-type=module', '-e', code, ...parameters], (error, out, err) => resolve(out + err)));
export const handler = async ({ query }) => {
  const fetches = 'const r = await fetch(process.argv[1]).catch((e) => e); process.stdout.write(r.status + " " + await r.text?.())';
  const gets = 'import http from "node:http"; http.get(process.argv[1], (r) => r.pipe(process.stdout))';
  const url = 'http://[${OUTSIDE}]:' + query.web + '/';
  return {
    fetched: await node(fetches, url + 'fetched'),
    got: await node(gets, url + 'got'),
    refused: await node(gets, 'http://10.0.0.1/'),
    own: Object.keys(process.env).filter((name) => /proxy/i.test(name)),
  };
};
`;

/** Each way that is not the main thread's own. */
const OTHERS = `
import { Worker } from 'node:worker_threads';
import { resolveSrv, lookup } from 'node:dns/promises';
const source = \`
  const { parentPort, workerData } = require('node:worker_threads');
  fetch(workerData).then((r) => r.text(), ({ cause }) => cause.code).then((text) => parentPort.postMessage(text));
\`;
const fetched = (url) => new Promise((resolve, reject) =>
  new Worker(source, { eval: true, workerData: url }).on('message', resolve).on('error', reject));
export const handler = async ({ query }) => ({
  thread: await fetched('http://[${OUTSIDE}]:' + query.web + '/thread'),
  refused: await fetched('http://10.0.0.1/'),
  service: await resolveSrv('_mongodb._tcp.printer.local').catch(({ code }) => code),
  crowd: [...new Set(await Promise.all(Array.from({ length: 300 }, () => lookup('printer.local').catch(({ code }) => code))))].sort(),
});
`;

const WHO = `
const born = String(process.pid) + Math.random();
export const handler = async ({ query }) => ({
  born,
  body: await fetch('http://[${OUTSIDE}]:' + query.web + '/hello').then((r) => r.text(), ({ cause }) => cause.code),
});
`;

let web: http.Server;
let database: net.Server;
let echo: net.Server;
let platform: Platform;
const portOf = (server: net.Server): number => (server.address() as net.AddressInfo).port;
beforeAll(async () => {
  web = http.createServer((request, response) => response.end(`you asked for ${request.url}`));
  echo = net.createServer((socket) => socket.pipe(socket));
  database = startDatabase();
  for (const server of [web, echo, database]) {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  }
  const allowed = [web, echo, database].map((server) => `127.0.0.1:${portOf(server)}`).join(',');
  platform = await startPlatform({
    ...(isRoot && { asUid: ORDINARY_UID }),
    env: { FN_EGRESS: 'public', FN_EGRESS_ALLOW: allowed },
  });
});
afterAll(async () => {
  await platform[Symbol.asyncDispose]();
  web.close();
  echo.close();
  database.close();
});

function startDatabase(): net.Server {
  const folder = mkdtempSync(join(tmpdir(), 'certificate-'));
  const [key, cert] = ['key.pem', 'cert.pem'].map((name) => join(folder, name)) as [string, string];
  const request = [
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
  ];
  const subject = ['-subj', '/CN=db.example', '-keyout', key, '-out', cert];
  execFileSync('openssl', [...request, ...subject], { stdio: 'ignore' });
  const identity = { key: readFileSync(key), cert: readFileSync(cert) };
  rmSync(folder, { recursive: true });
  return net.createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', () => {
      socket.write('S');
      const secure = new tls.TLSSocket(socket, { isServer: true, ...identity });
      secure.on('error', () => {});
      secure.once('data', (startup: Buffer) => secure.end(`heard ${startup.toString()}`));
    });
  });
}

async function deploy(app: string, egress: string[], code = CONNECTS) {
  const repository = await createRepository(platform, app);
  await repository.commit({ 'index.js': code, 'fn.json': JSON.stringify({ egress }) });
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
      got: 'you asked for /by-http',
      echoed: 'ping',
    });
  });

  it('reaches none of it without asking', async () => {
    const push = await deploy('closed', []);
    expect(push.code, push.output).toBe(0);
    const path = `/?web=${portOf(web)}&echo=${portOf(echo)}`;
    const answer = await ask(platform, 'closed', { path });
    expect(JSON.parse(answer.body)).toEqual({
      ...ASIDE,
      body: 'EACCES',
      got: 'EACCES',
      echoed: 'EACCES',
    });
  });

  it('speaks TLS on a connection that began without, as database drivers do', async () => {
    const push = await deploy('database', [`127.0.0.1:${portOf(database)}`], DATABASE);
    expect(push.code, push.output).toBe(0);
    const answer = await ask(platform, 'database', { path: `/?database=${portOf(database)}` });
    expect(JSON.parse(answer.body)).toEqual({ text: 'heard startup', name: 'db.example' });
  });

  it('gives processes that it starts a proxy, which reaches the same and no more', async () => {
    const push = await deploy('children', [`127.0.0.1:${portOf(web)}`], CHILDREN);
    expect(push.code, push.output).toBe(0);
    const answer = await ask(platform, 'children', { path: `/?web=${portOf(web)}` });
    expect(JSON.parse(answer.body)).toEqual({
      fetched: '200 you asked for /fetched',
      got: 'you asked for /got',
      refused: 'connect EACCES 10.0.0.1:80: functions of this server may not connect there\n',
      own: [],
    });
  });

  it('connects from threads, is answered by DNS, and reads in its log when it asks too much', async () => {
    const repository = await createRepository(platform, 'others');
    const manifest = JSON.stringify({ egress: [`127.0.0.1:${portOf(web)}`] });
    await repository.commit({ 'index.js': OTHERS, 'fn.json': manifest });
    const push = await repository.push('main');
    expect(push.code, push.output).toBe(0);
    const answer = await ask(platform, 'others', { path: `/?web=${portOf(web)}` });
    expect(JSON.parse(answer.body), (await repository.fn('logs')).output).toEqual({
      thread: 'you asked for /thread',
      refused: 'EACCES',
      service: 'ENOTFOUND',
      crowd: ['EAI_AGAIN', 'ENOTFOUND'],
    });
    await eventually(async () => {
      const { output } = await repository.fn('logs');
      expect(output).toContain('Connections are refused: too many connections and names');
    });
  });

  it('is replaced when its way out has ended', async () => {
    const push = await deploy('replaced', [`127.0.0.1:${portOf(web)}`], WHO);
    expect(push.code, push.output).toBe(0);
    const who = async () => {
      const { body } = await ask(platform, 'replaced', { path: `/?web=${portOf(web)}` });
      return JSON.parse(body) as { born: string; body: string };
    };
    const before = await who();
    const [egress] = descendantsOf(platform.pid).filter(({ commandLine }) =>
      commandLine.includes('egress.mjs'),
    );
    sendSignal(egress, 'SIGKILL');
    await eventually(async () => {
      const { born, body } = await who();
      return born !== before.born && body === 'you asked for /hello';
    });
  });

  it('is not deployed when it asks for more', async () => {
    const push = await deploy('greedy', ['10.0.0.0/8:*']);
    expect(push.code).not.toBe(0);
    expect(push.output).toContain('fn.json:1:12  "egress": functions of this server may not reach');
    expect(push.output).toContain('FN_EGRESS_ALLOW=10.0.0.0/8:*');
  });
});

import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import http from 'node:http';
import net from 'node:net';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { ask } from '../support/ask.ts';
import { eventually } from '../support/eventually.ts';
import { callControl } from '../support/control-api.ts';
import { createRepository, type TestRepository } from '../support/repository.ts';
import { startPush } from '../support/running-push.ts';
import { usePlatform } from '../support/use-platform.ts';

const platform = usePlatform();
const HELLO = { 'index.js': 'export const handler = async () => "hello";' };

interface Token {
  id: string;
  token: string;
}

async function createToken(by: TestRepository, ...options: string[]): Promise<Token> {
  const { code, output } = await by.fn('tokens', 'create', 'test', ...options, '--json');
  expect(code, output).toBe(0);
  return JSON.parse(output) as Token;
}

/** Pushes with a token in the URL, so that no credential helper has a say. */
function pushWith(repository: TestRepository, { token }: Token, app: string) {
  const url = `${platform().url.replace('://', `://any:${token}@`)}/${app}.git`;
  return repository.git('push', url, 'main');
}

it('a token pushes what its role and its apps allow, until it is revoked', async () => {
  const mine = await createRepository(platform(), 'mine');
  await mine.commit(HELLO);
  expect(await mine.push('main')).toMatchObject({ code: 0 });
  const theirs = await createRepository(platform(), 'theirs');
  await theirs.commit(HELLO);
  expect(await theirs.push('main')).toMatchObject({ code: 0 });

  const reader = await createToken(mine, '--role', 'viewer');
  await mine.commit({ 'index.js': 'export const handler = async () => "changed";' });
  const refused = await pushWith(mine, reader, 'mine');
  expect(refused.code).toBe(128);
  expect(refused.output).toMatch(/403|may not push/);

  const confined = await createToken(mine, '--role', 'deployer', '--app', 'mine');
  const foreign = await pushWith(mine, confined, 'theirs');
  const missing = await pushWith(mine, confined, 'nobodys');
  expect(foreign.code).toBe(128);
  expect(foreign.output.replaceAll('theirs', 'X')).toBe(missing.output.replaceAll('nobodys', 'X'));
  expect((await ask(platform(), 'theirs')).body).toBe('hello');
  expect(await pushWith(mine, confined, 'mine')).toMatchObject({ code: 0 });
  expect((await ask(platform(), 'mine')).body).toBe('changed');

  const deploy = (app: string, { token }: Token) =>
    mine.git('-c', `alias.x=!FN_TOKEN=${token} ${process.cwd()}/bin/fn deploy --app ${app}`, 'x');
  const hidden = await deploy('theirs', confined);
  expect(hidden).toMatchObject({
    code: 3,
    output: expect.stringMatching(/there is no app "theirs" that [^]+may create none\n[^]+fn apps/),
  });
  const unknown = await deploy('nobodys', confined);
  expect(hidden.output.replaceAll('theirs', 'X')).toBe(unknown.output.replaceAll('nobodys', 'X'));
  expect(await deploy('mine', reader)).toMatchObject({
    code: 3,
    output: expect.stringContaining('the role viewer, which may not deploy'),
  });

  expect(await mine.fn('tokens', 'revoke', confined.id)).toMatchObject({ code: 0 });
  await mine.commit({ 'index.js': 'export const handler = async () => "again";' });
  expect((await pushWith(mine, confined, 'mine')).code).toBe(128);
  expect((await ask(platform(), 'mine')).body).toBe('changed');
});

/** Follows a path with a token; resolves when the answer has begun. */
async function follow(path: string, token: string, accept = '*/*') {
  const response = await fetch(`${platform().url}${path}`, {
    headers: { authorization: `Bearer ${token}`, accept },
  });
  expect(response.status).toBe(200);
  return { ended: response.text() };
}

it('ends at once what a token follows when it is revoked, or its time is over', async () => {
  const app = 'followed';
  const repository = await createRepository(platform(), app);
  await repository.commit({ ...HELLO, 'fn.json': '{ "build": { "command": "sleep 290" } }' });
  const push = await startPush(repository, 'main');
  const answer = await callControl(platform(), `/apps/${app}/pushes`);
  const [{ id }] = (JSON.parse(answer.body) as { items: [{ id: string }] }).items;
  const followAll = (token: string) =>
    Promise.all([
      follow(`/apps/${app}/logs?tail=true`, token),
      follow(`/apps/${app}/logs?tail=true`, token, 'text/event-stream'),
      follow(`/apps/${app}/pushes/${id}/output`, token),
    ]);
  const reader = await createToken(repository, '--role', 'viewer', '--app', app);
  const streams = await followAll(reader.token);
  const others = await followAll(platform().adminToken);
  const body = { name: 'brief', role: 'viewer', expiresInSeconds: 3 };
  const made = await callControl(platform(), '/tokens', { method: 'POST', body });
  const brief = await followAll((JSON.parse(made.body) as Token).token);

  expect(await repository.fn('tokens', 'revoke', reader.id)).toMatchObject({ code: 0 });
  const revokedAt = performance.now();
  const texts = await Promise.all(streams.map(({ ended }) => ended));
  // More than what is promised, which test/access/watches.test.ts holds: the machine of a test may be busy.
  expect(performance.now() - revokedAt).toBeLessThan(5_000);
  expect(texts[2]).toContain('-----> Building');
  expect(texts[2]).not.toContain('"outcome"');
  await Promise.all(brief.map(({ ended }) => ended));

  const isOpen = Symbol('open');
  for (const { ended } of others) {
    expect(
      await Promise.race([ended, new Promise((resolve) => setImmediate(resolve, isOpen))]),
    ).toBe(isOpen);
  }
  expect(await repository.fn('cancel')).toMatchObject({ code: 0 });
  expect(await push.ended).toBe(1);
  expect(await others[2]?.ended).toContain('"outcome":"cancelled"');
});

it('lets a push go on whose token is revoked meanwhile, and takes no other', async () => {
  const repository = await createRepository(platform(), 'begun');
  await repository.commit({
    'index.ts':
      'await new Promise((resolve) => setTimeout(resolve, 3000));\n' +
      "export default () => new Response('begun');\n",
  });
  const pusher = await createToken(repository, '--role', 'deployer');
  const url = `${platform().url.replace('://', `://any:${pusher.token}@`)}/begun.git`;
  await repository.git('remote', 'set-url', 'fn', url);
  const push = await startPush(repository, 'main');
  const path = `/tokens/${pusher.id}`;
  expect((await callControl(platform(), path, { method: 'DELETE' })).status).toBe(204);
  expect(await push.ended, push.output()).toBe(0);
  expect((await ask(platform(), 'begun')).body).toBe('begun');
  expect((await repository.push('main:other')).code).toBe(128);
});

/** Passes on what it is sent, and keeps back all behind the first part of what the client sends until it is told. */
async function startHoldingProxy(port: number, firstBytes: number) {
  const held = Promise.withResolvers<void>();
  const open = Promise.withResolvers<void>();
  const server = net.createServer((client) => {
    const upstream = net.connect(port, '127.0.0.1');
    let passed = 0;
    client
      .on('error', () => upstream.destroy())
      .on('data', (chunk: Buffer) => {
        passed += chunk.length;
        upstream.write(chunk);
        if (passed < firstBytes) return;
        client.pause();
        held.resolve();
        void open.promise.then(() => client.resume());
      });
    upstream.on('error', () => client.destroy()).pipe(client);
    client.on('end', () => upstream.end());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const address = server.address() as net.AddressInfo;
  return { port: address.port, held: held.promise, open: () => open.resolve() };
}

it('takes no push whose token is revoked while it is being sent', async () => {
  const repository = await createRepository(platform(), 'slowly');
  await repository.commit({
    'index.ts': "export default () => new Response('slowly');\n",
    'noise.txt': randomBytes(1_000_000).toString('base64'),
  });
  const pusher = await createToken(repository, '--role', 'deployer');
  const proxy = await startHoldingProxy(platform().port, 200_000);
  const url = `http://any:${pusher.token}@localhost:${proxy.port}/slowly.git`;
  const pushed = repository.git('push', url, 'main');
  await proxy.held;
  const path = `/tokens/${pusher.id}`;
  expect((await callControl(platform(), path, { method: 'DELETE' })).status).toBe(204);
  proxy.open();
  const { code, output } = await pushed;
  expect(code, output).toBe(1);
  expect(output).toContain('was revoked');
  expect((await ask(platform(), 'slowly')).status).toBe(404);
});

/** The status of a call with a token from one of this machine's addresses; of a refusal, also when to come again. */
async function callFrom(localAddress: string, path: string, authorization: string) {
  const request = http.get({
    host: '127.0.0.1',
    port: platform().port,
    localAddress,
    path,
    headers: { host: `localhost:${platform().port}`, authorization },
    agent: false,
  });
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  response.resume();
  return { status: response.statusCode, retryAfter: response.headers['retry-after'] };
}

it('holds off an address that tries tokens, at the API and at git, and nobody else', async () => {
  const guess = (number: number): string => `fn_${number.toString(32).padEnd(40, 'c')}`;
  const basic = (token: string): string => `Basic ${Buffer.from(`x:${token}`).toString('base64')}`;
  const push = '/mine.git/info/refs?service=git-receive-pack';
  const answers = await Promise.all(
    Array.from({ length: 100 }, (_, number) =>
      number % 2 === 0
        ? callFrom('127.0.0.9', '/apps', `Bearer ${guess(number)}`)
        : callFrom('127.0.0.9', push, basic(guess(number))),
    ),
  );
  const statuses = answers.map(({ status }) => status);
  expect(new Set(statuses)).toEqual(new Set([401, 429]));
  expect(statuses.filter((status) => status === 401).length).toBeLessThan(80);
  const refused = answers.find(({ status }) => status === 429);
  expect(Number(refused?.retryAfter)).toBeGreaterThan(0);
  const { adminToken } = platform();
  expect(await callFrom('127.0.0.9', push, basic(adminToken))).toMatchObject({ status: 429 });
  expect(await callFrom('127.0.0.9', '/apps', `Bearer ${adminToken}`)).toMatchObject({
    status: 429,
    retryAfter: expect.stringMatching(/^\d+$/),
  });
  expect(await callFrom('127.0.0.8', '/apps', `Bearer ${adminToken}`)).toMatchObject({
    status: 200,
  });
  expect(await callFrom('127.0.0.8', push, basic(adminToken))).toMatchObject({ status: 200 });
});

it('lets a machine in that shows a code, once somebody approves it', async () => {
  const repository = await createRepository(platform(), 'mine');
  const home = await mkdtemp(join(tmpdir(), 'gitfn-test-device-'));
  onTestFinished(() => rm(home, { recursive: true }));
  const env = { PATH: process.env['PATH'], HOME: home };
  const fn = join(process.cwd(), 'bin/fn');
  const login = spawn(fn, ['login', platform().url, '--device'], { cwd: home, env });
  const ended = once(login, 'close');
  let output = '';
  for (const stream of [login.stdout, login.stderr]) {
    stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  }
  const code = await eventually(() => {
    const [, found = ''] = /fn tokens approve (\S+)/.exec(output) ?? [];
    expect(found).not.toBe('');
    return found;
  });
  const approved = await repository.fn('tokens', 'approve', code, '--app', 'mine', '--name', 'lap');
  expect(approved.output).toContain(`${hostname()} (127.0.0.1) is let in as deployer of mine.`);
  expect(await ended, output).toEqual([0, null]);
  expect(output).toContain('token   lap (tok-');
  const refused = await repository.fn('tokens', 'approve', code);
  expect(refused).toMatchObject({ code: 2, output: expect.stringContaining('nobody waits with') });
});

import { once } from 'node:events';
import http from 'node:http';
import { text } from 'node:stream/consumers';
import { beforeAll, describe, expect, it } from 'vitest';
import { instanceName } from '../../src/main/supervisor/machine/layout.ts';
import type { Answer } from '../support/ask.ts';
import { ask } from '../support/ask.ts';
import { eventually } from '../support/eventually.ts';
import { usePlatform } from '../support/use-platform.ts';
import { createRepository } from '../support/repository.ts';

const platform = usePlatform();

beforeAll(async () => {
  const repository = await createRepository(platform(), 'mine');
  await repository.commit({ 'index.ts': "export default () => new Response('mine');\n" });
  await repository.push('main');
  const other = await createRepository(platform(), 'theirs');
  await other.commit({ 'index.ts': "export default () => new Response('theirs');\n" });
  await other.push('main');
});

interface Call {
  method?: string;
  token?: string | null;
  body?: unknown;
  headers?: Record<string, string>;
}

function call(
  path: string,
  { method, token = platform().adminToken, body, headers = {} }: Call = {},
): Promise<Answer> {
  return ask(platform(), '', {
    method: method ?? 'GET',
    path,
    headers: {
      ...(token !== null && { authorization: `Bearer ${token}` }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
}

/** Where the door asks control. */
function controlSocket(): string {
  const folder = `/run/gitfn/${instanceName(platform().dataDir)}/sockets/control-for-data`;
  return `/proc/${platform().pid}/root${folder}/api.sock`;
}

const json = (answer: Answer): unknown => JSON.parse(answer.body);

async function createToken(request: object): Promise<{ id: string; token: string }> {
  const created = await call('/tokens', { method: 'POST', body: { name: 'test', ...request } });
  expect(created.status).toBe(201);
  return json(created) as { id: string; token: string };
}

async function lastUse(id: string): Promise<unknown> {
  return (json(await call(`/tokens/${id}`)) as { lastUsedAt: unknown }).lastUsedAt;
}

describe('the control API', () => {
  it('lists what was deployed, newest first', async () => {
    const page = json(await call('/apps/mine/deployments')) as { items: unknown[] };
    expect(page.items[0]).toMatchObject({ version: 1, state: 'live', isCurrent: true });
    expect(json(await call('/apps/mine'))).toMatchObject({ productionBranch: 'main', version: 1 });
  });

  it.each([null, 'fn_wrong', `fn_${'a'.repeat(40)}`])('refuses the token %s', async (token) => {
    const answer = await call('/apps', { token });
    expect(answer.status).toBe(401);
    expect(answer.headers['content-type']).toContain('application/problem+json');
    expect(json(answer)).toMatchObject({ code: 'unauthenticated', hint: expect.any(String) });
  });

  it('shows an app that a token must not know of as one that does not exist', async () => {
    const { token } = await createToken({ role: 'deployer', apps: ['mine'] });
    const foreign = await call('/apps/theirs', { token });
    const missing = await call('/apps/nobodys', { token });
    expect(foreign.status).toBe(404);
    const { instance: _, ...told } = json(foreign) as Record<string, unknown>;
    const other = JSON.parse(missing.body.replaceAll('nobodys', 'theirs')) as typeof told;
    expect({ ...told, instance: other['instance'] }).toEqual(other);
    const listed = json(await call('/apps', { token })) as { items: { name: string }[] };
    expect(listed.items.map((app) => app.name)).toEqual(['mine']);
    const rollback = { method: 'POST', body: {}, token };
    expect((await call('/apps/theirs/rollback', rollback)).status).toBe(404);
  });

  it('lets a role do what it includes and no more', async () => {
    const { token } = await createToken({ role: 'viewer' });
    expect((await call('/apps/mine', { token })).status).toBe(200);
    const rollback = await call('/apps/mine/rollback', { method: 'POST', body: {}, token });
    expect(rollback.status).toBe(403);
    expect(json(rollback)).toMatchObject({
      detail: 'the token "test" has the role viewer, which may not roll back',
      hint: expect.stringContaining('fn tokens create NAME --role deployer'),
    });
    expect((await call('/tokens', { token })).status).toBe(403);
  });

  it('ends a token at once when it is revoked', async () => {
    const { id, token } = await createToken({ role: 'viewer' });
    expect((await call('/whoami', { token })).status).toBe(200);
    expect((await call(`/tokens/${id}`, { method: 'DELETE' })).status).toBe(204);
    const refused = await call('/whoami', { token });
    expect(refused.status).toBe(401);
    expect(json(refused)).toMatchObject({
      detail: expect.stringMatching(/^the token "test" was revoked on \d{4}-\d\d-\d\d$/),
    });
    expect((await call('/tokens/tok-none', { method: 'DELETE' })).status).toBe(404);
  });

  it('ends a token when its time is over', async () => {
    const { token } = await createToken({ role: 'viewer', expiresInSeconds: 1 });
    const ended = async () => (await call('/whoami', { token })).status === 401;
    await eventually(ended);
    expect(json(await call('/whoami', { token }))).toMatchObject({
      detail: expect.stringMatching(/^the token "test" expired on \d{4}-\d\d-\d\d$/),
    });
  });

  it('takes no token over plain http from another machine, right or wrong', async () => {
    const forwarded = { 'x-gitfn-peer-address': '203.0.113.9', 'x-gitfn-peer-scheme': 'http' };
    // The door drops what a client says of itself, so control is asked on its own socket.
    const socketPath = controlSocket();
    for (const token of [platform().adminToken, 'fn_wrong']) {
      const request = http.get({
        socketPath,
        path: '/apps',
        headers: { authorization: `Bearer ${token}`, ...forwarded },
      });
      const [response] = (await once(request, 'response')) as [http.IncomingMessage];
      expect(response.statusCode).toBe(403);
      expect(await text(response)).toContain('https');
    }
  });

  it.each([
    ['has another form', '['.repeat(100_000)],
    ['is no JSON', '{"name":'],
    ['is too large', ' '.repeat(2_000_000)],
  ])('keeps the connection of a body that %s, or the answer could be lost', async (_, body) => {
    const request = http.request({
      socketPath: controlSocket(),
      method: 'POST',
      path: '/tokens',
      headers: {
        authorization: `Bearer ${platform().adminToken}`,
        'content-type': 'application/json',
        'content-length': body.length,
        'x-gitfn-peer-address': '127.0.0.1',
        'x-gitfn-peer-scheme': 'http',
        connection: 'keep-alive',
      },
    });
    request.end(body);
    const [response] = (await once(request, 'response')) as [http.IncomingMessage];
    response.resume();
    expect(response.statusCode).toBeGreaterThanOrEqual(400);
    expect(response.headers.connection).not.toBe('close');
    request.destroy();
  });

  it('never shows a token again', async () => {
    const { token } = await createToken({ role: 'viewer' });
    const listed = await call('/tokens');
    expect(listed.body).not.toContain(token);
    expect(listed.body).toContain(token.slice(0, 9));
  });

  it.each([
    ['/tokens', { name: 'x', role: 'emperor' }],
    ['/tokens', { name: 'x', role: 'viewer', surprise: true }],
    ['/tokens', { role: 'viewer' }],
    ['/tokens', []],
    ['/apps/mine/rollback', { target: {} }],
    ['/apps/mine/rollback', { target: 'main; drop table apps' }],
  ])('answers bad input to %s with 400', async (path, body) => {
    const answer = await call(path, { method: 'POST', body });
    expect(answer.status).toBe(400);
    expect(json(answer)).toMatchObject({ code: 'bad-request' });
  });

  it('says which part of a request is wrong', async () => {
    const surplus = await call('/tokens', {
      method: 'POST',
      body: { name: 'x', role: 'deployer', 'a/b': 1 },
    });
    expect(json(surplus)).toMatchObject({
      instance: expect.stringMatching(/^req-/),
      errors: [{ pointer: '#/a~1b', message: expect.any(String) }],
    });
    expect(json(await call('/apps?limit=0'))).toMatchObject({ errors: [{ parameter: 'limit' }] });
    expect(json(await call('/apps?colour=red'))).toMatchObject({
      errors: [{ parameter: 'colour' }],
    });
  });

  it.each([
    ['text/plain', 'hello', 415],
    ['application/x-www-form-urlencoded', '{}', 415],
    ['application/json', '{"target":"1","target":"2"}', 400],
    ['application/json', '['.repeat(10_000), 400],
    ['application/json', '{"__proto__":{"isAdmin":true}}', 400],
    ['application/json', '{"target":', 400],
  ])('refuses a body of %s: %.30s', async (type, body, status) => {
    const answer = await call('/apps/mine/rollback', {
      method: 'POST',
      body,
      headers: { 'content-type': type },
    });
    expect(answer.status).toBe(status);
    expect(answer.headers['content-type']).toContain('application/problem+json');
  });

  it('refuses what is still being sent when its token is revoked', async () => {
    const { id, token } = await createToken({ role: 'admin' });
    const body = JSON.stringify({ name: 'too-late', role: 'admin' });
    const request = http.request({
      port: platform().port,
      method: 'POST',
      path: '/tokens',
      headers: {
        host: `localhost:${platform().port}`,
        authorization: `Bearer ${token}`,
        'content-type': 'application/json',
        'content-length': body.length,
      },
    });
    const beganAt = performance.now();
    const answered = once(request, 'response') as Promise<[http.IncomingMessage]>;
    request.write(body.slice(0, 10));
    await eventually(async () => (await lastUse(id)) !== null);
    expect((await call(`/tokens/${id}`, { method: 'DELETE' })).status).toBe(204);
    await eventually(() => performance.now() - beganAt > 600);
    request.end(body.slice(10));
    const [response] = await answered;
    expect([response.statusCode, await text(response)]).toEqual([401, expect.any(String)]);
    expect((await call('/tokens')).body).not.toContain('too-late');
  });

  it.each([
    ['nothing', {}],
    ['no length', { 'transfer-encoding': 'chunked' }],
    ['the length 0', { 'content-length': '0' }],
    ['an empty form', { 'content-type': 'application/x-www-form-urlencoded' }],
  ])('takes %s for a body without fields', async (_, headers) => {
    const redeploy = { method: 'POST', headers };
    expect((await call('/apps/mine/redeploy', redeploy)).status).toBe(200);
    const unnamed = await call('/tokens', redeploy);
    expect([unnamed.status, json(unnamed)]).toMatchObject([400, { code: 'bad-request' }]);
  });

  it('carries out once what is sent twice with one idempotency key', async () => {
    const headers = { 'idempotency-key': '"4f1c-create"' };
    const send = (name: string) =>
      call('/tokens', { method: 'POST', body: { name, role: 'deployer' }, headers });
    const [first, second] = [await send('once'), await send('once')];
    expect(first.status).toBe(201);
    expect([second.status, second.body]).toEqual([201, first.body]);
    expect(second.headers['idempotency-replayed']).toBe('true');
    expect((await call('/tokens')).body.match(/"once"/g)).toHaveLength(1);
    const other = await send('another');
    expect(other.status).toBe(422);
    expect(json(other)).toMatchObject({ code: 'key-reused', hint: expect.any(String) });
    const none = await call('/tokens', {
      method: 'POST',
      body: { name: 'x', role: 'deployer' },
      headers: { 'idempotency-key': 'spaces are none' },
    });
    expect(none.status).toBe(400);
  });

  it('changes nothing that somebody else has changed since it was read', async () => {
    const path = '/apps/mine/environment';
    const etag = String((await call(path)).headers['etag']);
    const known = await call(path, { headers: { 'if-none-match': `W/"x", ${etag}` } });
    expect([known.status, known.body]).toEqual([304, '']);
    const set = (value: string) =>
      call(`${path}/GREETING`, { method: 'PUT', body: { value }, headers: { 'if-match': etag } });
    const both = await Promise.all([set('one'), set('two')]);
    expect(both.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 412]);
    expect((await call(path, { headers: { 'if-none-match': etag } })).status).toBe(200);
  });

  it('keeps SSH keys for whoever adds them, and shows them to nobody else', async () => {
    const publicKey =
      'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAID9GE3L6fNRodK5kjP865VikFXtMfdo03bKH9Gl8LdEL a@b';
    const added = await call('/keys', { method: 'POST', body: { publicKey } });
    expect(added.status).toBe(201);
    const { id } = json(added) as { id: string };
    expect(json(added)).toMatchObject({
      name: 'a@b',
      fingerprint: 'SHA256:L/muzR0aiV+c78d3jqCvbKdzTZyuCJPHrr1V4eGYhX0',
    });
    expect((await call('/keys', { method: 'POST', body: { publicKey } })).status).toBe(409);
    const { token } = await createToken({ role: 'deployer' });
    expect(json(await call('/keys', { token }))).toEqual({ items: [], next: null });
    expect((await call(`/keys/${id}`, { method: 'DELETE', token })).status).toBe(404);
    expect((await call(`/keys/${id}`, { method: 'DELETE' })).status).toBe(204);
    expect(json(await call('/keys'))).toEqual({ items: [], next: null });
  });

  it.each([
    ['/keys', 'listKeys'],
    ['/tokens', 'listTokens'],
  ])('has an answer to a made up place in %s', async (path, list) => {
    for (const place of [1e30, -1e30, 8e15, -8e15, 1.5]) {
      const cursor = Buffer.from(JSON.stringify([list, place, 'x'])).toString('base64url');
      expect((await call(`${path}?cursor=${cursor}`)).status, String(place)).toBe(200);
    }
  });

  it('gives editors the description of fn.json without a token', async () => {
    const described = json(await call('/schema/fn.json', { token: null }));
    expect(described).toMatchObject({ title: 'fn.json', additionalProperties: false });
  });

  it('refuses a NUL, which no name and no search can have, as the mistake of who sent it', async () => {
    for (const path of [
      '/apps/mi%00ne',
      '/apps/mine/logs?search=%00',
      '/apps/mine/logs?request=%00',
    ]) {
      const answer = await call(path);
      expect(answer.status, path).toBe(400);
      expect(json(answer)).toMatchObject({ code: 'bad-request' });
    }
  });

  it.each([
    ['a number beyond all numbers', '/audit/verify?from=1e999', 'from must be a finite number'],
    ['one below them', '/apps?limit=-1e999', 'limit must be a finite number'],
    [
      'a name of thousands of characters',
      `/apps/${'a'.repeat(3_000)}`,
      'more than 2000 characters',
    ],
    ['a name that is no text', '/apps/%zz', 'not a valid url component'],
  ])('answers %s with a problem', async (_what, path, detail) => {
    const answer = await call(path);
    expect(answer.status).toBe(400);
    expect(answer.headers['content-type']).toContain('application/problem+json');
    expect(json(answer)).toMatchObject({ code: 'bad-request' });
    expect((json(answer) as { detail: string }).detail).toContain(detail);
  });

  it('answers what does not exist with 404, and describes what does', async () => {
    expect((await call('/nothing')).status).toBe(404);
    const described = json(await call('/openapi.json', { token: null })) as {
      paths: Record<string, unknown>;
    };
    expect(Object.keys(described.paths)).toEqual(
      expect.arrayContaining(['/apps', '/apps/{app}/rollback', '/tokens', '/whoami']),
    );
  });
});

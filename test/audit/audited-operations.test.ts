import { beforeAll, describe, expect, it } from 'vitest';
import { openDatabase } from '../../src/store/database.ts';
import type {
  AuditEntry,
  AuditVerification,
  Operations,
} from '../../src/protocol/control-client.generated.ts';
import { callControl } from '../support/control-api.ts';
import { databaseUrl } from '../support/database-url.ts';
import { createRepository, type TestRepository } from '../support/repository.ts';
import { usePlatform } from '../support/use-platform.ts';

type AuditPage = Operations['listAuditEntries']['answer'];

const platform = usePlatform();
let repository: TestRepository;

const SECRET = 'planted-Hunter2-value';
const PUBLIC_KEY =
  'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJqG0p1i7mPq3k0T8wqk2Qv0m1bQ4yQ6cYw3v3eJr1sL ada@laptop';

beforeAll(async () => {
  repository = await createRepository(platform(), 'hello');
  await repository.commit({ 'index.js': 'export const handler = async () => "hello";' });
  expect(await repository.push('main')).toMatchObject({ code: 0 });
});

async function read(query = '', app = ''): Promise<AuditEntry[]> {
  const answer = await callControl(platform(), `${app}/audit?limit=200${query}`);
  expect(answer.status, answer.body).toBe(200);
  return (JSON.parse(answer.body) as AuditPage).items;
}

interface OpenApi {
  paths: Record<string, Record<string, { operationId?: string; security?: object[] }>>;
}

/** Every operation that may change something, as the document has it. */
async function mutations(): Promise<{ method: string; path: string; operationId: string }[]> {
  const { body } = await callControl(platform(), '/openapi.json');
  return Object.entries((JSON.parse(body) as OpenApi).paths).flatMap(([path, methods]) =>
    Object.entries(methods)
      .filter(([method, { security }]) => method !== 'get' && security?.length !== 0)
      // It changes nothing of the platform; the function's own log tells of it.
      .filter(([, { operationId }]) => operationId !== 'invokeFunction')
      .map(([method, { operationId = '' }]) => ({
        method: method.toUpperCase(),
        path: path.replace(/\{\w+\}/g, (part) =>
          // The app is needed afterwards.
          part === '{app}' && operationId !== 'deleteApp' ? 'hello' : 'none_such',
        ),
        operationId,
      })),
  );
}

/** Makes each operation as its schema wants it, with things that are not there, and secrets wherever there is text. */
const BODIES: Record<string, unknown> = {
  createToken: { name: 'ci', role: 'viewer', expiresInSeconds: 3600 },
  changeEnvironment: { set: [{ name: 'A_KEY', value: SECRET }] },
  setEnvironmentValue: { value: SECRET },
  addDomain: { name: 'shop.example.com' },
  uploadCertificate: { chain: SECRET, key: SECRET },
  rollback: {},
  redeploy: {},
  setAccess: { production: 'public' },
  createShareLink: {},
  connectGitHost: { kind: 'github', url: 'https://1.1.1.1/ada/hello', accessToken: SECRET },
};

describe('the audit log of a server', () => {
  it('has what the platform did by itself, and what was pushed', async () => {
    const entries = await read();
    expect(entries.at(-1)).toMatchObject({
      sequence: 1,
      action: 'adoptAdminToken',
      actor: { kind: 'platform' },
    });
    const [succeeded, requested] = await read('&action=pushRef', '/apps/hello');
    expect([succeeded?.outcome, requested?.outcome]).toEqual(['succeeded', 'requested']);
    expect(requested).toMatchObject({
      actor: { name: 'admin' },
      app: 'hello',
      target: 'refs/heads/main',
      address: '127.0.0.1',
      userAgent: expect.stringMatching(/^git\//),
      before: { object: '0'.repeat(40) },
      after: { commit: expect.stringMatching(/^[0-9a-f]{40}$/) },
    });
    expect((await read('&action=release', '/apps/hello'))[0]).toMatchObject({
      actor: { name: 'admin' },
      requestId: requested?.requestId,
      target: 'production',
      after: { version: 1, trigger: 'push' },
    });
    expect(await read('&action=createApp')).toHaveLength(2);
  });

  it('has a row before and after each operation that changes something, and no secret', async () => {
    const operations = await mutations();
    expect(operations.length).toBeGreaterThan(8);
    const since = (await read())[0]?.sequence ?? 0;
    const missing: string[] = [];
    for (const { method, path, operationId } of operations) {
      const body = BODIES[operationId];
      const answer = await callControl(platform(), path, {
        method,
        ...(body !== undefined && { body }),
      });
      const outcomes = (await read(`&action=${operationId}`))
        .filter(({ sequence }) => sequence > since)
        .map(({ outcome }) => outcome);
      const wanted = [answer.status < 400 ? 'succeeded' : 'failed', 'requested'];
      // What the schema refuses changes nothing and is not written down.
      const isRefused = answer.status === 400 && body === undefined && outcomes.length === 0;
      if (isRefused || outcomes.join() === wanted.join()) continue;
      missing.push(`${operationId} ${answer.status}: ${outcomes.join()}`);
    }
    expect(missing).toEqual([]);
  });

  it('holds no value, no token and no key', async () => {
    const made = await callControl(platform(), '/tokens', {
      method: 'POST',
      body: { name: 'holder', role: 'deployer' },
    });
    const { token } = JSON.parse(made.body) as { token: string };
    const db = openDatabase(databaseUrl(platform(), 'postgres'), () => {});
    const { rows } = await db.query<{ dump: string }>(
      `SELECT string_agg(e::text, E'\\n') AS dump FROM audit_entries e`,
    );
    await db.close();
    const dump = rows[0]?.dump ?? '';
    expect(dump).toContain('A_KEY');
    expect(dump).toContain('holder');
    for (const secret of [SECRET, token, token.slice(10), platform().adminToken]) {
      expect(dump.includes(secret)).toBe(false);
      expect(dump.includes(Buffer.from(secret).toString('base64').slice(0, 16))).toBe(false);
    }
  });

  it('tells what was before and after, and who was refused', async () => {
    const made = await callControl(platform(), '/tokens', {
      method: 'POST',
      body: { name: 'short', role: 'viewer' },
    });
    expect(made.status, made.body).toBe(201);
    const { id, token } = JSON.parse(made.body) as { id: string; token: string };
    await callControl(platform(), '/apps/hello/environment/B_KEY', {
      method: 'PUT',
      token,
      body: { value: SECRET },
    });
    expect((await read(`&actor=${id}`, '/apps/hello'))[0]).toMatchObject({
      outcome: 'failed',
      reason: 'forbidden',
      target: 'B_KEY',
    });
    await callControl(platform(), `/tokens/${id}`, { method: 'DELETE' });
    expect((await read('&action=revokeToken'))[0]).toMatchObject({
      target: id,
      before: { name: 'short', isRevoked: false },
    });
  });

  it('tells what was there before it was changed or removed', async () => {
    async function made(path: string, body: object): Promise<{ id: string }> {
      const answer = await callControl(platform(), path, { method: 'POST', body });
      expect(answer.status, answer.body).toBe(201);
      return JSON.parse(answer.body) as { id: string };
    }
    const remove = (path: string) => callControl(platform(), path, { method: 'DELETE' });
    await callControl(platform(), '/apps/hello/access', {
      method: 'PUT',
      body: { production: 'private' },
    });
    const link = await made('/apps/hello/share-links', {});
    await remove(`/apps/hello/share-links/${link.id}`);
    const url = 'https://1.1.1.1/ada/again';
    const host = await made('/apps/hello/git-hosts', { kind: 'gitea', url, accessToken: SECRET });
    await remove(`/apps/hello/git-hosts/${host.id}`);
    const key = await made('/keys', { name: 'laptop', publicKey: PUBLIC_KEY });
    await remove(`/keys/${key.id}`);
    const environment = '/apps/hello/environment/C_KEY';
    const set = await callControl(platform(), environment, {
      method: 'PUT',
      body: { value: SECRET },
    });
    const { version } = JSON.parse(set.body) as { version: number };
    await remove(environment);
    const newest = async (action: string, app = '') => (await read(`&action=${action}`, app))[0];
    expect(await newest('removeShareLink', '/apps/hello')).toMatchObject({
      before: { opens: 'production' },
    });
    expect(await newest('connectGitHost', '/apps/hello')).toMatchObject({ after: { url } });
    expect(await newest('disconnectGitHost', '/apps/hello')).toMatchObject({
      before: { kind: 'gitea', url },
    });
    expect(await newest('removeKey')).toMatchObject({ before: { name: 'laptop' } });
    expect(await newest('unsetEnvironmentValue', '/apps/hello')).toMatchObject({
      before: { version },
      after: { version: version + 1 },
    });
  });

  it('has what is done to the tokens of an app in the log of the app', async () => {
    const answer = await callControl(platform(), '/tokens', {
      method: 'POST',
      body: { name: 'of-hello', role: 'viewer', apps: ['hello'] },
    });
    const { id } = JSON.parse(answer.body) as { id: string };
    await callControl(platform(), `/tokens/${id}`, { method: 'DELETE' });
    for (const action of ['createToken', 'revokeToken']) {
      const [entry] = await read(`&action=${action}`, '/apps/hello');
      expect(entry, action).toMatchObject({ app: 'hello', outcome: 'succeeded' });
    }
  });

  it('has no password of a URL that was refused', async () => {
    const refused = await callControl(platform(), '/apps/hello/git-hosts', {
      method: 'POST',
      body: { kind: 'github', url: `https://ada:${SECRET}@1.1.1.1/a/b`, accessToken: SECRET },
    });
    expect(refused.status).toBe(400);
    const [entry] = await read('&action=connectGitHost', '/apps/hello');
    expect(entry).toMatchObject({ outcome: 'failed', after: { kind: 'github' } });
    expect(JSON.stringify(await read())).not.toContain(SECRET);
  });

  it('is read by admins alone, a page at a time', async () => {
    const made = await callControl(platform(), '/tokens', {
      method: 'POST',
      body: { name: 'deployer', role: 'deployer' },
    });
    const { token } = JSON.parse(made.body) as { token: string };
    for (const path of ['/audit', '/audit/verify', '/apps/hello/audit']) {
      expect((await callControl(platform(), path, { token })).status).toBe(403);
    }
    const first = await callControl(platform(), '/audit?limit=2');
    const { items, next } = JSON.parse(first.body) as AuditPage;
    const second = await callControl(platform(), `/audit?limit=2&cursor=${next}`);
    const sequences = [...items, ...(JSON.parse(second.body) as AuditPage).items].map(
      ({ sequence }) => sequence,
    );
    const [newest = 0] = sequences;
    expect(sequences).toEqual([newest, newest - 1, newest - 2, newest - 3]);
    expect((await read('&since=1s&until=2020-01-01')).length).toBe(0);
    expect((await callControl(platform(), '/audit?app=none')).body).toContain('"items":[]');
  });

  it('is proved by fn audit --verify, also after kill -9 and a new master key', async () => {
    await platform().kill9();
    await platform().restart();
    expect((await repository.fn('master-key', 'rotate', '--yes')).code).toBe(0);
    const { code, output } = await repository.fn('audit', '--verify');
    expect(output).toMatch(/^\d+ entries are whole and as they were written\.\n$/);
    expect(code).toBe(0);
    const shown = await repository.fn('audit', '--app', 'hello', '--limit', '200');
    expect(shown.output).toMatch(
      /admin +127\.0\.0\.1 +pushRef +hello +refs\/heads\/main +succeeded/,
    );

    const db = openDatabase(databaseUrl(platform(), 'postgres'), () => {});
    await db.query('ALTER TABLE audit_entries DISABLE TRIGGER USER');
    await db.query('DELETE FROM audit_entries WHERE sequence = 3');
    await db.close();
    const found = await callControl(platform(), '/audit/verify');
    expect((JSON.parse(found.body) as AuditVerification).problem).toMatchObject({
      sequence: 3,
      kind: 'removed',
    });
    expect(await repository.fn('audit', '--verify')).toMatchObject({
      code: 8,
      output: expect.stringContaining('entry 3 is missing (removed)'),
    });
  });
});

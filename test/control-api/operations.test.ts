import { afterAll, beforeAll, expect, it } from 'vitest';
import { OPERATIONS } from '../../src/protocol/control-client.generated.ts';
import { operationsOf, type OpenApiDocument } from '../support/openapi-document.ts';
import { createRepository } from '../support/repository.ts';
import { startPush } from '../support/running-push.ts';
import { type Input, json, type OperationId, urlOf } from './caller.ts';
import { createWorld, type World } from './world.ts';

/** Drives every operation of the document that a server gives, to its 2xx answer. */
let world: World;
const driven = new Set<OperationId>();

beforeAll(async () => {
  world = await createWorld();
});
afterAll(() => world[Symbol.asyncDispose]());

async function drive<Shape = Record<string, unknown>>(
  id: OperationId,
  input: Input = {},
): Promise<Shape> {
  const answer = await world.call(id, input);
  expect(answer.status, `${id}: ${answer.body.slice(0, 400)}`).toBeGreaterThanOrEqual(200);
  expect(answer.status, `${id}: ${answer.body.slice(0, 400)}`).toBeLessThan(300);
  driven.add(id);
  const { etag } = answer.headers;
  if (OPERATIONS[id].method === 'GET' && etag !== undefined) await expectKnown(id, input, etag);
  const isJson = String(answer.headers['content-type']).includes('application/json');
  return isJson ? json<Shape>(answer) : ({} as Shape);
}

/** Whoever has what is answered is told so. */
async function expectKnown(id: OperationId, input: Input, etag: string): Promise<void> {
  const path = urlOf(OPERATIONS[id].path, input.params ?? {}, input.query ?? {});
  const headers = { 'if-none-match': etag };
  expect((await world.send({ method: 'GET', path, headers })).status, id).toBe(304);
}

const mine = { params: { app: 'mine' } };

it('shows apps and what they had', async () => {
  await drive('downloadCommandLine');
  expect(await drive('whoAmI')).toMatchObject({ kind: 'personal', role: 'admin' });
  const apps = await drive<{ items: unknown[] }>('listApps', { query: { q: 'min', limit: 1 } });
  expect(apps).toMatchObject({ items: [{ name: 'mine', version: 2 }], next: null });
  expect(await drive('getApp', mine)).toMatchObject({ productionBranch: 'main' });
  const first = await drive<{ next: string }>('listDeployments', {
    ...mine,
    query: { limit: 1, ref: 'main' },
  });
  expect(first).toMatchObject({ items: [{ version: 2 }] });
  const query = { limit: 1, cursor: first.next };
  expect(await drive('listDeployments', { ...mine, query })).toMatchObject({
    items: [{ version: 1, state: expect.stringMatching(/draining|retired/) }],
    next: null,
  });
  await drive('getDeployment', { params: { app: 'mine', deployment: 'v1' } });
  await drive('getAppMetrics', mine);
  await drive('getPlatformMetrics');
  await drive('getPrometheusMetrics');
  await drive('listLogs', mine);
});

it('puts versions live', async () => {
  expect(await drive('rollback', { ...mine, body: { target: 'v1' } })).toMatchObject({
    deployment: { version: 3 },
  });
  await drive('redeploy', { ...mine, body: {} });
  const newest = await drive<{ next: string }>('listReleases', { ...mine, query: { limit: 2 } });
  expect(newest).toMatchObject({
    items: [
      { version: 4, cause: 'redeploy', isCurrent: true, endedAt: null },
      { version: 3, cause: 'rollback', sourceVersion: 1, by: 'admin', isCurrent: false },
    ],
  });
  const others = { ...mine, query: { cursor: newest.next } };
  expect(await drive('listReleases', others)).toMatchObject({
    items: [{ version: 2, cause: 'push' }, { version: 1 }],
    next: null,
  });
  const repository = await createRepository(world.platform, 'previewed');
  await repository.commit({ 'index.ts': "export default () => new Response('a');\n" });
  await repository.push('main');
  await repository.git('checkout', '-qb', 'topic');
  await repository.commit({ 'index.ts': "export default () => new Response('b');\n" });
  await repository.push('topic');
  await drive('promote', { params: { app: 'previewed' }, body: { target: 'topic' } });
  await drive('deleteApp', { params: { app: 'previewed' } });
});

it('follows and ends pushes', async () => {
  const repository = await createRepository(world.platform, 'slow');
  // Would be built for minutes: longer than any test waits.
  await repository.commit({ 'fn.json': '{ "build": { "command": "sleep 290" } }' });
  const running = await startPush(repository, 'main');
  const pushes = await drive<{ items: { id: string }[] }>('listPushes', {
    params: { app: 'slow' },
  });
  const push = { params: { app: 'slow', push: pushes.items[0]?.id ?? '' } };
  await drive('cancelPush', push);
  await running.ended;
  await drive('followPush', push);
});

it('makes, changes and deletes functions', async () => {
  const created = await drive<{ function: { id: string } }>('createFunction', {
    body: { name: 'made', runtime: 'typescript', code: 'export default () => new Response("1");' },
  });
  const params = { function: created.function.id };
  expect(await drive('listFunctions', { query: { q: 'made' } })).toMatchObject({
    items: [{ id: params.function }],
  });
  await drive('getFunction', { params });
  await drive('updateFunction', { params, body: { timeout: 5_000 } });
  await drive('deployFunction', {
    params,
    body: { code: 'export default () => new Response("2");' },
  });
  await drive('rollbackFunction', { params, body: { version: 1 } });
  await drive('listFunctionLogs', { params });
  expect(await drive('invokeFunction', { params, body: {} })).toMatchObject({ statusCode: 200 });
  await drive('getFunctionMetrics', { params });
  await drive('deleteFunction', { params });
});

it('changes environments and domains', async () => {
  await drive('changeEnvironment', { ...mine, body: { set: [{ name: 'A', value: '1' }] } });
  const value = { params: { app: 'mine', name: 'B' } };
  await drive('setEnvironmentValue', { ...value, body: { value: '2' } });
  await drive('unsetEnvironmentValue', value);
  expect(await drive('getEnvironment', mine)).toMatchObject({ version: 3 });
  await drive('listEnvironmentVersions', mine);
  await drive('rotateMasterKey');
  await drive('checkConsistency');
  const domain = { params: { app: 'mine', name: 'www.example.com' } };
  await drive('addDomain', { ...mine, body: { name: 'www.example.com' } });
  await drive('listDomains', { ...mine, query: { state: 'pending' } });
  expect(await drive('listAllDomains', { query: { state: 'pending' } })).toMatchObject({
    items: [{ app: 'mine', name: 'www.example.com' }],
    next: null,
  });
  await drive('getDomain', domain);
  await drive('verifyDomain', domain);
  await drive('removeDomain', domain);
});

it('closes apps, and opens them to who has a link', async () => {
  await drive('setAccess', { ...mine, body: { production: 'private' } });
  await drive('getAccess', mine);
  const link = await drive<{ id: string }>('createShareLink', {
    ...mine,
    body: { expiresInSeconds: 60 },
  });
  await drive('listShareLinks', mine);
  await drive('removeShareLink', { params: { app: 'mine', id: link.id } });
  await drive('setAccess', { ...mine, body: { production: 'public' } });
});

it('connects git hosts', async () => {
  const body = { kind: 'github', url: 'https://1.1.1.1/ada/hello', accessToken: 'none' };
  const made = await drive<{ id: string }>('connectGitHost', { ...mine, body });
  expect(await drive('listGitHosts', mine)).toMatchObject({ items: [{ id: made.id }] });
  await drive('disconnectGitHost', { params: { app: 'mine', id: made.id } });
  expect(await drive('listGitHosts', mine)).toMatchObject({ items: [] });
});

it('says who may', async () => {
  const { id } = await drive<{ id: string }>('createToken', {
    body: { name: 'x', role: 'viewer' },
  });
  await drive('getToken', { params: { id } });
  await drive('listTokens');
  await drive('revokeToken', { params: { id } });
  const publicKey =
    'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAID9GE3L6fNRodK5kjP865VikFXtMfdo03bKH9Gl8LdEL a@b';
  const key = await drive<{ id: string }>('addKey', { body: { publicKey } });
  await drive('getSsh');
  await drive('listKeys');
  await drive('removeKey', { params: { id: key.id } });
  await drive('listAppAuditEntries', mine);
  await drive('listAuditEntries');
  expect(await drive('verifyAudit')).toMatchObject({ problem: null });
});

it('lets machines in by a code', async () => {
  interface Begun {
    device_code: string;
    user_code: string;
  }
  const begin = () => drive<Begun>('beginDeviceLogin', { body: { host_name: 'laptop' } });
  const denied = await begin();
  await drive('denyDeviceLogin', { params: { code: denied.user_code } });
  const begun = await begin();
  const params = { code: begun.user_code };
  await drive('getDeviceLogin', { params });
  await drive('approveDeviceLogin', { params, body: { name: 'laptop', role: 'viewer' } });
  await drive('pollDeviceLogin', { body: { device_code: begun.device_code } });
});

/** They need HTTPS, a provider of identities, or a git host. */
const DRIVEN_ELSEWHERE: Record<string, OperationId[]> = {
  'certificates.test.ts': [
    'getAuthority',
    'listCertificates',
    'uploadCertificate',
    'removeCertificate',
  ],
  'oidc.test.ts': ['getOidcProvider', 'loginByOidc'],
  'git-hosts.test.ts': ['receiveHook'],
};

it('leaves none of the operations out that a server describes', async () => {
  const answer = await world.send({ method: 'GET', path: '/openapi.json', token: null });
  const ids = operationsOf(json<unknown>(answer) as OpenApiDocument).map(
    ({ operation }) => operation.operationId,
  );
  expect(ids.toSorted()).toEqual(Object.keys(OPERATIONS).toSorted());
  const all = [...driven, ...Object.values(DRIVEN_ELSEWHERE).flat()];
  expect(all.toSorted()).toEqual(ids.toSorted());
});

import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Database, openDatabase } from '../../src/store/database.ts';
import { databaseUrl } from '../support/database-url.ts';
import { operationsOf, readOpenApiDocument } from '../support/openapi-document.ts';
import { json, type OperationId, urlOf } from './caller.ts';
import { countRows } from './rows.ts';
import { createWorld, type World } from './world.ts';

const operations = operationsOf(await readOpenApiDocument());

/** What is refused leaves nothing behind: rows, repositories and refs are as they were. */
let world: World;
let db: Database;
beforeAll(async () => {
  world = await createWorld();
  db = openDatabase(databaseUrl(world.platform, 'postgres'), () => {});
});
afterAll(async () => {
  await db?.close();
  await world?.[Symbol.asyncDispose]();
});

interface Contents {
  rows: Record<string, number>;
  refs: string[];
}

async function contents(): Promise<Contents> {
  const rows = await countRows(db);
  return { rows, refs: await refsOf(join(world.platform.dataDir, 'repositories')) };
}

async function refsOf(folder: string): Promise<string[]> {
  const files = await readdir(folder, { recursive: true, withFileTypes: true });
  // What is below refs/internal is a scratch, which nobody sees.
  const isRef = /\/refs\/(?!internal)/;
  const refs = files.filter((file) => file.isFile() && isRef.test(file.parentPath));
  const read = refs.map(async ({ parentPath, name }) => {
    return `${join(parentPath, name)} ${await readFile(join(parentPath, name), 'utf8')}`;
  });
  const repositories = (await readdir(folder)).toSorted();
  return [...repositories, ...(await Promise.all(read)).toSorted()];
}

interface Asked {
  id: OperationId;
  params?: Record<string, string>;
  body?: unknown;
  /** In place of a body of JSON. */
  bytes?: string;
  token?: 'adminOfOther';
}

const CODE = 'export default () => new Response("new");\n';
const made = { name: 'never', runtime: 'typescript', code: CODE };
const create = (change: object): Asked => ({ id: 'createFunction', body: { ...made, ...change } });
const update = (body: object): Asked => ({
  id: 'updateFunction',
  params: { function: 'mine' },
  body,
});
const mine = { app: 'mine' };

const BAD: [what: string, asked: Asked, status: number, told: RegExp][] = [
  ['wrong JSON', { id: 'createFunction', bytes: '{"name":' }, 400, /JSON|body/],
  ['10 MB', create({ code: 'x'.repeat(10_000_000) }), 413, /large/],
  ['an unknown field', create({ colour: 'red' }), 400, /additional properties/],
  ['a name out of range', create({ name: 'x'.repeat(41) }), 400, /an app name has/],
  ['a name of no app', create({ name: '../etc' }), 400, /an app name has/],
  ['a syntax error', create({ code: 'export default ( => 1;' }), 422, /^index\.ts:1:\d+/],
  ['a syntax error in a change', update({ code: 'const' }), 422, /^index\.ts:1:\d+/],
  ['a runtime that is not there', create({ runtime: 'cobol' }), 422, /typescript/],
  ['too much memory', create({ memory: 10_241 }), 422, /memory is 10241/],
  ['too much memory in a change', update({ memory: 10_241 }), 422, /memory is 10241/],
  ['too long a timeout', create({ timeout: 900_001 }), 422, /timeout is/],
  ['a name that is taken', create({ name: 'mine' }), 409, /there is an app named mine/],
  [
    'a version that never lived',
    { id: 'rollbackFunction', params: { function: 'mine' }, body: { version: 99 } },
    409,
    /v2, v1/,
  ],
  ['a token', { id: 'createToken', body: { name: 'x', role: 'emperor' } }, 400, /role/],
  ['a domain', { id: 'addDomain', params: mine, body: { name: 'no domain' } }, 400, /domain/],
  ['a key', { id: 'addKey', body: { publicKey: 'ssh-ed25519 x' } }, 400, /public key/],
  ['a value', { id: 'changeEnvironment', params: mine, body: { set: [{}] } }, 400, /name/],
  [
    'the token of another app, for a function',
    { ...update({ code: CODE }), token: 'adminOfOther' },
    404,
    /there is no function "mine"/,
  ],
  [
    'the token of another app, for a value',
    {
      id: 'setEnvironmentValue',
      params: { app: 'mine', name: 'A' },
      body: { value: 'x' },
      token: 'adminOfOther',
    },
    404,
    /no app "mine"/,
  ],
];

describe('what is refused because of', () => {
  it.each(BAD)('%s is told clearly, and leaves nothing', async (_, asked, status, told) => {
    const { id, params = {}, body, bytes, token } = asked;
    const before = await contents();
    const answer = await world.send({
      ...placeOf(id, params),
      body: bytes ?? JSON.stringify(body),
      ...(token !== undefined && { token: world.tokens[token] }),
    });
    const { detail, hint } = json<{ detail: string; hint?: string }>(answer);
    expect([answer.status, `${detail} ${hint}`]).toEqual([status, expect.stringMatching(told)]);
    const after = await contents();
    expect(after.refs).toEqual(before.refs);
    expect(after.rows).toEqual(before.rows);
  });
});

function placeOf(id: OperationId, params: Record<string, string>) {
  const found = operations.find(({ operation }) => operation.operationId === id);
  if (found === undefined) throw new Error(id);
  return { method: found.method, path: urlOf(found.path, params, {}) };
}

/** What a page of somebody else can have a browser send without asking first (Fetch, "simple" requests). */
const FORMS = [
  'text/plain',
  'application/x-www-form-urlencoded',
  'multipart/form-data; boundary=x',
];
const CHANGES = operations.filter(
  ({ method, operation }) => method !== 'GET' && operation.operationId !== 'receiveHook',
);

describe.each(CHANGES)('$operation.operationId', ({ method, path, operation }) => {
  const place = { method, path: urlOf(path, { app: 'mine', function: 'mine', id: 'x' }, {}) };
  const isOpen = operation.security?.length === 0;

  it('takes no cookie for a token, whatever page sends it', async () => {
    const { adminToken } = world.platform;
    for (const type of isOpen ? FORMS : ['application/json', ...FORMS]) {
      const answer = await world.send({
        ...place,
        body: '{}',
        token: null,
        headers: {
          'content-type': type,
          cookie: `token=${adminToken}; session=${adminToken}; authorization=Bearer ${adminToken}`,
          origin: 'https://evil.example',
        },
      });
      expect(answer.status, type).toBe(isOpen ? 415 : 401);
      expect(answer.headers['set-cookie']).toBeUndefined();
      expect(answer.headers['access-control-allow-origin']).toBeUndefined();
    }
  });
});

it('lets no page of another origin ask for leave to send a token', async () => {
  const headers = {
    origin: 'https://evil.example',
    'access-control-request-method': 'POST',
    'access-control-request-headers': 'authorization',
  };
  for (const { path } of CHANGES) {
    const place = urlOf(path, { app: 'mine', function: 'mine', id: 'x' }, {});
    const answer = await world.send({ method: 'OPTIONS', path: place, token: null, headers });
    expect(answer.status, path).toBeGreaterThanOrEqual(400);
    expect(answer.headers['access-control-allow-origin']).toBeUndefined();
  }
});

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Answer } from '../support/ask.ts';
import { readOpenApiDocument } from '../support/openapi-document.ts';
import { json, type OperationId, urlOf } from './caller.ts';
import { placedOperations, placesOf } from './places.ts';
import { REQUESTS } from './requests.ts';
import { formsOf, plantSentinels, type Sentinels } from './sentinels.ts';
import { ACTORS, createWorld, type World } from './world.ts';

/** What was told once is not told again, whoever asks, whatever for. */
const document = await readOpenApiDocument();
const OPERATIONS = placedOperations(document);
const READS = OPERATIONS.filter(({ method }) => method === 'GET');

let world: World;
let planted: Sentinels;
beforeAll(async () => {
  world = await createWorld();
  planted = await plantSentinels(world);
}, 120_000);
afterAll(() => world?.[Symbol.asyncDispose]());

function expectNothingTold({ body, headers }: Answer, where: string): void {
  const text = `${JSON.stringify(headers)}\n${body}`;
  for (const [what, secret] of Object.entries(planted.secrets)) {
    for (const form of formsOf(secret)) {
      expect(text.includes(form), `${where} tells the ${what}`).toBe(false);
    }
  }
}

/** Ids of what the app that keeps secrets has, by the names of parameters. */
async function paramsOf(id: OperationId): Promise<Record<string, string>> {
  const { params = {} } = REQUESTS[id].input(world);
  const known: Record<string, () => Promise<string> | string> = {
    app: () => planted.app,
    function: () => planted.function,
    push: () => idOfFirst('listPushes'),
  };
  const found = Object.entries(params).map(async ([name, value]) => {
    return [name, (await known[name]?.()) ?? value] as const;
  });
  return Object.fromEntries(await Promise.all(found));
}

async function idOfFirst(id: 'listPushes'): Promise<string> {
  const answer = await world.call(id, { params: { app: planted.app } });
  return json<{ items: { id: string }[] }>(answer).items[0]?.id ?? '';
}

it('has something to tell', () => {
  expect(Object.keys(planted.secrets).length).toBeGreaterThan(18);
  for (const [what, secret] of Object.entries(planted.secrets)) {
    expect(secret?.length, what).toBeGreaterThan(15);
  }
});

describe.each(READS)('$id', (one) => {
  it('tells nobody', { timeout: 120_000 }, async () => {
    const params = await paramsOf(one.id);
    const versions =
      one.id === 'getEnvironment' ? [1, 2, 3, 4].map((version) => ({ version })) : [];
    for (const query of [{}, ...versions]) {
      for (const actor of ACTORS) {
        const answer = await world.call(one.id, { params, query }, world.tokens[actor]);
        expectNothingTold(answer, `${one.id}, asked by ${actor},`);
        if (actor === 'admin') expect(answer.status, answer.body).not.toBe(401);
      }
      const path = urlOf(one.path, params, query);
      const asked = { method: 'GET', path, headers: { accept: 'application/json' } };
      expectNothingTold(await world.send(asked), one.id);
    }
  });
});

it('reads what keeps them', async () => {
  const environment = await world.call('getEnvironment', { params: { app: planted.app } });
  expect(json(environment)['items']).toHaveLength(5);
  const logs = await world.call('listLogs', { params: { app: planted.app } });
  expect(logs.body).toContain('[redacted SECOND_TOKEN]');
  const push = await world.call('followPush', { params: await paramsOf('followPush') });
  expect(push.body).toContain('"outcome"');
});

/** Whoever sends a secret to the wrong place reads of it that it is wrong, not it. */
describe.each(OPERATIONS.filter(({ method }) => method !== 'GET'))('$id', (one) => {
  it('refuses without telling tokens', { timeout: 120_000 }, async () => {
    if (one.id === 'rotateMasterKey') return;
    const base = one.id.startsWith('delete')
      ? { params: { app: 'nobodys', function: 'nobodys' } }
      : undefined;
    const given = { document, world, ...(base !== undefined && { base }) };
    const bodies = placesOf(one, 'text', given).filter(({ where }) => where.startsWith('body'));
    const { params = {} } = base ?? REQUESTS[one.id].input(world);
    for (const { ask } of bodies.slice(0, 3)) {
      const { path, body = '' } = ask('x');
      const answer = await world.send({ method: one.method, path, body: body.slice(0, -1) });
      expectNothingTold(answer, one.id);
    }
    const anonymous = await world.send({
      method: one.method,
      path: urlOf(one.path, params, {}),
      token: `${world.platform.adminToken}x`,
    });
    expectNothingTold(anonymous, one.id);
  });
});

it('answers again what was kept for a retry, and that alone', async () => {
  const again = await world.send({
    method: 'POST',
    path: '/tokens',
    body: JSON.stringify({ name: 'kept', role: 'viewer' }),
    headers: { 'idempotency-key': 'kept-answer' },
  });
  expect(again.headers['idempotency-replayed']).toBe('true');
  expect(json(again)['token']).toBe(planted.secrets['kept-token']);
  const { 'kept-token': _, ...others } = planted.secrets;
  for (const secret of Object.values(others)) expect(again.body).not.toContain(secret);
  const foreign = await world.send({
    method: 'POST',
    path: '/tokens',
    body: JSON.stringify({ name: 'kept', role: 'viewer' }),
    headers: { 'idempotency-key': 'kept-answer' },
    token: world.tokens.admin,
  });
  expect(json(foreign)['token']).not.toBe(planted.secrets['kept-token']);
});

it('prints none of them', () => {
  const printed = world.platform.output();
  for (const [what, secret] of Object.entries(planted.secrets)) {
    for (const form of formsOf(secret)) expect(printed.includes(form), what).toBe(false);
  }
});

import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openDatabase } from '../../src/store/database.ts';
import { databaseUrl } from '../support/database-url.ts';
import { createWorld, json, type World } from './world.ts';

let world: World;
beforeAll(async () => {
  world = await createWorld();
});
afterAll(() => world[Symbol.asyncDispose]());

function create(name: string, key: string) {
  return world.send({
    method: 'POST',
    path: '/tokens',
    body: JSON.stringify({ name, role: 'viewer' }),
    headers: { 'idempotency-key': key },
  });
}

async function countNamed(name: string): Promise<number> {
  const answer = await world.call('listTokens', { query: { limit: 200 } });
  return answer.body.split(`"name":"${name}"`).length - 1;
}

it('makes one of whatever is sent again, in whatever order and at whatever time', async () => {
  // 1 waits for all answers before it sends, 0 sends at once.
  const sends = fc.array(fc.constantFrom(0, 1), { minLength: 1, maxLength: 8 });
  const property = fc.asyncProperty(sends, async (waits) => {
    const name = `t-${randomUUID()}`;
    const key = randomUUID();
    const running: ReturnType<typeof create>[] = [];
    for (const wait of waits) {
      if (wait === 1) await Promise.all(running);
      running.push(create(name, key));
    }
    const answers = await Promise.all(running);
    const made = answers.filter(({ status }) => status === 201);
    const others = answers.filter(({ status }) => status !== 201);
    expect(made.length).toBeGreaterThan(0);
    expect(new Set(made.map(({ body }) => body)).size).toBe(1);
    expect(others.every((answer) => json(answer)['code'] === 'in-progress')).toBe(true);
    expect((await create(name, key)).body).toBe(made[0]?.body);
    expect(await countNamed(name)).toBe(1);
  });
  await fc.assert(property, { numRuns: 15 });
});

it('keeps keys of tokens apart, and nothing that could be read in the database', async () => {
  const key = randomUUID();
  const first = await create('first', key);
  const { token } = json<{ token: string }>(first);
  const other = await world.send({
    method: 'POST',
    path: '/tokens',
    body: JSON.stringify({ name: 'first', role: 'viewer', apps: ['mine'] }),
    headers: { 'idempotency-key': key },
    token: world.tokens.adminOfApp,
  });
  expect(other.status).toBe(201);
  expect(other.headers['idempotency-replayed']).toBeUndefined();
  const db = openDatabase(databaseUrl(world.platform, 'postgres'), () => {});
  const { rows } = await db.query<{ answer: Buffer }>(
    'SELECT answer FROM idempotency_keys WHERE key = $1',
    [key],
  );
  expect(rows).toHaveLength(2);
  for (const { answer } of rows) expect(answer.toString('latin1')).not.toContain(token);
  await db.close();
});

it('takes the place of an attempt whose process has ended, and answers no more after a day', async () => {
  const key = randomUUID();
  expect((await create('again', key)).status).toBe(201);
  const db = openDatabase(databaseUrl(world.platform, 'postgres'), () => {});
  // As an attempt leaves it that ended before its answer was kept.
  await db.query('UPDATE idempotency_keys SET answer = NULL WHERE key = $1', [key]);
  expect((await create('again', key)).status).toBe(409);
  await db.query(
    "UPDATE idempotency_keys SET leased_until = now() - interval '1 s' WHERE key = $1",
    [key],
  );
  expect((await create('again', key)).status).toBe(201);
  expect((await create('other', key)).status).toBe(422);
  await db.query(
    "UPDATE idempotency_keys SET created_at = now() - interval '25 h' WHERE key = $1",
    [key],
  );
  expect((await create('other', key)).status).toBe(201);
  await db.close();
});

import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { type Database, openDatabase } from '../../src/store/database.ts';
import { databaseUrl } from '../support/database-url.ts';
import { eventually } from '../support/eventually.ts';
import { descendantsOf } from '../support/processes.ts';
import { json } from './caller.ts';
import { createWorld, type World } from './world.ts';

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

/** Ends control without a word; resolves when another one answers. */
async function killControl(): Promise<void> {
  const isControl = /programs\/control\.mjs$/;
  const found = descendantsOf(world.platform.pid).filter((one) => isControl.test(one.commandLine));
  expect(found).toHaveLength(1);
  for (const { pid } of found) process.kill(pid, 'SIGKILL');
  await eventually(() => {
    const now = descendantsOf(world.platform.pid).filter((one) => isControl.test(one.commandLine));
    expect(now.map(({ pid }) => pid)).not.toEqual(found.map(({ pid }) => pid));
  });
  await eventually(async () => expect((await world.call('whoAmI', {})).status).toBe(200));
}

/** Has control wait where it keeps the answer to this key, until it is killed; its connection to the database, too. */
async function killBeforeAnswerOf(db: Database, key: string, send: () => Promise<unknown>) {
  await db.query(`CREATE FUNCTION wait_for_the_end() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN PERFORM pg_sleep(600); RETURN NEW; END $$`);
  await db.query(`CREATE TRIGGER wait_for_the_end BEFORE UPDATE OF answer ON idempotency_keys
    FOR EACH ROW WHEN (NEW.key = '${key}') EXECUTE FUNCTION wait_for_the_end()`);
  const waiting = `FROM pg_stat_activity WHERE wait_event = 'PgSleep'`;
  const lost = send().catch(() => null);
  await eventually(async () => {
    expect((await db.query(`SELECT pid ${waiting}`)).rows).toHaveLength(1);
  });
  await killControl();
  await lost;
  await db.query(`SELECT pg_terminate_backend(pid) ${waiting}`);
  await db.query('DROP TRIGGER wait_for_the_end ON idempotency_keys');
  await db.query('DROP FUNCTION wait_for_the_end()');
}

async function endLease(db: Database, key: string): Promise<void> {
  const over = "UPDATE idempotency_keys SET leased_until = now() - interval '1 s' WHERE key = $1";
  await db.query(over, [key]);
}

it('carries out at most once what control was killed at, and says that its outcome is unknown', async () => {
  const db = openDatabase(databaseUrl(world.platform, 'postgres'), () => {});
  onTestFinished(() => db.close());
  const key = randomUUID();
  await killBeforeAnswerOf(db, key, () => create('killed', key));
  expect(await countNamed('killed')).toBe(1);
  expect(json(await create('killed', key))).toMatchObject({ code: 'in-progress' });
  await endLease(db, key);
  for (let attempt = 0; attempt < 2; attempt += 1) {
    const answer = await create('killed', key);
    expect(answer.status).toBe(409);
    expect(json(answer)).toMatchObject({
      code: 'outcome-unknown',
      detail: expect.stringMatching(/of \d{4}-\d\d-\d\dT[^ ]+, ended without an answer/),
      hint: expect.stringContaining('fn audit'),
    });
  }
  expect(await countNamed('killed')).toBe(1);
  expect(json(await create('another', key))).toMatchObject({ code: 'key-reused' });
  expect((await create('killed', randomUUID())).status).toBe(201);
});

it('knows of no outcome where an operation failed by a bug, and frees the key where it was refused', async () => {
  const db = openDatabase(databaseUrl(world.platform, 'postgres'), () => {});
  onTestFinished(() => db.close());
  const failing = randomUUID();
  await db.query(`CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'broken'; END $$`);
  await db.query(`CREATE TRIGGER fail BEFORE INSERT ON tokens
    FOR EACH ROW WHEN (NEW.name = 'failing') EXECUTE FUNCTION fail()`);
  expect((await create('failing', failing)).status).toBe(500);
  await db.query('DROP TRIGGER fail ON tokens');
  await db.query('DROP FUNCTION fail()');
  expect(json(await create('failing', failing))).toMatchObject({ code: 'outcome-unknown' });

  const refused = randomUUID();
  const send = (apps: string[]) =>
    world.send({
      method: 'POST',
      path: '/tokens',
      body: JSON.stringify({ name: 'refused', role: 'viewer', apps }),
      headers: { 'idempotency-key': refused },
    });
  expect((await send(['nobodys'])).status).toBe(404);
  expect((await send(['mine'])).status).toBe(201);
});

it('knows keys for a day', async () => {
  const db = openDatabase(databaseUrl(world.platform, 'postgres'), () => {});
  onTestFinished(() => db.close());
  const key = randomUUID();
  expect((await create('again', key)).status).toBe(201);
  expect((await create('other', key)).status).toBe(422);
  const old = "UPDATE idempotency_keys SET created_at = now() - interval '25 h' WHERE key = $1";
  await db.query(old, [key]);
  expect((await create('other', key)).status).toBe(201);
});

import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Database, openDatabase } from '../../src/store/database.ts';
import type { Answer } from '../support/ask.ts';
import { databaseUrl } from '../support/database-url.ts';
import { eventually } from '../support/eventually.ts';
import { json, urlOf } from './caller.ts';
import { createWorld, type World } from './world.ts';

/** Two who change the same at once: one is done, the other is told, and what is there is what was answered. */
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

const CODE = (text: string): string => `export default () => new Response('${text}');\n`;
const statuses = (answers: Answer[]): number[] =>
  answers.map(({ status }) => status).toSorted((one, other) => one - other);

async function etagOf(path: string): Promise<string> {
  const answer = await world.send({ method: 'GET', path });
  return String(answer.headers['etag']);
}

function change(method: string, path: string, body: object, etag?: string): Promise<Answer> {
  const headers: Record<string, string> = etag === undefined ? {} : { 'if-match': etag };
  return world.send({ method, path, body: JSON.stringify(body), headers });
}

const made = (name: string): Promise<Answer> =>
  world.call('createFunction', { body: { name, runtime: 'typescript', code: CODE(name) } });

/** `times` in a row, since what is decided by a race may be right by luck. */
async function each(times: number, race: (round: number) => Promise<void>): Promise<void> {
  for (let round = 0; round < times; round += 1) await race(round);
}

it('of two updates with one ETag, one is done', { timeout: 120_000 }, async () => {
  const path = urlOf('/functions/{function}', { function: 'mine' }, {});
  await each(3, async (round) => {
    const etag = await etagOf(path);
    const answers = await Promise.all([
      change('PUT', path, { code: CODE(`a${round}`) }, etag),
      change('POST', path, { code: CODE(`b${round}`) }, etag),
    ]);
    expect(statuses(answers), JSON.stringify(answers)).toEqual([200, 412]);
  });
});

it(
  'a rollback beside an update of the version that it takes back leaves one of both',
  { timeout: 120_000 },
  async () => {
    const path = '/functions/mine';
    await each(3, async (round) => {
      const etag = await etagOf(path);
      const [update, rollback] = await Promise.all([
        change('PUT', path, { code: CODE(`c${round}`) }, etag),
        change('POST', `${path}/rollback`, { version: 1 }),
      ]);
      expect(rollback.status, rollback.body).toBe(200);
      expect([200, 412], update.body).toContain(update.status);
      const releases = json<{ items: { cause: string; isCurrent: boolean }[] }>(
        await world.call('listReleases', { params: { app: 'mine' } }),
      );
      expect(releases.items.filter(({ isCurrent }) => isCurrent)).toHaveLength(1);
      // Who was told that it is live was live, each after the other.
      const causes = releases.items
        .slice(0, update.status === 200 ? 2 : 1)
        .map(({ cause }) => cause);
      expect(causes).toContain('rollback');
      // A stale ETag changes nothing afterwards either.
      expect((await change('PUT', path, { code: CODE('late') }, etag)).status).toBe(412);
    });
  },
);

/** Lets nobody change the app's row until all of `work` has come as far as it can; what reads it goes on. */
async function whileHeld<T>(app: string, path: string, work: () => Promise<T>[]): Promise<T[]> {
  const answers = await db.transaction(async (tx) => {
    await tx.query('SELECT FROM apps WHERE name = $1 FOR UPDATE', [app]);
    const begun = work();
    await eventually(async () => {
      const waiting = 'SELECT FROM pg_locks WHERE NOT granted';
      return ((await db.query(waiting)).rowCount ?? 0) > 0;
    });
    // Who is not waiting for a turn has read what there is by now, as these do after it.
    for (let reads = 0; reads < 10; reads += 1) await etagOf(path);
    return { begun };
  });
  return Promise.all(answers.begun);
}

it.each([
  [
    'access',
    'mine',
    '/apps/mine/access',
    { previews: 'private' },
    { previews: 'public' },
    { previews: 'default' },
  ],
  [
    'environment',
    'theirs',
    '/apps/theirs/environment',
    { set: [{ name: 'A', value: '1', scope: 'branch:x' }] },
    { set: [{ name: 'A', value: '2', scope: 'branch:x' }] },
    { set: [{ name: 'A', value: '3', scope: 'branch:x' }] },
  ],
])(
  'of two changes of the %s with one ETag, one is done',
  async (_, app, path, one, other, neither) => {
    const method = path.endsWith('access') ? 'PUT' : 'PATCH';
    await each(3, async () => {
      // Of neither, or one that changes nothing would leave the ETag to the other.
      expect((await change(method, path, neither)).status).toBe(200);
      const etag = await etagOf(path);
      const answers = await whileHeld(app, path, () => [
        change(method, path, one, etag),
        change(method, path, other, etag),
      ]);
      expect(statuses(answers), JSON.stringify(answers)).toEqual([200, 412]);
    });
  },
);

async function begin(): Promise<{ device_code: string; user_code: string }> {
  return json(await world.call('beginDeviceLogin', { body: { host_name: 'laptop' } }));
}

it('of two who answer a machine, one does', async () => {
  await each(5, async (round) => {
    const { device_code, user_code } = await begin();
    const params = { code: user_code };
    const approve = (role: string): Promise<Answer> =>
      world.call('approveDeviceLogin', { params, body: { name: `by-${role}-${round}`, role } });
    const [deny, ...approvals] = await Promise.all([
      world.call('denyDeviceLogin', { params }),
      approve('viewer'),
      approve('admin'),
    ]);
    const done = approvals.filter(({ status }) => status === 200).length;
    expect(done + (deny.status === 204 ? 1 : 0)).toBe(1);
    const polls = await Promise.all(
      Array.from({ length: 4 }, () => world.call('pollDeviceLogin', { body: { device_code } })),
    );
    // And what was given is fetched once.
    expect(polls.filter(({ body }) => body.includes('fn_'))).toHaveLength(done);
  });
});

it('two tokens that revoke each other leave somebody who may', async () => {
  await each(3, async () => {
    const admins = await Promise.all(
      ['one', 'two'].map(async (name) =>
        json<{ id: string; token: string }>(
          await world.call('createToken', { body: { name, role: 'admin' } }),
        ),
      ),
    );
    const [one, two] = admins as [(typeof admins)[0], (typeof admins)[0]];
    const answers = await Promise.all([
      world.call('revokeToken', { params: { id: one.id } }, two.token),
      world.call('revokeToken', { params: { id: two.id } }, one.token),
    ]);
    expect(statuses(answers)[0]).toBe(204);
    for (const { status } of answers) expect([204, 401]).toContain(status);
    const known = await Promise.all(admins.map(({ token }) => world.call('whoAmI', {}, token)));
    for (const [at, { status }] of known.entries()) {
      const revokedBy = answers[at === 0 ? 0 : 1];
      expect(status).toBe(revokedBy?.status === 204 ? 401 : 200);
    }
    expect((await world.call('whoAmI', {})).status).toBe(200);
  });
});

it('of a token that is used and revoked at once, what was made is there and nothing after', async () => {
  const maker = json<{ id: string; token: string }>(
    await world.call('createToken', { body: { name: 'maker', role: 'admin' } }),
  );
  const name = `made-${randomUUID().slice(0, 8)}`;
  const body = { name, role: 'viewer' };
  const [revoked, ...answers] = await Promise.all([
    world.call('revokeToken', { params: { id: maker.id } }),
    ...Array.from({ length: 8 }, () => world.call('createToken', { body }, maker.token)),
  ]);
  expect(revoked.status).toBe(204);
  for (const { status } of answers) expect([201, 401]).toContain(status);
  const listed = json<{ items: { name: string }[] }>(
    await world.call('listTokens', { query: { limit: 200 } }),
  );
  const there = listed.items.filter((item) => item.name === name).length;
  expect(there).toBe(answers.filter(({ status }) => status === 201).length);
  expect((await world.call('createToken', { body }, maker.token)).status).toBe(401);
});

it('of one name, one of many makes an app', { timeout: 120_000 }, async () => {
  const answers = await Promise.all(Array.from({ length: 4 }, () => made('wanted')));
  expect(statuses(answers)).toEqual([201, 409, 409, 409]);
});

it(
  'an app that is deleted while one of its name is made is there as it was answered',
  { timeout: 180_000 },
  async () => {
    await each(3, async (round) => {
      const name = `again-${round}`;
      expect((await made(name)).status).toBe(201);
      const [deleted, ...answers] = await Promise.all([
        world.call('deleteApp', { params: { app: name } }),
        made(name),
        made(name),
      ]);
      expect(deleted.status, deleted.body).toBe(204);
      const created = answers.filter(({ status }) => status === 201);
      expect(created.length).toBeLessThan(2);
      for (const { status, body } of answers) expect([201, 409], body).toContain(status);
      const found = await world.call('getApp', { params: { app: name } });
      expect(found.status).toBe(created.length === 1 ? 200 : 404);
      if (created.length === 0) expect((await made(name)).status).toBe(201);
      const invoked = await world.call('invokeFunction', { params: { function: name }, body: {} });
      expect(json(invoked)['body']).toBe(name);
    });
  },
);

it('of many who ask at once no more wait to be let in than may', async () => {
  const answers = await Promise.all(
    Array.from({ length: 20 }, () =>
      world.call('beginDeviceLogin', { body: { host_name: 'crowd' } }),
    ),
  );
  expect(answers.filter(({ status }) => status === 200).length).toBeLessThan(6);
  for (const { status } of answers) expect([200, 503]).toContain(status);
});

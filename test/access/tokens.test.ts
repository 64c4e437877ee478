import { copyFile, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { can, type Actor } from '../../src/access/index.ts';
import { RULES, type Action } from '../../src/access/can.ts';
import type { Grant } from '../../src/model/grant.ts';
import { ROLES } from '../../src/model/role.ts';
import { migrate } from '../../src/store/migrate.ts';
import { listTokens, type TokenRow } from '../../src/store/tokens.ts';
import { createEmptyDatabase } from '../support/database.ts';
import { FIRST, HERE, openAccess } from '../support/open-access.ts';

const ALL = { after: null, limit: 100 };

const MIGRATIONS = new URL('../../migrations', import.meta.url).pathname;
const ACTIONS = Object.keys(RULES) as Action[];
const DAY_S = 24 * 3600;
const NOTHING = {
  name: 'made',
  kind: 'personal',
  role: undefined,
  apps: undefined,
  grants: undefined,
  actions: undefined,
  expiresInSeconds: undefined,
} as const;

function actorWith(...grants: Grant[]): Actor {
  return { tokenId: 'tok-x', tokenName: 'x', kind: 'personal', grants, expiresAt: null };
}

it('lets the admin of an app make, see and revoke tokens that are confined to it, and no others', async () => {
  const { access, admin } = await openAccess();
  const { tokens } = access;
  const owner = actorWith({ appId: 'app-1', role: 'admin' }, { appId: 'app-2', role: 'viewer' });
  const { row } = await tokens.create(owner, { ...NOTHING, role: 'admin', apps: ['mine'] });
  expect(row).toMatchObject({ grants: [{ appId: 'app-1', role: 'admin' }], createdBy: 'tok-x' });
  const asked = [
    [undefined, { code: 'forbidden', message: expect.stringContaining('confined to some apps') }],
    [['theirs'], { code: 'forbidden', message: expect.stringContaining('has the role viewer') }],
    [['mine', 'nobodys'], { code: 'not-found', message: expect.stringContaining('nobodys') }],
  ] as const;
  for (const [names, refusal] of asked) {
    const request = { ...NOTHING, role: 'viewer' as const, apps: names && [...names] };
    await expect(tokens.create(owner, request)).rejects.toMatchObject(refusal);
  }
  const grants = ['mine', 'theirs'].map((app) => ({ app, role: 'viewer' as const }));
  const both = await tokens.create(admin, { ...NOTHING, grants });
  expect((await tokens.list(owner, ALL)).map(({ id }) => id)).toEqual([row.id]);
  const message = `there is no token ${both.row.id} that this token can see`;
  const hidden = { code: 'not-found', message };
  await expect(tokens.find(owner, 'tok-none')).rejects.toMatchObject({
    code: 'not-found',
    message: message.replace(both.row.id, 'tok-none'),
  });
  await expect(tokens.find(owner, both.row.id)).rejects.toMatchObject(hidden);
  await expect(tokens.revoke(owner, both.row.id, true)).rejects.toMatchObject(hidden);
  await tokens.revoke(owner, row.id, false);
  expect((await tokens.find(owner, row.id)).revokedAt).not.toBeNull();
  await expect(
    tokens.list(actorWith({ appId: 'app-1', role: 'deployer' }), ALL),
  ).rejects.toMatchObject({
    code: 'forbidden',
  });
});

it('makes no token that may do what its maker may not', async () => {
  const { access } = await openAccess();
  const role = fc.constantFrom(...ROLES);
  const maker = fc.array(fc.record({ appId: fc.constantFrom(null, 'app-1', 'app-2'), role }), {
    minLength: 1,
    maxLength: 3,
  });
  const app = fc.constantFrom(null, 'mine', 'theirs', 'nobodys');
  const asked = fc.array(fc.record({ app, role }), { minLength: 1, maxLength: 3 });
  let made = 0;
  const property = fc.asyncProperty(maker, asked, async (held, grants) => {
    const actor = actorWith(...held);
    const created = await access.tokens.create(actor, { ...NOTHING, grants }).catch(() => null);
    if (created === null) return;
    made += 1;
    for (const appId of [null, 'app-1', 'app-2', 'app-3']) {
      for (const action of ACTIONS) {
        if (can(created.row, action, appId)) expect(can(actor, action, appId), action).toBe(true);
      }
    }
  });
  await fc.assert(property, { numRuns: 150 });
  expect(made).toBeGreaterThan(5);
});

it('holds tokens for CI and for functions to what they are for', async () => {
  const { access, admin } = await openAccess();
  const create = (request: object) => access.tokens.create(admin, { ...NOTHING, ...request });
  const ci = await create({ kind: 'ci', apps: ['mine'] });
  expect(ci.row.grants).toEqual([{ appId: 'app-1', role: 'deployer' }]);
  expect((ci.row.expiresAt?.getTime() ?? 0) - Date.now()).toBeGreaterThan(89 * DAY_S * 1000);
  const service = await create({ kind: 'service', apps: ['mine'], actions: ['log.read'] });
  expect(service.row.grants).toEqual([{ appId: 'app-1', actions: ['log.read'] }]);
  const actor = await access.authenticate(service.token, HERE);
  expect((await access.requireApp(actor, 'log.read', 'mine')).id).toBe('app-1');
  // It may not read the app, so to it there is none.
  await expect(access.requireApp(actor, 'app.push', 'mine')).rejects.toMatchObject({
    code: 'not-found',
  });
  const odd: [object, RegExp][] = [
    [{ kind: 'ci' }, /confined to apps/],
    [{ kind: 'ci', apps: ['mine'], role: 'admin' }, /never an admin/],
    [{ kind: 'ci', apps: ['mine'], expiresInSeconds: 366 * DAY_S }, /within a year/],
    [{ kind: 'service', actions: ['log.read'] }, /for one app/],
    [{ kind: 'service', apps: ['mine', 'theirs'], actions: ['log.read'] }, /for one app/],
    [{ kind: 'service', apps: ['mine'] }, /names none/],
    [{ kind: 'service', apps: ['mine'], actions: ['token.create'] }, /not "token.create"/],
    [{ kind: 'service', apps: ['mine'], actions: ['constructor'] }, /not "constructor"/],
    [{ kind: 'service', apps: ['mine'], role: 'viewer', actions: ['log.read'] }, /in place of/],
    [{ role: 'viewer', actions: ['log.read'] }, /only a service token/],
    [{ role: 'viewer', grants: [{ app: null, role: 'viewer' }] }, /grants and a role/],
    [{}, /needs a role/],
    [{ role: 'viewer', apps: ['mine', 'mine'] }, /named twice/],
  ];
  for (const [request, message] of odd) {
    await expect(create(request)).rejects.toMatchObject({
      code: 'bad-request',
      message: expect.stringMatching(message),
    });
  }
});

it('keeps the last token that may administer the platform, unless whoever revokes it says so', async () => {
  const { access, admin } = await openAccess();
  const { tokens } = access;
  const ending = await tokens.create(admin, { ...NOTHING, role: 'admin' });
  await tokens.revoke(admin, ending.row.id, false);
  // One of an app, and one that may look at everything, keep nobody in.
  await tokens.create(admin, { ...NOTHING, role: 'admin', apps: ['mine'] });
  await tokens.create(admin, { ...NOTHING, role: 'viewer' });
  await expect(tokens.revoke(admin, admin.tokenId, false)).rejects.toMatchObject({
    code: 'conflict',
    hint: expect.stringContaining('--last-admin'),
  });
  expect((await access.authenticate(FIRST, HERE)).tokenId).toBe(admin.tokenId);
  const two = await tokens.create(admin, { ...NOTHING, role: 'admin' });
  const revoked = await Promise.allSettled([
    tokens.revoke(admin, admin.tokenId, false),
    tokens.revoke(admin, two.row.id, false),
  ]);
  expect(revoked.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
  await tokens.revoke(admin, admin.tokenId, true);
  await tokens.revoke(admin, two.row.id, true);
  await expect(access.authenticate(FIRST, HERE)).rejects.toMatchObject({
    code: 'unauthenticated',
  });
});

it('lets a token end with the last of its apps', async () => {
  const { access, admin, db } = await openAccess();
  const made = await access.tokens.create(admin, { ...NOTHING, role: 'admin', apps: ['mine'] });
  await db.query("DELETE FROM apps WHERE name = 'mine'");
  const actor = await access.authenticate(made.token, HERE);
  expect(actor.grants).toEqual([]);
  for (const action of ACTIONS) expect(can(actor, action, 'app-1')).toBe(false);
});

it('keeps what tokens of before might do', async () => {
  const db = await createEmptyDatabase();
  const folder = await mkdtemp(join(tmpdir(), 'gitfn-migrations-'));
  try {
    const files = (await readdir(MIGRATIONS)).filter((name) => name < '0009');
    for (const name of files) await copyFile(join(MIGRATIONS, name), join(folder, name));
    await migrate(db, folder);
    await db.query("INSERT INTO apps (id, name) VALUES ('app-1', 'mine')");
    await db.query(`INSERT INTO tokens (id, name, role, hash, prefix, app_ids) VALUES
      ('tok-1', 'root', 'admin', '\\x01', 'fn_aaaaaa', NULL),
      ('tok-2', 'ci', 'deploy', '\\x02', 'fn_aaaaaa', '{app-1,app-gone}'),
      ('tok-3', 'gone', 'read', '\\x03', 'fn_aaaaaa', '{app-gone}')`);
    await migrate(db, MIGRATIONS);
    const grants = (await listTokens(db, null, ALL)).map((token) => [token.id, token.grants]);
    expect(Object.fromEntries(grants)).toEqual({
      'tok-1': [{ appId: null, role: 'admin' }],
      'tok-2': [{ appId: 'app-1', role: 'deployer' }],
      'tok-3': [],
    });
  } finally {
    await rm(folder, { recursive: true });
  }
});

it('lists tokens a page at a time, each once, those of some apps and all', async () => {
  const { db, access, admin } = await openAccess();
  const names = Array.from({ length: 7 }, (_, number) => `token ${number}`);
  for (const name of names) {
    await access.tokens.create(admin, { ...NOTHING, name, role: 'viewer', apps: ['mine'] });
  }
  // As many as can be are made at one moment.
  await db.query("UPDATE tokens SET created_at = now() WHERE name <> 'token 3'");
  const owner = actorWith({ appId: 'app-1', role: 'admin' });
  for (const [actor, count] of [
    [owner, names.length],
    [admin, names.length + 1],
  ] as const) {
    const seen: string[] = [];
    for (let after: TokenRow | null = null; ;) {
      const page: TokenRow[] = await access.tokens.list(actor, { after, limit: 2 });
      seen.push(...page.map(({ id }) => id));
      after = page.at(-1) ?? null;
      if (after === null) break;
    }
    expect(new Set(seen).size).toBe(count);
    expect(seen).toHaveLength(count);
  }
});

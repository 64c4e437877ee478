import { expect, it } from 'vitest';
import { createFreshTokens } from '../../src/access/fresh-tokens.ts';
import { hashToken, newTokenText, prefixOf } from '../../src/access/token-text.ts';
import type { Queryable } from '../../src/store/database.ts';
import { insertToken, revokeToken } from '../../src/store/tokens.ts';
import { createDatabase } from '../support/database.ts';

const ALL_PROCESSES_MS = 1_000;

async function setUp() {
  const db = await createDatabase();
  const text = newTokenText();
  const hash = hashToken(text);
  const add = () =>
    insertToken(db, {
      id: 'tok-1',
      name: 'somebody',
      kind: 'personal',
      grants: [{ appId: null, role: 'viewer' }],
      hash,
      prefix: prefixOf(text),
      createdBy: null,
      expiresAt: null,
    });
  const clock = { now: 0 };
  let asked = 0;
  const counting: Queryable = {
    query(...query) {
      asked += 1;
      return db.query(...query);
    },
  };
  const fresh = createFreshTokens(counting, () => clock.now);
  return { db, hash, add, clock, fresh, asked: () => asked };
}

it('looks up once who asks often, and what another process revoked within a second', async () => {
  const { db, hash, add, clock, fresh, asked } = await setUp();
  await add();
  for (let time = 0; time < 10; time++) expect((await fresh.find(hash))?.id).toBe('tok-1');
  expect(asked()).toBe(1);
  await revokeToken(db, 'tok-1');
  clock.now += ALL_PROCESSES_MS / 2;
  expect((await fresh.find(hash))?.revokedAt).toBeInstanceOf(Date);
});

it('looks up at once what this process changed', async () => {
  const { db, hash, add, fresh } = await setUp();
  await add();
  await fresh.find(hash);
  await revokeToken(db, 'tok-1');
  fresh.forget();
  expect((await fresh.find(hash))?.revokedAt).toBeInstanceOf(Date);
});

it('does not remember what it read while it was told to forget', async () => {
  const { db, hash, add, fresh } = await setUp();
  await add();
  const reading = fresh.find(hash);
  fresh.forget();
  await reading;
  await revokeToken(db, 'tok-1');
  expect((await fresh.find(hash))?.revokedAt).toBeInstanceOf(Date);
});

it('remembers nobody who is unknown', async () => {
  const { hash, add, fresh } = await setUp();
  expect(await fresh.find(hash)).toBeNull();
  await add();
  expect((await fresh.find(hash))?.id).toBe('tok-1');
});

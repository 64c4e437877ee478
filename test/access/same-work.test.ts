import { expect, it } from 'vitest';
import { createAccess } from '../../src/access/index.ts';
import { newTokenText } from '../../src/access/token-text.ts';
import type { Database } from '../../src/store/database.ts';
import { systemClock } from '../../src/std/clock.ts';
import { HERE, openAccess } from '../support/open-access.ts';

const VIEWER = {
  name: 'somebody',
  kind: 'personal',
  role: 'viewer',
  apps: undefined,
  grants: undefined,
  actions: undefined,
} as const;

/** One made up that begins as another does. */
const alike = (token: string): string => token.slice(0, 20) + newTokenText().slice(20);

it('does the same for every token that it refuses: one look-up by the hash of the whole of it', async () => {
  const { db, access, admin, clock } = await openAccess();
  const create = (expiresInSeconds?: number) =>
    access.tokens.create(admin, { ...VIEWER, expiresInSeconds });
  const valid = await create();
  const revoked = await create();
  await access.tokens.revoke(admin, revoked.row.id, false);
  const expired = await create(1);
  clock.shift(2_000);

  const asked: Parameters<Database['query']>[] = [];
  const counting: Database = {
    ...db,
    query(...query) {
      asked.push(query);
      return db.query(...query);
    },
  };
  const refused = {
    'one that nobody has': newTokenText(),
    'one that begins as another': alike(valid.token),
    'one that was revoked': revoked.token,
    'one that has expired': expired.token,
  };
  for (const [what, token] of Object.entries(refused)) {
    const later = { ...systemClock, now: () => systemClock.now() + 2_000 };
    const another = createAccess({ db: counting, clock: later, onError: () => {} });
    await expect(another.authenticate(token, HERE), what).rejects.toMatchObject({
      code: 'unauthenticated',
    });
  }
  expect(asked).toHaveLength(Object.keys(refused).length);
  expect(new Set(asked.map(([text]) => text)).size).toBe(1);
  for (const [, values] of asked) expect(values).toEqual([expect.any(Buffer)]);
});

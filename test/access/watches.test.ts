import { expect, it } from 'vitest';
import type { Actor } from '../../src/access/index.ts';
import { createWatches } from '../../src/access/watches.ts';
import type { Queryable } from '../../src/store/database.ts';
import { playedClock } from '../support/played-clock.ts';

const PERMISSION = { action: 'log.read', appId: 'app-1' } as const;
/** All ends within a second of what it is for. */
const SECOND_MS = 1_000;

function start() {
  const token = {
    id: 'tok-1',
    kind: 'personal',
    grants: [{ appId: 'app-1', role: 'viewer' as string | null, actions: null }],
    revokedAt: null as Date | null,
    expiresAt: null as Date | null,
  };
  const database = { asked: 0, answer: async () => ({ rows: [token as object] }) };
  const { clock, pass, pending } = playedClock();
  const db = {
    query: () => {
      database.asked++;
      return database.answer();
    },
  } as unknown as Queryable;
  const watches = createWatches({ db, clock });
  const actor: Actor = {
    tokenId: 'tok-1',
    tokenName: 'one',
    kind: 'personal',
    grants: [],
    expiresAt: null,
  };
  let ended = 0;
  const watch = (who: Partial<Actor> = {}): (() => void) =>
    watches.watch({ ...actor, ...who }, PERMISSION, () => ended++);
  return { token, database, watches, watch, pass, pending, ended: () => ended };
}

it('leaves alone who may go on, and asks once for all that watch', async () => {
  const { watch, pass, ended, database } = start();
  for (let count = 0; count < 5; count++) watch();
  await pass(10 * SECOND_MS);
  expect(ended()).toBe(0);
  expect(database.asked).toBeLessThan(40);
  expect(database.asked).toBeGreaterThan(15);
});

it.each<[string, (token: ReturnType<typeof start>['token']) => void]>([
  ['was revoked by another process', (token) => (token.revokedAt = new Date(0))],
  ['has expired', (token) => (token.expiresAt = new Date(0))],
  ['lost its grant', (token) => token.grants.pop()],
])('ends within a second what a token began that %s', async (_, change) => {
  const { token, watch, pass, ended } = start();
  watch();
  watch();
  await pass(2 * SECOND_MS);
  change(token);
  await pass(SECOND_MS - 100);
  expect(ended()).toBe(2);
});

it('ends at once what a token began that is revoked here', async () => {
  const { watches, watch, ended } = start();
  watch();
  watch({ tokenId: 'tok-2' });
  watches.end('tok-1');
  watches.end('tok-1');
  expect(ended()).toBe(1);
});

it('ends when the time of the token is over, though the database says nothing', async () => {
  const { watch, pass, ended, database } = start();
  watch({ expiresAt: new Date(3 * SECOND_MS) });
  await pass(2 * SECOND_MS);
  expect(ended()).toBe(0);
  database.answer = () => Promise.reject(new Error('down'));
  await pass(SECOND_MS);
  expect(ended()).toBe(1);
});

it.each<[string, () => Promise<never>]>([
  ['cannot answer', () => Promise.reject(new Error('down'))],
  ['never answers', () => new Promise<never>(() => {})],
])('ends all when the database %s', async (_, answer) => {
  const { watch, pass, ended, database } = start();
  watch();
  database.answer = answer;
  await pass(6 * SECOND_MS);
  expect(ended()).toBe(1);
});

it('asks nothing while nobody watches', async () => {
  const { watch, pass, pending, ended, database } = start();
  watch()();
  await pass(2 * SECOND_MS);
  expect(pending()).toBe(0);
  const asked = database.asked;
  await pass(2 * SECOND_MS);
  expect(database.asked).toBe(asked);
  watch();
  await pass(SECOND_MS);
  expect(database.asked).toBeGreaterThan(asked);
  expect(ended()).toBe(0);
});

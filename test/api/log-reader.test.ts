import { expect, it } from 'vitest';
import { createLogReader } from '../../src/api/logs/log-reader.ts';
import type { Database } from '../../src/store/database.ts';

/** A database whose queries take until they are let go. */
function createSlowDatabase() {
  const open = new Set<() => void>();
  let most = 0;
  const query = async (): Promise<{ rows: never[] }> => {
    await new Promise<void>((resolve) => {
      open.add(resolve);
      most = Math.max(most, open.size);
    });
    return { rows: [] };
  };
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  return {
    db: { query } as unknown as Database,
    most: () => most,
    finishAll: async (): Promise<void> => {
      await turn();
      for (; open.size > 0; await turn()) {
        for (const resolve of open) {
          open.delete(resolve);
          resolve();
        }
      }
    },
  };
}

const search = { filter: { search: 'nowhere' }, before: null, limit: 1 };

it('keeps connections free, however many search their logs at once', async () => {
  const { db, most, finishAll } = createSlowDatabase();
  const reader = createLogReader(db);
  const apps = ['one', 'two', 'three', 'four', 'five'];
  const searches = apps.flatMap((app) => [reader.newest(app, search), reader.newest(app, search)]);
  await finishAll();
  expect(await Promise.all(searches)).toHaveLength(10);
  expect(most()).toBe(3);
});

it('refuses more searches of one app than may wait, and reads its newest entries all the same', async () => {
  const { db, finishAll } = createSlowDatabase();
  const reader = createLogReader(db);
  const searches = Array.from({ length: 100 }, () => reader.newest('app', search));
  const settling = Promise.allSettled(searches);
  const newest = reader.newest('app', { ...search, filter: {} });
  await finishAll();
  expect(await newest).toEqual({ entries: [], isMore: false });
  const refused = (await settling).filter(({ status }) => status === 'rejected');
  expect(refused.length).toBeGreaterThan(0);
  expect(refused.length).toBeLessThan(100);
  expect(refused[0]).toMatchObject({ reason: { code: 'busy' } });
});

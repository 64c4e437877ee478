import { beforeAll, expect, it } from 'vitest';
import type { Database } from '../../src/store/database.ts';
import {
  lastLogId,
  logEntriesAfter,
  newestLogEntries,
  storeLogBatch,
  type FoundLogEntries,
  type LogFilter,
  type NewLogEntry,
} from '../../src/store/logs.ts';
import { pruneLogs } from '../../src/telemetry/log-retention.ts';
import { createDatabase } from '../support/database.ts';
import { logEntry } from '../support/log-entry.ts';

let sequence = 0;

const entry = (given: Partial<NewLogEntry>): NewLogEntry => ({
  ...logEntry({ at: Date.now() }),
  appId: 'app-1',
  ...given,
});

const store = (db: Database, entries: NewLogEntry[], source = 'one'): Promise<boolean> =>
  storeLogBatch(db, { source, sequence: ++sequence }, entries);

async function textsOf(db: Database, filter: LogFilter = {}, appId = 'app-1'): Promise<string[]> {
  const { entries: found } = await newestLogEntries(db, appId, {
    filter,
    before: null,
    limit: 1_000,
  });
  return found.map(({ text }) => text).toReversed();
}

beforeAll(() => void (sequence = 0));

it('stores a batch once, however often and late it comes', async () => {
  const db = await createDatabase();
  const send = (number: number, text: string): Promise<boolean> =>
    storeLogBatch(db, { source: 'one', sequence: number }, [entry({ text })]);
  const twice = await Promise.all([send(1, 'first'), send(1, 'first')]);
  expect(twice.filter(Boolean)).toEqual([true]);
  expect(await send(2, 'second')).toBe(true);
  expect(await send(1, 'first')).toBe(false);
  expect(await textsOf(db)).toEqual(['first', 'second']);
});

it('gives no more at once than memory is for, and says that there is more', async () => {
  const db = await createDatabase();
  const large = 'x'.repeat(16_000);
  for (let batch = 0; batch < 5; batch++) {
    await store(
      db,
      Array.from({ length: 60 }, () => entry({ text: large, fields: null })),
    );
  }
  const pages: number[] = [];
  let before: string | null = null;
  for (let isMore = true; isMore;) {
    const found: FoundLogEntries = await newestLogEntries(db, 'app-1', {
      filter: {},
      before,
      limit: 1_000,
    });
    pages.push(found.entries.length);
    before = found.entries.at(-1)?.id ?? null;
    isMore = found.isMore;
  }
  expect(pages).toEqual([131, 131, 38]);
  const { entries, isMore } = await logEntriesAfter(db, 'app-1', {
    filter: {},
    after: '0',
    limit: 200,
  });
  expect([entries.length, entries[0]?.id, isMore]).toEqual([131, '1', true]);
});

it('gives ids in the order in which entries become visible, whoever writes', async () => {
  const db = await createDatabase();
  let isWriting = true;
  const seen: string[] = [];
  const follow = async (): Promise<void> => {
    let after = '0';
    for (let isLast = false; !isLast;) {
      isLast = !isWriting;
      const { entries: found } = await logEntriesAfter(db, 'app-1', {
        filter: {},
        after,
        limit: 50,
      });
      seen.push(...found.map(({ text }) => text));
      after = found.at(-1)?.id ?? after;
      if (found.length > 0) isLast = false;
    }
  };
  const write = async (source: string): Promise<void> => {
    for (let number = 1; number <= 30; number++) {
      const entries = [entry({ text: `${source} ${number}` }), entry({ appId: 'app-2' })];
      await storeLogBatch(db, { source, sequence: number }, entries);
    }
  };
  const following = follow();
  await Promise.all(['a', 'b', 'c', 'd'].map(write));
  isWriting = false;
  await following;
  expect(seen).toHaveLength(120);
  expect(new Set(seen).size).toBe(120);
  expect(await lastLogId(db)).toBe('240');
});

it('finds entries by time, level, text, function, deployment and request', async () => {
  const db = await createDatabase();
  const now = Date.now();
  await store(db, [
    entry({ text: 'Old', at: now - 3_600_000, level: 'debug' }),
    entry({ text: '100% of_it \\ "quoted"', level: 'warn', requestId: 'abc-1' }),
    entry({ text: 'Failed badly', level: 'error', functionName: 'resize', requestId: 'abd-2' }),
    entry({ text: 'other', deployment: 'dep-b' }),
    entry({ text: 'foreign', appId: 'app-2' }),
  ]);
  const cases: [LogFilter, string[]][] = [
    [{ since: new Date(now - 60_000) }, ['100% of_it \\ "quoted"', 'Failed badly', 'other']],
    [{ until: new Date(now - 60_000) }, ['Old']],
    [{ level: 'warn' }, ['100% of_it \\ "quoted"', 'Failed badly']],
    [{ search: 'failed BADLY' }, ['Failed badly']],
    [{ search: '%' }, ['100% of_it \\ "quoted"']],
    [{ search: 'f_i' }, ['100% of_it \\ "quoted"']],
    [{ search: '\\' }, ['100% of_it \\ "quoted"']],
    [{ search: "'; DROP TABLE log_entries; --" }, []],
    [{ functionName: 'resize' }, ['Failed badly']],
    [{ deployment: 'dep-b' }, ['other']],
    [{ requestId: 'ab' }, ['100% of_it \\ "quoted"', 'Failed badly']],
    [{ requestId: 'abc' }, ['100% of_it \\ "quoted"']],
    [{ requestId: '%' }, []],
  ];
  for (const [filter, texts] of cases)
    expect(await textsOf(db, filter), JSON.stringify(filter)).toEqual(texts);
});

it('finds entries since a time when the clock of the database is some minutes behind', async () => {
  const db = await createDatabase();
  const aheadMs = Date.now() + 4 * 60_000;
  await store(db, [
    entry({ text: 'before', at: aheadMs - 1_000 }),
    entry({ text: 'then', at: aheadMs }),
  ]);
  expect(await textsOf(db, { since: new Date(aheadMs) })).toEqual(['then']);
});

it('forgets what is older than the days, or more than the bytes of an app, and nothing of others', async () => {
  const db = await createDatabase();
  await store(db, [entry({ text: 'ancient' }), entry({ text: 'ancient', appId: 'app-2' })]);
  await db.query(
    `UPDATE log_volumes SET minute = minute - interval '8 days' WHERE app_id = 'app-1'`,
  );
  await store(db, [entry({ text: 'x'.repeat(2_000) })]);
  await db.query(`UPDATE log_volumes SET minute = minute - interval '1 hour' WHERE app_id = 'app-1'
    AND minute > now() - interval '1 day'`);
  await store(db, [entry({ text: 'new' })]);
  await pruneLogs(db, { days: 7, bytesPerApp: 1_000_000 });
  expect(await textsOf(db)).toEqual(['x'.repeat(2_000), 'new']);
  await pruneLogs(db, { days: 7, bytesPerApp: 1_000 });
  expect(await textsOf(db)).toEqual(['new']);
  expect(await textsOf(db, {}, 'app-2')).toEqual(['ancient']);
});

import { expect, it } from 'vitest';
import { PlatformError } from '../../src/protocol/errors.ts';
import type { LogEntry } from '../../src/protocol/logs.ts';
import { newestLogEntries } from '../../src/store/logs.ts';
import { createLogFollowers, createLogIngest } from '../../src/telemetry/index.ts';
import { createDatabase } from '../support/database.ts';
import { logEntry } from '../support/log-entry.ts';

/** Takes in entries of any deployment; each is of the app that is named like it. */
async function createIngest(
  redactorFor: (deployment: string) => Promise<(text: string) => string>,
) {
  const db = await createDatabase();
  const errors: unknown[] = [];
  let sequence = 0;
  const ingest = createLogIngest({
    db,
    redactors: { redactorFor },
    followers: createLogFollowers(() => {}),
    origins: {
      find: async (name) => ({ appId: name, appName: name, bundle: null, files: {} }),
    },
    stacks: { resolve: async (_bundle, _file, stack) => stack },
    onError: (error) => void errors.push(error),
  });
  return {
    errors,
    store: (...entries: LogEntry[]) =>
      ingest.store({ source: 'a'.repeat(16), sequence: ++sequence, entries }),
    logOf: async (app: string): Promise<{ text: string; fields: string | null }[]> => {
      const { entries: found } = await newestLogEntries(db, app, {
        filter: {},
        before: null,
        limit: 10,
      });
      return found.map(({ text, fields }) => ({ text, fields }));
    },
  };
}

it('stores the lines of others, and no text of an app whose secrets cannot be read', async () => {
  const { store, logOf, errors } = await createIngest(async (deployment) => {
    if (deployment === 'broken') throw new PlatformError('master-key', 'no such key');
    return (text) => text.replaceAll('hunter2', '[redacted]');
  });
  await store(
    logEntry({ deployment: 'broken', text: 'hunter2', fields: '{"a":"hunter2"}' }),
    logEntry({ deployment: 'sound', text: 'my hunter2' }),
  );
  expect(await logOf('sound')).toEqual([{ text: 'my [redacted]', fields: null }]);
  const [kept] = await logOf('broken');
  expect(kept?.text).toMatch(/^\[not kept: the secrets of this app cannot be read/);
  expect(JSON.stringify(kept)).not.toContain('hunter2');
  expect(errors).toHaveLength(1);
});

it('takes nothing of a batch while the database is away, so that it can come again', async () => {
  let isDown = true;
  const { store, logOf, errors } = await createIngest(async () => {
    if (isDown) throw new PlatformError('database-down', 'the database is not answering');
    return (text) => text;
  });
  const line = logEntry({ deployment: 'app', text: 'kept' });
  await expect(store(line)).rejects.toThrow('the database is not answering');
  expect(await logOf('app')).toEqual([]);
  isDown = false;
  await store(line);
  expect(await logOf('app')).toEqual([{ text: 'kept', fields: null }]);
  expect(errors).toEqual([]);
});

import { PlatformError } from '../../protocol/errors.ts';
import { createTurns } from '../../std/turns.ts';
import type { Database } from '../../store/database.ts';
import {
  logEntriesAfter,
  newestLogEntries,
  type FoundLogEntries,
  type LogFilter,
} from '../../store/logs.ts';

/**
 * Of the database's connections, what may look through logs at a time: through a million entries it takes seconds,
 * and the others are there for releases and for storing what is printed.
 */
const MAX_SEARCHES = 3;
/** Of each app: all who may follow it, each with a filter, and some more. */
const MAX_WAITING_SEARCHES = 40;

/** The log of an app, as store/logs.ts reads it. @throws PlatformError busy */
export interface LogReader {
  newest(
    appId: string,
    query: { filter: LogFilter; before: string | null; limit: number },
  ): Promise<FoundLogEntries>;
  after(
    appId: string,
    query: { filter: LogFilter; after: string; limit: number },
  ): Promise<FoundLogEntries>;
}

/** Whoever wants entries as they come gets them by the index at once; who searches among them waits for a turn. */
export function createLogReader(db: Database): LogReader {
  const turns = createTurns({ atOnce: MAX_SEARCHES, waiting: MAX_WAITING_SEARCHES });

  async function inTurn<T>(appId: string, filter: LogFilter, read: () => Promise<T>): Promise<T> {
    const isSearch = Object.keys(filter).length > 0;
    if (!isSearch) return read();
    const found = await turns.take(appId, read);
    if (found !== null) return found.done;
    throw new PlatformError(
      'busy',
      'too many searches of the log of this app wait for their turn',
      {
        hint: 'try again in a moment',
      },
    );
  }

  return {
    newest: (appId, query) => inTurn(appId, query.filter, () => newestLogEntries(db, appId, query)),
    after: (appId, query) => inTurn(appId, query.filter, () => logEntriesAfter(db, appId, query)),
  };
}

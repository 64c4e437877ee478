import type { Clock } from '../std/clock.ts';
import { type NewPush, PushRecord } from './push-record.ts';

export type { PushRecord };

/**
 * The pushes of this process: those that run, and the last that have ended. It is what `fn attach` and `fn cancel`
 * work on; a restart forgets it, as it ends the builds.
 */
export interface PushJournal {
  begin(push: NewPush): PushRecord;
  find(appId: string, id: string): PushRecord | null;
  /** Newest first. */
  list(appId: string): PushRecord[];
  /** Ends those that can still be refused. */
  cancelAll(by: string): void;
  /** Lets all readers go. */
  close(): void;
}

/** That have ended; running ones are as many as the git front has places for pushes. */
const MAX_KEPT = 100;

export function createPushJournal(clock: Clock): PushJournal {
  /** Oldest first. */
  const records = new Map<string, PushRecord>();

  function forgetOldest(): void {
    const ended = [...records.values()].filter(({ outcome }) => outcome !== null);
    for (const { push } of ended.slice(0, Math.max(0, ended.length - MAX_KEPT))) {
      records.delete(push.id);
    }
  }

  return {
    begin(push) {
      const record = new PushRecord(push, clock);
      records.set(push.id, record);
      forgetOldest();
      return record;
    },
    find(appId, id) {
      const record = records.get(id);
      return record?.push.appId === appId ? record : null;
    },
    list: (appId) => [...records.values()].filter(({ push }) => push.appId === appId).toReversed(),
    cancelAll(by) {
      for (const record of records.values()) if (record.isRefusable) record.cancel(by);
    },
    close() {
      for (const record of records.values()) record.close();
    },
  };
}

import type { LogRetention } from '../main/process/start-options.ts';
import type { Queryable } from '../store/database.ts';
import {
  deleteOldLogSources,
  deleteSomeLogs,
  deleteVolumes,
  findExpiredLogs,
} from '../store/logs.ts';
import type { Clock } from '../std/clock.ts';

const INTERVAL_MS = 60_000;
/** Deleted by one statement, so that none takes long. */
const DELETED_AT_ONCE = 10_000;

/** Forgets, every minute, what is older or more than is kept. */
export function startLogRetention(
  deps: { db: Queryable; clock: Clock; onError: (error: unknown) => void },
  retention: LogRetention,
  stopping: AbortSignal,
): void {
  const again = (): void => {
    if (stopping.aborted) return;
    const cancel = deps.clock.after(INTERVAL_MS, () => {
      pruneLogs(deps.db, retention, stopping).catch(deps.onError).finally(again);
    });
    stopping.addEventListener('abort', cancel, { once: true });
  };
  again();
}

export async function pruneLogs(
  db: Queryable,
  retention: LogRetention,
  stopping?: AbortSignal,
): Promise<void> {
  for (const expired of await findExpiredLogs(db, retention)) {
    while (await deleteSomeLogs(db, expired, DELETED_AT_ONCE)) {
      if (stopping?.aborted === true) return;
    }
    await deleteVolumes(db, expired);
  }
  await deleteOldLogSources(db, retention.days);
}

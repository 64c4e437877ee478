/** What of an app goes step by step, before and behind its row. */
import { hideApp } from './apps.ts';
import type { Database, Queryable } from './database.ts';

/** Rows of one statement: it must end well within its time. */
const LOG_ENTRIES_AT_ONCE = 20_000;

/**
 * From one moment to the next nothing of the app is found, routed or named after it. Domains that were verified are kept
 * as removed ones: for a while nobody else may have them.
 */
export async function beginDeletion(db: Database, appId: string, now: Date): Promise<void> {
  await db.transaction(async (tx) => {
    await hideApp(tx, appId);
    await tx.query('DELETE FROM routes WHERE app_id = $1', [appId]);
    await tx.query('DELETE FROM domains WHERE app_id = $1 AND verified_at IS NULL', [appId]);
    await tx.query(
      `UPDATE domains SET state = 'removed', removed_at = $2, next_check_at = NULL, redirect_to = NULL
       WHERE app_id = $1 AND state <> 'removed'`,
      [appId, now],
    );
  });
}

/** All deployments that the app ever had. */
export async function listDeploymentIds(db: Queryable, appId: string): Promise<string[]> {
  const { rows } = await db.query<{ id: string }>('SELECT id FROM deployments WHERE app_id = $1', [
    appId,
  ]);
  return rows.map(({ id }) => id);
}

export async function listBundleHashes(db: Queryable, appId: string): Promise<string[]> {
  const { rows } = await db.query<{ hash: string }>('SELECT hash FROM bundles WHERE app_id = $1', [
    appId,
  ]);
  return rows.map(({ hash }) => hash);
}

/** There may be millions. */
export async function deleteLogs(db: Queryable, appId: string): Promise<void> {
  for (let deleted = LOG_ENTRIES_AT_ONCE; deleted === LOG_ENTRIES_AT_ONCE;) {
    const { rowCount } = await db.query(
      `DELETE FROM log_entries WHERE app_id = $1 AND id IN (
         SELECT id FROM log_entries WHERE app_id = $1 ORDER BY id LIMIT $2)`,
      [appId, LOG_ENTRIES_AT_ONCE],
    );
    deleted = rowCount ?? 0;
  }
  await db.query('DELETE FROM log_volumes WHERE app_id = $1', [appId]);
}

import type { HostEvent } from '../model/git-host.ts';
import type { Database, Queryable } from './database.ts';

export interface GitDelivery {
  connectionId: string;
  /** As the host names it. */
  delivery: string;
  event: HostEvent;
  /** This one included. */
  attempts: number;
}

const COLUMNS = `connection_id AS "connectionId", delivery, event, attempts`;

/**
 * Takes a delivery in. `known` for one that was taken before, `full` when the connection has `limit` waiting.
 */
export async function insertGitDelivery(
  db: Database,
  { connectionId, delivery, event }: Omit<GitDelivery, 'attempts'>,
  { now, limit }: { now: Date; limit: number },
): Promise<'taken' | 'known' | 'full'> {
  return db.transaction(async (tx) => {
    await tx.query('UPDATE git_connections SET heard_at = $2 WHERE id = $1', [connectionId, now]);
    const { rows } = await tx.query<{ waiting: number; isKnown: boolean }>(
      `SELECT count(*) FILTER (WHERE state IN ('queued', 'running'))::int AS waiting,
         COALESCE(bool_or(delivery = $2), false) AS "isKnown"
       FROM git_deliveries WHERE connection_id = $1`,
      [connectionId, delivery],
    );
    if (rows[0]?.isKnown === true) return 'known';
    if ((rows[0]?.waiting ?? 0) >= limit) return 'full';
    await tx.query(
      `INSERT INTO git_deliveries (connection_id, delivery, event, state, due_at, received_at)
       VALUES ($1, $2, $3, 'queued', $4, $4) ON CONFLICT DO NOTHING`,
      [connectionId, delivery, event, now],
    );
    return 'taken';
  });
}

/** The one that is due the longest, of a connection of which none is worked on; it is running then. */
export async function takeGitDelivery(db: Queryable, now: Date): Promise<GitDelivery | null> {
  const { rows } = await db.query<GitDelivery>(
    `UPDATE git_deliveries SET state = 'running', attempts = attempts + 1
     WHERE (connection_id, delivery) = (
       SELECT connection_id, delivery FROM git_deliveries d
       WHERE state = 'queued' AND due_at <= $1 AND NOT EXISTS (
         SELECT FROM git_deliveries o WHERE o.connection_id = d.connection_id AND o.state = 'running')
       ORDER BY due_at, received_at LIMIT 1 FOR UPDATE SKIP LOCKED)
     RETURNING ${COLUMNS}`,
    [now],
  );
  return rows[0] ?? null;
}

export async function settleGitDelivery(
  db: Queryable,
  { connectionId, delivery }: Pick<GitDelivery, 'connectionId' | 'delivery'>,
  /** A time: it is tried again then. */
  outcome: 'done' | 'failed' | Date,
): Promise<void> {
  const state = outcome instanceof Date ? 'queued' : outcome;
  await db.query(
    `UPDATE git_deliveries SET state = $3, due_at = COALESCE($4, due_at)
     WHERE connection_id = $1 AND delivery = $2`,
    [connectionId, delivery, state, outcome instanceof Date ? outcome : null],
  );
}

/** What was being worked on when this process's predecessor ended. */
export async function requeueGitDeliveries(db: Queryable): Promise<void> {
  await db.query(`UPDATE git_deliveries SET state = 'queued' WHERE state = 'running'`);
}

/** Those that were settled and taken in before; after that a host does not send them again. */
export async function forgetGitDeliveries(db: Queryable, before: Date): Promise<void> {
  await db.query(
    `DELETE FROM git_deliveries WHERE state IN ('done', 'failed') AND received_at < $1`,
    [before],
  );
}

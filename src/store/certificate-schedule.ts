import type { SealedKeyColumns } from './certificates.ts';
import type { Queryable } from './database.ts';

/** What is under way for one certificate that shall exist, and when it is looked at again. */
export interface ScheduleRow<Problem = unknown> {
  /** The first of its names. */
  name: string;
  names: string[];
  appId: string | null;
  /** In a row, since an order succeeded. */
  failures: number;
  /** Those of them that an authority had a part in. */
  caFailures: number;
  /** Null: by the plan of renewal. */
  notBefore: Date | null;
  lastProblem: Problem | null;
  /** What authorities asked for by Retry-After: their URL to milliseconds since 1970. */
  waits: Record<string, number>;
  /** Of the order under way: directory and key come first, its URL when it has one. */
  directory: string | null;
  orderUrl: string | null;
  masterKeyId: string | null;
  sealedKey: Buffer | null;
  /** When the authority wants the certificate `renewAtOf` renewed (RFC 9773), and when to ask it again. */
  renewAt: Date | null;
  renewAtOf: string | null;
  renewCheckAt: Date | null;
}

const COLUMNS = `name, names, app_id AS "appId", failures, ca_failures AS "caFailures",
  not_before AS "notBefore", last_problem AS "lastProblem", waits, directory,
  order_url AS "orderUrl", master_key_id AS "masterKeyId", sealed_key AS "sealedKey",
  renew_at AS "renewAt", renew_at_of AS "renewAtOf", renew_check_at AS "renewCheckAt"`;

export async function listSchedule<Problem>(db: Queryable): Promise<ScheduleRow<Problem>[]> {
  const { rows } = await db.query<ScheduleRow<Problem>>(
    `SELECT ${COLUMNS} FROM certificate_schedule ORDER BY name`,
  );
  return rows;
}

export async function findSchedule<Problem>(
  db: Queryable,
  name: string,
): Promise<ScheduleRow<Problem> | null> {
  const { rows } = await db.query<ScheduleRow<Problem>>(
    `SELECT ${COLUMNS} FROM certificate_schedule WHERE name = $1`,
    [name],
  );
  return rows[0] ?? null;
}

/** Makes the row, or gives it the names and the app that it shall have now; an order for other names is given up. */
export async function ensureSchedule(
  db: Queryable,
  { name, names, appId }: Pick<ScheduleRow, 'name' | 'names' | 'appId'>,
): Promise<void> {
  await db.query(
    `INSERT INTO certificate_schedule (name, names, app_id) VALUES ($1, $2, $3)
     ON CONFLICT (name) DO UPDATE SET names = EXCLUDED.names, app_id = EXCLUDED.app_id,
       directory = NULL, order_url = NULL, master_key_id = NULL, sealed_key = NULL
     WHERE certificate_schedule.names <> EXCLUDED.names
       OR certificate_schedule.app_id IS DISTINCT FROM EXCLUDED.app_id`,
    [name, names, appId],
  );
}

export async function deleteSchedules(db: Queryable, names: readonly string[]): Promise<void> {
  if (names.length === 0) return;
  await db.query('DELETE FROM certificate_schedule WHERE name = ANY($1)', [names]);
}

/** How the last attempt ended. */
export async function saveOutcome(
  db: Queryable,
  row: Pick<
    ScheduleRow,
    'name' | 'failures' | 'caFailures' | 'notBefore' | 'lastProblem' | 'waits'
  >,
): Promise<void> {
  await db.query(
    `UPDATE certificate_schedule SET failures = $2, ca_failures = $3, not_before = $4,
       last_problem = $5, waits = $6 WHERE name = $1`,
    [
      row.name,
      row.failures,
      row.caFailures,
      row.notBefore,
      row.lastProblem === null ? null : JSON.stringify(row.lastProblem),
      JSON.stringify(row.waits),
    ],
  );
}

/** The next look takes place now. */
export async function clearNotBefore(db: Queryable, name: string): Promise<void> {
  await db.query('UPDATE certificate_schedule SET not_before = NULL WHERE name = $1', [name]);
}

/** Before an order is made: where, and with which key. */
export async function beginOrder(
  db: Queryable,
  order: SealedKeyColumns & { name: string; directory: string },
): Promise<void> {
  await db.query(
    `UPDATE certificate_schedule SET directory = $2, master_key_id = $3, sealed_key = $4,
       order_url = NULL WHERE name = $1`,
    [order.name, order.directory, order.masterKeyId, order.sealedKey],
  );
}

export async function saveOrderUrl(db: Queryable, name: string, url: string): Promise<void> {
  await db.query('UPDATE certificate_schedule SET order_url = $2 WHERE name = $1', [name, url]);
}

/** Nothing is under way any more. */
export async function endOrder(db: Queryable, name: string): Promise<void> {
  await db.query(
    `UPDATE certificate_schedule SET directory = NULL, order_url = NULL, master_key_id = NULL,
       sealed_key = NULL WHERE name = $1`,
    [name],
  );
}

/** What an authority has said of the certificate that there is. */
export async function saveRenewalInfo(
  db: Queryable,
  row: Pick<ScheduleRow, 'name' | 'renewAt' | 'renewAtOf' | 'renewCheckAt'>,
): Promise<void> {
  await db.query(
    `UPDATE certificate_schedule SET renew_at = $2, renew_at_of = $3, renew_check_at = $4
     WHERE name = $1`,
    [row.name, row.renewAt, row.renewAtOf, row.renewCheckAt],
  );
}

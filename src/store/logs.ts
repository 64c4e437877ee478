import { LOG_LEVELS, type LogEntry, type LogKind } from '../protocol/logs.ts';
import type { LogLevel } from '../protocol/worker.ts';
import type { Database, Queryable } from './database.ts';

/** An entry whose app is known. */
export interface NewLogEntry extends LogEntry {
  appId: string;
}

export interface StoredLogEntry {
  /** Grows with every entry of every app, in the order in which entries become visible. Decimal digits. */
  id: string;
  at: Date;
  level: LogLevel;
  kind: LogKind;
  deployment: string;
  /** Null for the unnumbered deployments that commit hosts serve. */
  version: number | null;
  functionName: string;
  requestId: string | null;
  text: string;
  fields: string | null;
}

export interface LogFilter {
  since?: Date;
  until?: Date;
  /** This one and those above. */
  level?: LogLevel;
  /** Text that the entry has, whatever its case. */
  search?: string;
  functionName?: string;
  deployment?: string;
  /** The beginning of a request id. */
  requestId?: string;
}

/** How far the database's clock may be behind that of data, or either be set back. */
const MAX_CLOCK_SKEW_MINUTES = 5;

/** What a row costs beside its texts, about. */
const ROW_BYTES = 120;

/**
 * Stores a batch in one transaction; false when it is stored already. Batches of a source come in their order, so
 * the last number of each is enough to know.
 */
export async function storeLogBatch(
  db: Database,
  { source, sequence }: { source: string; sequence: number },
  entries: readonly NewLogEntry[],
): Promise<boolean> {
  return db.transaction(async (tx) => {
    const { rowCount } = await tx.query(
      `INSERT INTO log_sources (source, sequence) VALUES ($1, $2)
       ON CONFLICT (source) DO UPDATE SET sequence = EXCLUDED.sequence, updated_at = now()
       WHERE log_sources.sequence < EXCLUDED.sequence`,
      [source, sequence],
    );
    if (rowCount === 0) return false;
    if (entries.length === 0) return true;
    const { rows } = await tx.query<{ lastId: string }>(
      'UPDATE log_position SET last_id = last_id + $1 RETURNING last_id AS "lastId"',
      [entries.length],
    );
    const before = BigInt(rows[0]?.lastId ?? 0) - BigInt(entries.length);
    await insertEntries(tx, before, entries);
    await addVolumes(tx, before, entries);
    return true;
  });
}

async function insertEntries(
  tx: Queryable,
  before: bigint,
  entries: readonly NewLogEntry[],
): Promise<void> {
  const column = <T>(read: (entry: NewLogEntry) => T): T[] => entries.map((entry) => read(entry));
  await tx.query(
    `INSERT INTO log_entries
       (app_id, id, at, level, kind, deployment_id, function_name, request_id, text, fields)
     SELECT e.app_id, $1::bigint + e.number, to_timestamp(e.at / 1000.0), e.level, e.kind,
       e.deployment, e.function_name, e.request_id, e.text, e.fields
     FROM unnest($2::text[], $3::float8[], $4::smallint[], $5::text[], $6::text[], $7::text[],
       $8::text[], $9::text[], $10::text[]) WITH ORDINALITY
       AS e (app_id, at, level, kind, deployment, function_name, request_id, text, fields, number)`,
    [
      String(before),
      column((entry) => entry.appId),
      column((entry) => entry.at),
      column((entry) => LOG_LEVELS.indexOf(entry.level)),
      column((entry) => entry.kind),
      column((entry) => entry.deployment),
      column((entry) => entry.functionName),
      column((entry) => entry.requestId),
      column((entry) => entry.text),
      column((entry) => entry.fields),
    ],
  );
}

async function addVolumes(
  tx: Queryable,
  before: bigint,
  entries: readonly NewLogEntry[],
): Promise<void> {
  const volumes = new Map<string, { lastId: bigint; bytes: number }>();
  for (const [index, { appId, text, fields }] of entries.entries()) {
    const bytes = ROW_BYTES + Buffer.byteLength(text) + Buffer.byteLength(fields ?? '');
    const known = volumes.get(appId)?.bytes ?? 0;
    volumes.set(appId, { lastId: before + BigInt(index) + 1n, bytes: known + bytes });
  }
  const all = [...volumes.values()];
  await tx.query(
    `INSERT INTO log_volumes (app_id, minute, last_id, bytes)
     SELECT app_id, date_trunc('minute', now()), last_id, bytes
     FROM unnest($1::text[], $2::bigint[], $3::bigint[]) AS v (app_id, last_id, bytes)
     ON CONFLICT (app_id, minute) DO UPDATE SET
       last_id = EXCLUDED.last_id, bytes = log_volumes.bytes + EXCLUDED.bytes`,
    [[...volumes.keys()], all.map(({ lastId }) => String(lastId)), all.map(({ bytes }) => bytes)],
  );
}

const COLUMNS = `e.id, e.at, e.level, e.kind, e.deployment_id AS deployment, d.version,
  e.function_name AS "functionName", e.request_id AS "requestId", e.text, e.fields`;

/** Read at once, with what a row costs: a thousand entries of the largest size would be 30 MB. */
const MAX_FOUND_BYTES = 2 * 1024 * 1024;

export interface FoundLogEntries {
  entries: StoredLogEntry[];
  /** There may be more behind the last: as many were found as were asked for, or as may be read at once. */
  isMore: boolean;
}

interface EntryRow extends Omit<StoredLogEntry, 'level'> {
  level: number;
  /** How many matched, up to the limit. */
  matched: number;
}

/** The newest entries that match, the newest first; with `before`, those older than that id. */
export async function newestLogEntries(
  db: Queryable,
  appId: string,
  { filter, before, limit }: { filter: LogFilter; before: string | null; limit: number },
): Promise<FoundLogEntries> {
  const { where, values } = conditionsOf(appId, filter);
  if (before !== null) where.push(`e.id < $${values.push(before)}`);
  return select(db, { where, values, order: 'DESC', limit });
}

/** The entries that came after that id and match, the oldest first. */
export async function logEntriesAfter(
  db: Queryable,
  appId: string,
  { filter, after, limit }: { filter: LogFilter; after: string; limit: number },
): Promise<FoundLogEntries> {
  const { where, values } = conditionsOf(appId, filter);
  where.push(`e.id > $${values.push(after)}`);
  return select(db, { where, values, order: 'ASC', limit });
}

/** The id of the last entry of all apps that was stored. */
export async function lastLogId(db: Queryable): Promise<string> {
  const { rows } = await db.query<{ lastId: string }>(
    'SELECT last_id AS "lastId" FROM log_position',
  );
  return rows[0]?.lastId ?? '0';
}

async function select(
  db: Queryable,
  query: { where: string[]; values: unknown[]; order: 'ASC' | 'DESC'; limit: number },
): Promise<FoundLogEntries> {
  const { where, values, order, limit } = query;
  const { rows } = await db.query<EntryRow>(
    `WITH found AS (
       SELECT ${COLUMNS} FROM log_entries e LEFT JOIN deployments d ON d.id = e.deployment_id
       WHERE ${where.join(' AND ')} ORDER BY e.id ${order} LIMIT $${values.push(limit)}
     ), measured AS (
       SELECT *, count(*) OVER ()::int AS matched, COALESCE(sum(${ROW_BYTES} + octet_length(text) +
         COALESCE(octet_length(fields), 0)) OVER (ORDER BY id ${order}
           ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS bytes_before FROM found
     ) SELECT * FROM measured WHERE bytes_before < ${MAX_FOUND_BYTES} ORDER BY id ${order}`,
    values,
  );
  const matched = rows[0]?.matched ?? 0;
  return {
    entries: rows.map((row) => ({ ...row, level: LOG_LEVELS[row.level] ?? 'info' })),
    isMore: matched === limit || rows.length < matched,
  };
}

function conditionsOf(
  appId: string,
  { since, until, level, search, functionName, deployment, requestId }: LogFilter,
): { where: string[]; values: unknown[] } {
  const values: unknown[] = [appId];
  const where = ['e.app_id = $1'];
  if (since !== undefined) {
    const at = values.push(since);
    // What was stored in earlier minutes was written before: this finds the place without reading all that is older.
    where.push(`e.at >= $${at} AND e.id > COALESCE((SELECT max(v.last_id) FROM log_volumes v
      WHERE v.app_id = $1 AND v.minute <
        $${at}::timestamptz - interval '${MAX_CLOCK_SKEW_MINUTES + 1} minutes'), 0)`);
  }
  if (until !== undefined) where.push(`e.at < $${values.push(until)}`);
  if (level !== undefined) where.push(`e.level >= $${values.push(LOG_LEVELS.indexOf(level))}`);
  if (search !== undefined) where.push(`e.text ILIKE $${values.push(`%${literal(search)}%`)}`);
  if (functionName !== undefined) where.push(`e.function_name = $${values.push(functionName)}`);
  if (deployment !== undefined) where.push(`e.deployment_id = $${values.push(deployment)}`);
  if (requestId !== undefined) {
    where.push(`e.request_id LIKE $${values.push(`${literal(requestId)}%`)}`);
  }
  return { where, values };
}

/** Text that LIKE takes for itself. */
function literal(text: string): string {
  return text.replace(/[\\%_]/g, String.raw`\$&`);
}

/** How far each app's log is to be forgotten: what is older than the days, or more than the bytes. */
export async function findExpiredLogs(
  db: Queryable,
  { days, bytesPerApp }: { days: number; bytesPerApp: number },
): Promise<{ appId: string; lastId: string }[]> {
  const { rows } = await db.query<{ appId: string; lastId: string }>(
    `SELECT app_id AS "appId", max(last_id) AS "lastId" FROM (
       SELECT app_id, minute, last_id, sum(bytes) OVER (
         PARTITION BY app_id ORDER BY minute DESC) AS bytes_since FROM log_volumes) v
     WHERE minute < now() - $1 * interval '1 day' OR bytes_since > $2
     GROUP BY app_id`,
    [days, bytesPerApp],
  );
  return rows;
}

/** Forgets some of an app's entries up to that id; false when none were left. */
export async function deleteSomeLogs(
  db: Queryable,
  { appId, lastId }: { appId: string; lastId: string },
  limit: number,
): Promise<boolean> {
  const { rowCount } = await db.query(
    `DELETE FROM log_entries WHERE app_id = $1 AND id IN (
       SELECT id FROM log_entries WHERE app_id = $1 AND id <= $2 ORDER BY id LIMIT $3)`,
    [appId, lastId, limit],
  );
  return (rowCount ?? 0) === limit;
}

/** To be called when the entries are gone. */
export async function deleteVolumes(
  db: Queryable,
  { appId, lastId }: { appId: string; lastId: string },
): Promise<void> {
  await db.query('DELETE FROM log_volumes WHERE app_id = $1 AND last_id <= $2', [appId, lastId]);
}

/** Forgets data processes that have sent nothing for so many days. */
export async function deleteOldLogSources(db: Queryable, days: number): Promise<void> {
  await db.query(`DELETE FROM log_sources WHERE updated_at < now() - $1 * interval '1 day'`, [
    days,
  ]);
}

/** The deployments that print: whose they are, and what they run. */
export async function findLogOrigin(
  db: Queryable,
  deployment: string,
): Promise<{
  appId: string;
  appName: string;
  bundle: string | null;
  functions: { name: string; file: string }[] | null;
} | null> {
  const { rows } = await db.query<{
    appId: string;
    appName: string;
    bundle: string | null;
    functions: { name: string; file: string }[] | null;
  }>(
    `SELECT a.id AS "appId", a.name AS "appName", d.bundle, b.functions
     FROM deployments d JOIN apps a ON a.id = d.app_id
     LEFT JOIN bundles b ON b.app_id = d.app_id AND b.hash = d.bundle WHERE d.id = $1`,
    [deployment],
  );
  return rows[0] ?? null;
}

import type { SealedKeyColumns } from './certificates.ts';
import type { Queryable } from './database.ts';

/** An entry of the audit log as it is stored. */
export interface AuditRow {
  sequence: number;
  keyId: string;
  /** Canonical JSON. */
  content: string;
  mac: Buffer;
}

export interface AuditFilter {
  appId?: string | undefined;
  /** Id of a token. */
  actor?: string | undefined;
  action?: string | undefined;
  /** Milliseconds since 1970, both inclusive. */
  sinceMs?: number | undefined;
  untilMs?: number | undefined;
  /** Only entries before this one. */
  before?: number | undefined;
  limit: number;
}

/** Any number that no other program takes as an advisory lock: "audit" in ASCII. */
const AUDIT_LOCK = 0x61_75_64_69_74;

/** One writer at a time over all processes, until the transaction ends. */
export async function lockAudit(tx: Queryable): Promise<void> {
  await tx.query('SELECT pg_advisory_xact_lock($1)', [AUDIT_LOCK]);
}

/** A bigint comes from the driver as text. */
type StoredRow = Omit<AuditRow, 'sequence'> & { sequence: string };

const COLUMNS = `sequence, key_id AS "keyId", content, mac`;

function fromStored({ sequence, ...row }: StoredRow): AuditRow {
  return { sequence: Number(sequence), ...row };
}

/** The newest; null for an empty log. */
export async function findLastAuditRow(db: Queryable): Promise<AuditRow | null> {
  const { rows } = await db.query<StoredRow>(
    `SELECT ${COLUMNS} FROM audit_entries ORDER BY sequence DESC LIMIT 1`,
  );
  return rows[0] === undefined ? null : fromStored(rows[0]);
}

export async function findAuditRow(db: Queryable, sequence: number): Promise<AuditRow | null> {
  const { rows } = await db.query<StoredRow>(
    `SELECT ${COLUMNS} FROM audit_entries WHERE sequence = $1`,
    [sequence],
  );
  return rows[0] === undefined ? null : fromStored(rows[0]);
}

export async function insertAuditRows(tx: Queryable, rows: readonly AuditRow[]): Promise<void> {
  await tx.query(
    `INSERT INTO audit_entries (sequence, key_id, content, mac)
     SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::bytea[])`,
    [
      rows.map(({ sequence }) => sequence),
      rows.map(({ keyId }) => keyId),
      rows.map(({ content }) => content),
      rows.map(({ mac }) => mac),
    ],
  );
}

/** In the order in which they were written, beginning with this number. */
export async function readAuditRows(
  db: Queryable,
  from: number,
  limit: number,
): Promise<AuditRow[]> {
  const { rows } = await db.query<StoredRow>(
    `SELECT ${COLUMNS} FROM audit_entries WHERE sequence >= $1 ORDER BY sequence LIMIT $2`,
    [from, limit],
  );
  return rows.map(fromStored);
}

/** Newest first. */
export async function listAuditRows(db: Queryable, filter: AuditFilter): Promise<AuditRow[]> {
  const values: unknown[] = [filter.limit];
  const conditions: string[] = [];
  const add = (condition: string, value: unknown): void => {
    if (value === undefined) return;
    values.push(value);
    conditions.push(`${condition} $${values.length}`);
  };
  add('app_id =', filter.appId);
  add('actor =', filter.actor);
  add('action =', filter.action);
  add('at_ms >=', filter.sinceMs);
  add('at_ms <=', filter.untilMs);
  // A client's cursor may have any number.
  if (filter.before !== undefined) add('sequence <', clampSequence(filter.before));
  const where = conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`;
  const { rows } = await db.query<StoredRow>(
    `SELECT ${COLUMNS} FROM audit_entries ${where} ORDER BY sequence DESC LIMIT $1`,
    values,
  );
  return rows.map(fromStored);
}

function clampSequence(value: number): number {
  return Math.min(Math.max(Math.floor(value), 0), Number.MAX_SAFE_INTEGER);
}

export interface AuditKeyRow extends SealedKeyColumns {
  id: string;
}

/** Newest first. */
export async function listAuditKeys(db: Queryable): Promise<AuditKeyRow[]> {
  const { rows } = await db.query<AuditKeyRow>(
    `SELECT id, master_key_id AS "masterKeyId", sealed_key AS "sealedKey" FROM audit_keys
     ORDER BY created_at DESC, id`,
  );
  return rows;
}

export async function insertAuditKey(db: Queryable, key: AuditKeyRow): Promise<void> {
  await db.query('INSERT INTO audit_keys (id, master_key_id, sealed_key) VALUES ($1, $2, $3)', [
    key.id,
    key.masterKeyId,
    key.sealedKey,
  ]);
}

import type { Queryable } from './database.ts';

/** An app's key as it is stored: encrypted with a master key. */
export interface DataKeyRow {
  appId: string;
  masterKeyId: string;
  wrapped: Buffer;
}

const COLUMNS = `app_id AS "appId", master_key_id AS "masterKeyId", wrapped`;

export async function findDataKey(db: Queryable, appId: string): Promise<DataKeyRow | null> {
  const { rows } = await db.query<DataKeyRow>(
    `SELECT ${COLUMNS} FROM data_keys WHERE app_id = $1`,
    [appId],
  );
  return rows[0] ?? null;
}

export async function insertDataKey(db: Queryable, row: DataKeyRow): Promise<void> {
  await db.query('INSERT INTO data_keys (app_id, master_key_id, wrapped) VALUES ($1, $2, $3)', [
    row.appId,
    row.masterKeyId,
    row.wrapped,
  ]);
}

/** Those that are wrapped with another master key than this one, locked until the transaction ends. */
export async function lockDataKeysOfOthers(
  tx: Queryable,
  masterKeyId: string,
): Promise<DataKeyRow[]> {
  const { rows } = await tx.query<DataKeyRow>(
    `SELECT ${COLUMNS} FROM data_keys WHERE master_key_id <> $1 FOR UPDATE`,
    [masterKeyId],
  );
  return rows;
}

export async function replaceDataKey(tx: Queryable, row: DataKeyRow): Promise<void> {
  await tx.query('UPDATE data_keys SET master_key_id = $2, wrapped = $3 WHERE app_id = $1', [
    row.appId,
    row.masterKeyId,
    row.wrapped,
  ]);
}

/** The id of the master key that everything is wrapped with; null before the first start. */
export async function findMasterKeyId(db: Queryable): Promise<string | null> {
  const { rows } = await db.query<{ id: string }>('SELECT key_id AS id FROM master_key');
  return rows[0]?.id ?? null;
}

export async function recordMasterKeyId(db: Queryable, id: string): Promise<void> {
  await db.query(
    `INSERT INTO master_key (key_id) VALUES ($1)
     ON CONFLICT (is_only) DO UPDATE SET key_id = EXCLUDED.key_id`,
    [id],
  );
}

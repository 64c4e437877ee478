import type { Queryable } from './database.ts';

export interface CertificateRow {
  id: string;
  names: string[];
  /** Null: the platform's own. */
  appId: string | null;
  source: 'acme' | 'local' | 'upload';
  /** PEM, leaf first. */
  chain: string;
  notBefore: Date;
  notAfter: Date;
  /** URL of the authority's directory, of those that were ordered. */
  directory: string | null;
}

/** A key, encrypted with the master key of that id. */
export interface SealedKeyColumns {
  masterKeyId: string;
  sealedKey: Buffer;
}

const COLUMNS = `id, names, app_id AS "appId", source, chain, not_before AS "notBefore",
  not_after AS "notAfter", directory`;

/** The newest first; all of them, or those with this among their names. */
export async function listCertificates(db: Queryable, name?: string): Promise<CertificateRow[]> {
  const { rows } = await db.query<CertificateRow>(
    `SELECT ${COLUMNS} FROM certificates ${name === undefined ? '' : 'WHERE names @> $1'}
     ORDER BY created_at DESC, id`,
    name === undefined ? [] : [[name]],
  );
  return rows;
}

export async function insertCertificate(
  db: Queryable,
  row: CertificateRow & SealedKeyColumns,
): Promise<void> {
  await db.query(
    `INSERT INTO certificates (id, names, app_id, source, chain, not_before, not_after, directory,
       master_key_id, sealed_key)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
    [
      row.id,
      row.names,
      row.appId,
      row.source,
      row.chain,
      row.notBefore,
      row.notAfter,
      row.directory,
      row.masterKeyId,
      row.sealedKey,
    ],
  );
}

export async function findCertificateKey(
  db: Queryable,
  id: string,
): Promise<SealedKeyColumns | null> {
  const { rows } = await db.query<SealedKeyColumns>(
    `SELECT master_key_id AS "masterKeyId", sealed_key AS "sealedKey"
     FROM certificates WHERE id = $1`,
    [id],
  );
  return rows[0] ?? null;
}

export async function deleteCertificates(db: Queryable, ids: readonly string[]): Promise<void> {
  if (ids.length > 0) await db.query('DELETE FROM certificates WHERE id = ANY($1)', [ids]);
}

/** One upload at a time; held until the transaction ends. */
export async function lockUploads(tx: Queryable): Promise<void> {
  await tx.query("SELECT pg_advisory_xact_lock(hashtextextended('certificate uploads', 0))");
}

/** A number that is greater than all before it. */
export async function nextCertificateGeneration(db: Queryable): Promise<number> {
  const { rows } = await db.query<{ generation: string }>(
    "SELECT nextval('certificate_generation') AS generation",
  );
  return Number(rows[0]?.generation);
}

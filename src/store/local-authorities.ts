import type { SealedKeyColumns } from './certificates.ts';
import type { Database, Queryable } from './database.ts';

/** The certificate authority of this machine. */
export interface LocalAuthorityRow extends SealedKeyColumns {
  id: string;
  /** Domains that its name constraints leave it. */
  permitted: string[];
  /** PEM. */
  certificate: string;
  notAfter: Date;
}

/** Null before the first. */
export async function findLocalAuthority(db: Queryable): Promise<LocalAuthorityRow | null> {
  const { rows } = await db.query<LocalAuthorityRow>(
    `SELECT id, permitted, certificate, not_after AS "notAfter", master_key_id AS "masterKeyId",
       sealed_key AS "sealedKey"
     FROM local_authorities ORDER BY created_at DESC LIMIT 1`,
  );
  return rows[0] ?? null;
}

/** The former one goes, with all that it has issued. */
export function replaceLocalAuthority(db: Database, row: LocalAuthorityRow): Promise<void> {
  return db.transaction(async (tx) => {
    await tx.query('DELETE FROM local_authorities');
    await deleteLocalCertificates(tx);
    await tx.query(
      `INSERT INTO local_authorities (id, permitted, certificate, not_after, master_key_id, sealed_key)
       VALUES ($1, $2, $3, $4, $5, $6)`,
      [row.id, row.permitted, row.certificate, row.notAfter, row.masterKeyId, row.sealedKey],
    );
  });
}

/** Those that an authority of this machine has issued. */
export async function deleteLocalCertificates(db: Queryable): Promise<void> {
  await db.query("DELETE FROM certificates WHERE source = 'local'");
}

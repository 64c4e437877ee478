import type { Database, Queryable } from './database.ts';

export interface SshKeyRow {
  id: string;
  tokenId: string;
  name: string;
  algorithm: string;
  publicKey: string;
  fingerprint: string;
  createdAt: Date;
}

const COLUMNS = `id, token_id AS "tokenId", name, algorithm, public_key AS "publicKey", fingerprint,
  created_at AS "createdAt"`;

/** Of a token, oldest first, from behind `after` on. */
export async function listSshKeys(
  db: Queryable,
  tokenId: string,
  { after, limit }: { after: Pick<SshKeyRow, 'createdAt' | 'id'> | null; limit: number },
): Promise<SshKeyRow[]> {
  const { rows } = await db.query<SshKeyRow>(
    `SELECT ${COLUMNS} FROM ssh_keys
     WHERE token_id = $1 AND ($2::timestamptz IS NULL OR (created_at, id) > ($2, $3))
     ORDER BY created_at, id LIMIT $4`,
    [tokenId, after?.createdAt ?? null, after?.id ?? null, limit],
  );
  return rows;
}

/** Null for one that the token has not. */
export async function findSshKey(
  db: Queryable,
  tokenId: string,
  id: string,
): Promise<SshKeyRow | null> {
  const { rows } = await db.query<SshKeyRow>(
    `SELECT ${COLUMNS} FROM ssh_keys WHERE token_id = $1 AND id = $2`,
    [tokenId, id],
  );
  return rows[0] ?? null;
}

/** The stored key; `known` when somebody has it already, `many` when the token has as many as it may. */
export async function insertSshKey(
  db: Database,
  key: Omit<SshKeyRow, 'createdAt'>,
  limit: number,
): Promise<SshKeyRow | 'known' | 'many'> {
  return db.transaction(async (tx) => {
    // One at a time, or two could pass the limit together.
    await tx.query('SELECT FROM tokens WHERE id = $1 FOR UPDATE', [key.tokenId]);
    const { rows: others } = await tx.query<{ count: number }>(
      'SELECT count(*)::int AS count FROM ssh_keys WHERE token_id = $1',
      [key.tokenId],
    );
    if ((others[0]?.count ?? 0) >= limit) return 'many';
    const { rows } = await tx.query<SshKeyRow>(
      `INSERT INTO ssh_keys (id, token_id, name, algorithm, public_key, fingerprint)
       VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (fingerprint) DO NOTHING RETURNING ${COLUMNS}`,
      [key.id, key.tokenId, key.name, key.algorithm, key.publicKey, key.fingerprint],
    );
    return rows[0] ?? 'known';
  });
}

/** Whether the token had it. */
export async function deleteSshKey(db: Queryable, tokenId: string, id: string): Promise<boolean> {
  const { rowCount } = await db.query('DELETE FROM ssh_keys WHERE token_id = $1 AND id = $2', [
    tokenId,
    id,
  ]);
  return rowCount === 1;
}

/** Those of the fingerprints by which somebody is known whose token is neither revoked nor has expired by then. */
export async function findValidSshKeys(
  db: Queryable,
  fingerprints: string[],
  now: Date,
): Promise<Set<string>> {
  const { rows } = await db.query<{ fingerprint: string }>(
    `SELECT fingerprint FROM ssh_keys k JOIN tokens t ON t.id = k.token_id
     WHERE fingerprint = ANY ($1) AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $2)`,
    [fingerprints, now],
  );
  return new Set(rows.map(({ fingerprint }) => fingerprint));
}

import type { Role } from '../model/role.ts';
import type { Queryable } from './database.ts';

export interface TokenRow {
  id: string;
  name: string;
  role: Role;
  prefix: string;
  /** Apps that it is confined to; null for all. */
  appIds: string[] | null;
  createdAt: Date;
  expiresAt: Date | null;
  revokedAt: Date | null;
  lastUsedAt: Date | null;
}

const COLUMNS = `id, name, role, prefix, app_ids AS "appIds", created_at AS "createdAt",
  expires_at AS "expiresAt", revoked_at AS "revokedAt", last_used_at AS "lastUsedAt"`;

/** The token with this hash, also when it is revoked or has expired. */
export async function findTokenByHash(db: Queryable, hash: Buffer): Promise<TokenRow | null> {
  const { rows } = await db.query<TokenRow>(`SELECT ${COLUMNS} FROM tokens WHERE hash = $1`, [
    hash,
  ]);
  return rows[0] ?? null;
}

/** Notes the use of a token, at most once a minute so that reads stay reads. */
export async function touchToken(db: Queryable, id: string): Promise<void> {
  await db.query(
    `UPDATE tokens SET last_used_at = now()
     WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < now() - interval '1 minute')`,
    [id],
  );
}

export interface NewToken {
  id: string;
  name: string;
  role: Role;
  hash: Buffer;
  prefix: string;
  appIds: string[] | null;
  expiresAt: Date | null;
}

/** Stores a token; one whose hash is known already stays as it is. */
export async function insertToken(db: Queryable, token: NewToken): Promise<void> {
  await db.query(
    `INSERT INTO tokens (id, name, role, hash, prefix, app_ids, expires_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (hash) DO NOTHING`,
    [token.id, token.name, token.role, token.hash, token.prefix, token.appIds, token.expiresAt],
  );
}

export async function findToken(db: Queryable, id: string): Promise<TokenRow | null> {
  const { rows } = await db.query<TokenRow>(`SELECT ${COLUMNS} FROM tokens WHERE id = $1`, [id]);
  return rows[0] ?? null;
}

export async function listTokens(db: Queryable): Promise<TokenRow[]> {
  const { rows } = await db.query<TokenRow>(
    `SELECT ${COLUMNS} FROM tokens ORDER BY created_at, id`,
  );
  return rows;
}

export async function revokeToken(db: Queryable, id: string): Promise<void> {
  await db.query('UPDATE tokens SET revoked_at = COALESCE(revoked_at, now()) WHERE id = $1', [id]);
}

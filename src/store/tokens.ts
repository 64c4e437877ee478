import type { Grant, TokenKind } from '../model/grant.ts';
import type { Role } from '../model/role.ts';
import type { Queryable } from './database.ts';

export interface TokenRow {
  id: string;
  name: string;
  kind: TokenKind;
  /** None any more when its apps are deleted. */
  grants: Grant[];
  prefix: string;
  createdAt: Date;
  /** Id of the token that made it; null for the first one. */
  createdBy: string | null;
  expiresAt: Date | null;
  revokedAt: Date | null;
  lastUsedAt: Date | null;
}

interface StoredGrant {
  appId: string | null;
  role: Role | null;
  actions: string[] | null;
}

type StoredToken = Omit<TokenRow, 'grants'> & { grants: StoredGrant[] };

const SELECT = `SELECT t.id, t.name, t.kind, t.prefix, t.created_at AS "createdAt", t.created_by AS "createdBy",
    t.expires_at AS "expiresAt", t.revoked_at AS "revokedAt", t.last_used_at AS "lastUsedAt",
    ARRAY(SELECT jsonb_build_object('appId', app_id, 'role', role, 'actions', actions)
          FROM token_grants WHERE token_id = t.id ORDER BY app_id NULLS FIRST) AS grants
  FROM tokens t`;

/** The token with this hash, also when it is revoked or has expired. */
export async function findTokenByHash(db: Queryable, hash: Buffer): Promise<TokenRow | null> {
  const { rows } = await db.query<StoredToken>(`${SELECT} WHERE t.hash = $1`, [hash]);
  return rows[0] === undefined ? null : toRow(rows[0]);
}

/** The token that has this SSH key, also when it is revoked or has expired. */
export async function findTokenBySshKey(
  db: Queryable,
  fingerprint: string,
): Promise<TokenRow | null> {
  const { rows } = await db.query<StoredToken>(
    `${SELECT} JOIN ssh_keys k ON k.token_id = t.id WHERE k.fingerprint = $1`,
    [fingerprint],
  );
  return rows[0] === undefined ? null : toRow(rows[0]);
}

/** Notes the use of a token, at most once a minute so that reads stay reads. */
export async function touchToken(db: Queryable, id: string): Promise<void> {
  await db.query(
    `UPDATE tokens SET last_used_at = now()
     WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < now() - interval '1 minute')`,
    [id],
  );
}

export interface NewToken extends Pick<
  TokenRow,
  'id' | 'name' | 'kind' | 'grants' | 'prefix' | 'createdBy' | 'expiresAt'
> {
  hash: Buffer;
}

/** Stores a token; one whose hash is known already stays as it is. */
export async function insertToken(db: Queryable, token: NewToken): Promise<void> {
  const { id, name, kind, hash, prefix, createdBy, expiresAt, grants } = token;
  await db.query(
    `WITH made AS (
       INSERT INTO tokens (id, name, kind, hash, prefix, created_by, expires_at)
       VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (hash) DO NOTHING RETURNING id)
     INSERT INTO token_grants (token_id, app_id, role, actions)
     SELECT made.id, "appId", role, actions
     FROM made, jsonb_to_recordset($8) AS g ("appId" text, role text, actions text[])`,
    [id, name, kind, hash, prefix, createdBy, expiresAt, JSON.stringify(grants)],
  );
}

export async function findToken(db: Queryable, id: string): Promise<TokenRow | null> {
  const { rows } = await db.query<StoredToken>(`${SELECT} WHERE t.id = $1`, [id]);
  return rows[0] === undefined ? null : toRow(rows[0]);
}

/** Those of them that there are. */
export async function findTokens(db: Queryable, ids: string[]): Promise<TokenRow[]> {
  const { rows } = await db.query<StoredToken>(`${SELECT} WHERE t.id = ANY ($1)`, [ids]);
  return rows.map(toRow);
}

/** Oldest first: all tokens, or those that are confined to some of the given apps; from behind `after` on. */
export async function listTokens(
  db: Queryable,
  appIds: string[] | null,
  { after, limit }: { after: Pick<TokenRow, 'createdAt' | 'id'> | null; limit: number },
): Promise<TokenRow[]> {
  const { rows } = await db.query<StoredToken>(
    `${SELECT} WHERE ($1::text[] IS NULL OR (
       t.id IN (SELECT token_id FROM token_grants WHERE app_id = ANY ($1))
       AND NOT EXISTS (SELECT FROM token_grants
                       WHERE token_id = t.id AND (app_id IS NULL OR app_id <> ALL ($1)))))
       AND (t.created_at, t.id) > (COALESCE($2::timestamptz, '-infinity'), $3::text)
     ORDER BY t.created_at, t.id LIMIT $4`,
    [appIds, after?.createdAt ?? null, after?.id ?? '', limit],
  );
  return rows.map(toRow);
}

/** Until the end of the transaction, so that two who look which token is the last one do so in turn. */
export async function lockTokens(tx: Queryable): Promise<void> {
  await tx.query('LOCK TABLE tokens IN SHARE ROW EXCLUSIVE MODE');
}

/** Valid tokens with the role admin for the whole platform, but the one. */
export async function countOtherAdmins(db: Queryable, id: string): Promise<number> {
  const { rows } = await db.query<{ count: number }>(
    `SELECT count(*)::int AS count FROM tokens t JOIN token_grants g ON g.token_id = t.id
     WHERE t.id <> $1 AND g.app_id IS NULL AND g.role = 'admin'
       AND t.revoked_at IS NULL AND (t.expires_at IS NULL OR t.expires_at > now())`,
    [id],
  );
  return rows[0]?.count ?? 0;
}

export async function revokeToken(db: Queryable, id: string): Promise<void> {
  await db.query('UPDATE tokens SET revoked_at = COALESCE(revoked_at, now()) WHERE id = $1', [id]);
}

function toRow(token: StoredToken): TokenRow {
  return { ...token, grants: token.grants.flatMap(toGrant) };
}

function toGrant({ appId, role, actions }: StoredGrant): Grant[] {
  if (role !== null) return [{ appId, role }];
  return appId === null || actions === null ? [] : [{ appId, actions }];
}

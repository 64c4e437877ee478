import type { Queryable } from './database.ts';

/** One attempt to carry out the request that a key names. */
export interface Attempt {
  tokenId: string;
  key: string;
  /** Tells it from attempts before and after it. */
  attempt: string;
}

export interface KnownRequest {
  /** sha256 of what was asked for. */
  request: Buffer;
  /** Null while it is carried out, and where nobody knows how that ended. */
  answer: Buffer | null;
  /** Whether somebody still carries it out. */
  isRunning: boolean;
  beganAt: Date;
}

/** An answer is not given again after that. */
const KEPT = "interval '24 hours'";
/** Deleted at a time, by each new one. */
const FORGOTTEN_AT_ONCE = 20;

/**
 * Takes the key for this attempt: one that is new, or older than answers are kept. Otherwise what is known of it; null,
 * and to be tried again, where it has just gone.
 */
export async function takeIdempotencyKey(
  db: Queryable,
  { tokenId, key, attempt }: Attempt,
  { request, leaseMs }: { request: Buffer; leaseMs: number },
): Promise<'taken' | KnownRequest | null> {
  const { rowCount } = await db.query(
    `INSERT INTO idempotency_keys AS k (token_id, key, request, attempt, leased_until)
     VALUES ($1, $2, $3, $4, now() + $5 * interval '1 millisecond')
     ON CONFLICT (token_id, key) DO UPDATE SET request = EXCLUDED.request, answer = NULL,
       attempt = EXCLUDED.attempt, leased_until = EXCLUDED.leased_until, created_at = now()
     WHERE k.created_at < now() - ${KEPT}`,
    [tokenId, key, request, attempt, leaseMs],
  );
  if (rowCount === 1) return 'taken';
  const { rows } = await db.query<KnownRequest>(
    `SELECT request, answer, leased_until > now() AS "isRunning", created_at AS "beganAt"
     FROM idempotency_keys WHERE token_id = $1 AND key = $2`,
    [tokenId, key],
  );
  return rows[0] ?? null;
}

/** False when another attempt has taken its place. */
export async function renewIdempotencyKey(
  db: Queryable,
  { tokenId, key, attempt }: Attempt,
  leaseMs: number,
): Promise<boolean> {
  const { rowCount } = await db.query(
    `UPDATE idempotency_keys SET leased_until = now() + $4 * interval '1 millisecond'
     WHERE token_id = $1 AND key = $2 AND attempt = $3 AND answer IS NULL`,
    [tokenId, key, attempt, leaseMs],
  );
  return rowCount === 1;
}

/** What is answered whenever the request comes again. */
export async function keepAnswer(
  db: Queryable,
  { tokenId, key, attempt }: Attempt,
  answer: Buffer,
): Promise<void> {
  await db.query(
    `UPDATE idempotency_keys SET answer = $4
     WHERE token_id = $1 AND key = $2 AND attempt = $3`,
    [tokenId, key, attempt, answer],
  );
}

/** Nobody carries it out any more, and how it ended is unknown. */
export async function abandonIdempotencyKey(
  db: Queryable,
  { tokenId, key, attempt }: Attempt,
): Promise<void> {
  await db.query(
    `UPDATE idempotency_keys SET leased_until = now()
     WHERE token_id = $1 AND key = $2 AND attempt = $3 AND answer IS NULL`,
    [tokenId, key, attempt],
  );
}

/** Gives back the key of a request that made nothing. */
export async function releaseIdempotencyKey(
  db: Queryable,
  { tokenId, key, attempt }: Attempt,
): Promise<void> {
  await db.query(
    `DELETE FROM idempotency_keys
     WHERE token_id = $1 AND key = $2 AND attempt = $3 AND answer IS NULL`,
    [tokenId, key, attempt],
  );
}

/** Forgets some of those whose time is over, and the oldest of a token's that are more than so many. */
export async function forgetIdempotencyKeys(
  db: Queryable,
  tokenId: string,
  most: number,
): Promise<void> {
  await db.query(
    `DELETE FROM idempotency_keys WHERE (token_id, key) IN (
       SELECT token_id, key FROM idempotency_keys WHERE created_at < now() - ${KEPT}
       ORDER BY created_at LIMIT $1)`,
    [FORGOTTEN_AT_ONCE],
  );
  await db.query(
    `DELETE FROM idempotency_keys WHERE token_id = $1 AND answer IS NOT NULL AND key IN (
       SELECT key FROM idempotency_keys WHERE token_id = $1
       ORDER BY created_at DESC OFFSET $2 LIMIT $3)`,
    [tokenId, most, FORGOTTEN_AT_ONCE],
  );
}

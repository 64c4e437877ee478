import type { SealedKeyColumns } from './certificates.ts';
import type { Queryable } from './database.ts';

/** An account at one certificate authority. */
export interface AcmeAccountRow extends SealedKeyColumns {
  /** Null until the authority has answered. */
  accountUrl: string | null;
}

export async function findAcmeAccount(
  db: Queryable,
  directory: string,
): Promise<AcmeAccountRow | null> {
  const { rows } = await db.query<AcmeAccountRow>(
    `SELECT master_key_id AS "masterKeyId", sealed_key AS "sealedKey", account_url AS "accountUrl"
     FROM acme_accounts WHERE directory = $1`,
    [directory],
  );
  return rows[0] ?? null;
}

/** No harm where there is one already: the key of the first stays. */
export async function insertAcmeAccount(
  db: Queryable,
  account: SealedKeyColumns & { directory: string },
): Promise<void> {
  await db.query(
    `INSERT INTO acme_accounts (directory, master_key_id, sealed_key) VALUES ($1, $2, $3)
     ON CONFLICT DO NOTHING`,
    [account.directory, account.masterKeyId, account.sealedKey],
  );
}

export async function saveAcmeAccountUrl(
  db: Queryable,
  directory: string,
  url: string | null,
): Promise<void> {
  await db.query('UPDATE acme_accounts SET account_url = $2 WHERE directory = $1', [
    directory,
    url,
  ]);
}

export async function listAcmeChallenges<Challenge>(
  db: Queryable,
  name?: string,
): Promise<Challenge[]> {
  const { rows } = await db.query<{ challenge: Challenge }>(
    'SELECT challenge FROM acme_challenges WHERE $1::text IS NULL OR name = $1 ORDER BY id',
    [name ?? null],
  );
  return rows.map(({ challenge }) => challenge);
}

export async function insertAcmeChallenges(
  db: Queryable,
  name: string,
  challenges: readonly unknown[],
): Promise<void> {
  await db.query(
    `INSERT INTO acme_challenges (name, challenge)
     SELECT $1, value FROM jsonb_array_elements($2::jsonb) AS value`,
    [name, JSON.stringify(challenges)],
  );
}

export async function deleteAcmeChallenges(db: Queryable, name: string): Promise<void> {
  await db.query('DELETE FROM acme_challenges WHERE name = $1', [name]);
}

/** When certificates were ordered of an authority for a registered domain, since a moment. */
export async function listIssuances(
  db: Queryable,
  { directory, registeredDomain }: { directory: string; registeredDomain: string },
  since: Date,
): Promise<Date[]> {
  const { rows } = await db.query<{ orderedAt: Date }>(
    `SELECT ordered_at AS "orderedAt" FROM acme_issuances
     WHERE directory = $1 AND registered_domain = $2 AND ordered_at > $3`,
    [directory, registeredDomain, since],
  );
  return rows.map(({ orderedAt }) => orderedAt);
}

/** Counts an order; answers with what takes it back. */
export async function insertIssuance(
  db: Queryable,
  issuance: { directory: string; registeredDomain: string; orderedAt: Date },
): Promise<string> {
  const { rows } = await db.query<{ id: string }>(
    `INSERT INTO acme_issuances (directory, registered_domain, ordered_at) VALUES ($1, $2, $3)
     RETURNING id`,
    [issuance.directory, issuance.registeredDomain, issuance.orderedAt],
  );
  return rows[0]?.id ?? '';
}

export async function deleteIssuances(db: Queryable, ids: readonly string[]): Promise<void> {
  await db.query('DELETE FROM acme_issuances WHERE id = ANY($1::bigint[])', [ids]);
}

/** Those that count no more. */
export async function forgetIssuances(db: Queryable, before: Date): Promise<void> {
  await db.query('DELETE FROM acme_issuances WHERE ordered_at < $1', [before]);
}

/** One order at a time is weighed for a registered domain; held until the transaction ends. */
export async function lockBudget(tx: Queryable, registeredDomain: string): Promise<void> {
  await tx.query("SELECT pg_advisory_xact_lock(hashtextextended('acme budget ' || $1, 0))", [
    registeredDomain,
  ]);
}

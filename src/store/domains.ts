import { isWildcard, wildcardAbove } from '../model/domain.ts';
import type {
  DomainPointing,
  DomainProof,
  DomainReport,
  DomainState,
  OtherClaim,
} from '../model/domain.ts';
import type { SnapshotDomain } from '../protocol/snapshot.ts';
import type { Database, Queryable } from './database.ts';

export interface Domain {
  appId: string;
  name: string;
  state: DomainState;
  /** Full ref of the branch or tag that it serves; null for production. */
  targetRef: string | null;
  /** Another domain of the app. */
  redirectTo: string | null;
  proof: DomainProof | null;
  /** Null before the first look into DNS. */
  report: DomainReport | null;
  checkedAt: Date | null;
  /** Null when it is looked at only on request. */
  nextCheckAt: Date | null;
  failedChecks: number;
  createdAt: Date;
  createdBy: string | null;
  verifiedAt: Date | null;
}

export interface DomainSettings {
  name: string;
  targetRef: string | null;
  redirectTo: string | null;
  /** Id of a token; null for what fn.json says. */
  createdBy: string | null;
}

export const DOMAIN_COLUMNS = `app_id AS "appId", name, state, target_ref AS "targetRef", redirect_to AS "redirectTo", proof,
  report, checked_at AS "checkedAt", next_check_at AS "nextCheckAt", failed_checks AS "failedChecks",
  created_at AS "createdAt", created_by AS "createdBy", verified_at AS "verifiedAt"`;

/** Of an app; the oldest ones beyond are forgotten. */
const MAX_REMOVED_DOMAINS = 1_000;
/** SQLSTATE unique_violation. */
const NOT_UNIQUE = '23505';

/** Those that the app has, by name. */
export async function listDomains(db: Queryable, appId: string): Promise<Domain[]> {
  const { rows } = await db.query<Domain>(
    `SELECT ${DOMAIN_COLUMNS} FROM domains WHERE app_id = $1 AND state <> 'removed' ORDER BY name`,
    [appId],
  );
  return rows;
}

/** Null for one that the app has not, or no more. */
export async function findDomain(
  db: Queryable,
  appId: string,
  name: string,
): Promise<Domain | null> {
  const { rows } = await db.query<Domain>(
    `SELECT ${DOMAIN_COLUMNS} FROM domains WHERE app_id = $1 AND name = $2 AND state <> 'removed'`,
    [appId, name],
  );
  return rows[0] ?? null;
}

/** What other apps have, or had, of the name and of the wildcard above it. */
export async function listOtherClaims(
  db: Queryable,
  appId: string,
  name: string,
): Promise<OtherClaim[]> {
  const names = isWildcard(name) ? [name] : [name, wildcardAbove(name)];
  const { rows } = await db.query<{ name: string; isVerified: boolean; removedAt: Date | null }>(
    `SELECT name, state = 'verified' AS "isVerified", removed_at AS "removedAt" FROM domains
     WHERE app_id <> $1 AND name = ANY ($2) AND (state = 'verified' OR removed_at IS NOT NULL)`,
    [appId, names],
  );
  return rows.map((row) => ({
    name: row.name,
    state: row.isVerified ? 'verified' : 'removed',
    removedAt: row.removedAt?.getTime() ?? null,
  }));
}

/**
 * Adds a domain, or changes what one that the app has leads to. Null, and nothing changed, when the app has `limit` of
 * them already.
 */
export async function saveDomain(
  db: Database,
  appId: string,
  { settings, limit, now }: { settings: DomainSettings; limit: number; now: Date },
): Promise<Domain | null> {
  const { name, targetRef, redirectTo, createdBy } = settings;
  return db.transaction(async (tx) => {
    // One at a time, or two could pass the limit together.
    await tx.query('SELECT FROM apps WHERE id = $1 FOR UPDATE', [appId]);
    const { rows: others } = await tx.query<{ count: number }>(
      `SELECT count(*)::int AS count FROM domains
       WHERE app_id = $1 AND name <> $2 AND state <> 'removed'`,
      [appId, name],
    );
    if ((others[0]?.count ?? 0) >= limit) return null;
    const { rows } = await tx.query<Domain>(
      `INSERT INTO domains AS d
         (app_id, name, state, target_ref, redirect_to, created_by, created_at, next_check_at)
       VALUES ($1, $2, 'pending', $3, $4, $5, $6, $6)
       ON CONFLICT (app_id, name) DO UPDATE SET
         state = CASE d.state WHEN 'removed' THEN 'pending' ELSE d.state END,
         target_ref = EXCLUDED.target_ref,
         redirect_to = EXCLUDED.redirect_to,
         next_check_at = EXCLUDED.next_check_at,
         failed_checks = 0
       RETURNING ${DOMAIN_COLUMNS}`,
      [appId, name, targetRef, redirectTo, createdBy, now],
    );
    return rows[0] ?? null;
  });
}

export interface CheckedDomain {
  report: DomainReport;
  checkedAt: Date;
  nextCheckAt: Date | null;
  failedChecks: number;
}

/**
 * Notes what a look into DNS saw; a pending domain whose report has a proof is verified by it. Null, and nothing
 * changed, when it was removed meanwhile, or another app was verified first.
 */
export async function recordCheck(
  db: Queryable,
  { appId, name }: Pick<Domain, 'appId' | 'name'>,
  { report, checkedAt, nextCheckAt, failedChecks }: CheckedDomain,
): Promise<Domain | null> {
  const isProved = report.proof !== null;
  try {
    const { rows } = await db.query<Domain>(
      `UPDATE domains SET report = $3, checked_at = $4, next_check_at = $5, failed_checks = $6,
         state = CASE WHEN $7 THEN 'verified' ELSE state END,
         removed_at = CASE WHEN $7 THEN NULL ELSE removed_at END,
         verified_at = CASE WHEN $7 AND state = 'pending' THEN $4 ELSE verified_at END,
         proof = COALESCE($8, proof)
       WHERE app_id = $1 AND name = $2 AND state <> 'removed'
       RETURNING ${DOMAIN_COLUMNS}`,
      [appId, name, report, checkedAt, nextCheckAt, failedChecks, isProved, report.proof],
    );
    return rows[0] ?? null;
  } catch (error) {
    if ((error as { code?: unknown }).code === NOT_UNIQUE) return null;
    throw error;
  }
}

export interface RemovedDomain {
  domain: Domain;
  /** Domains that answered in its stead with a redirect to it; they serve what they lead to themselves now. */
  redirects: string[];
}

/** Takes a domain from its app; null when the app has none of the name. */
export async function removeDomain(
  db: Database,
  { appId, name }: Pick<Domain, 'appId' | 'name'>,
  now: Date,
): Promise<RemovedDomain | null> {
  return db.transaction(async (tx) => {
    const domain = await findDomain(tx, appId, name);
    if (domain === null) return null;
    await tx.query(`DELETE FROM domains WHERE app_id = $1 AND name = $2 AND verified_at IS NULL`, [
      appId,
      name,
    ]);
    await tx.query(
      `UPDATE domains SET state = 'removed', removed_at = $3, next_check_at = NULL
       WHERE app_id = $1 AND name = $2 AND state <> 'removed'`,
      [appId, name, now],
    );
    await forgetOldest(tx, appId);
    const { rows } = await tx.query<{ name: string }>(
      `UPDATE domains SET redirect_to = NULL WHERE app_id = $1 AND redirect_to = $2
         AND state <> 'removed' RETURNING name`,
      [appId, name],
    );
    return { domain, redirects: rows.map((row) => row.name).sort() };
  });
}

async function forgetOldest(tx: Queryable, appId: string): Promise<void> {
  await tx.query(
    `DELETE FROM domains WHERE app_id = $1 AND name IN (
       SELECT name FROM domains WHERE app_id = $1 AND state = 'removed'
       ORDER BY removed_at DESC OFFSET $2)`,
    [appId, MAX_REMOVED_DOMAINS],
  );
}

/** Those whose time for a look into DNS has come, the longest waiting first. */
export async function listDueDomains(
  db: Queryable,
  now: Date,
  limit: number,
): Promise<(Domain & { appName: string })[]> {
  const { rows } = await db.query<Domain & { appName: string }>(
    `SELECT d.*, a.name AS "appName" FROM (
       SELECT ${DOMAIN_COLUMNS} FROM domains WHERE state <> 'removed' AND next_check_at <= $1
       ORDER BY next_check_at LIMIT $2) d
     JOIN apps a ON a.id = d."appId" ORDER BY d."nextCheckAt"`,
    [now, limit],
  );
  return rows;
}

/** All that are verified, of all apps: what there are certificates for. */
export async function listVerifiedDomains(
  db: Queryable,
): Promise<Pick<Domain, 'appId' | 'name' | 'redirectTo' | 'report'>[]> {
  const { rows } = await db.query<Domain>(
    `SELECT ${DOMAIN_COLUMNS} FROM domains WHERE state = 'verified' ORDER BY verified_at, name`,
  );
  return rows;
}

export interface StrayDomain extends Pick<Domain, 'name' | 'appId'> {
  pointing: DomainPointing;
}

/** Verified domains that did not lead here when DNS was last asked, of all apps; at most so many. */
export async function listStrayDomains(db: Queryable, limit: number): Promise<StrayDomain[]> {
  const { rows } = await db.query<StrayDomain>(
    `SELECT name, app_id AS "appId", report->>'pointing' AS pointing FROM domains
     WHERE state = 'verified' AND report->>'pointing' IN ('elsewhere', 'nowhere')
     ORDER BY name LIMIT $1`,
    [limit],
  );
  return rows;
}

/**
 * What the data plane is told of the verified domains, by app name. One whose branch or tag is gone is left out; a
 * redirect to a name that is not verified yet would lead nowhere.
 */
export async function readSnapshotDomains(db: Queryable): Promise<Map<string, SnapshotDomain[]>> {
  const { rows } = await db.query<SnapshotDomain & { appName: string }>(
    `SELECT a.name AS "appName", d.name, s.slug AS target, other.name AS "redirectTo"
     FROM domains d
     JOIN apps a ON a.id = d.app_id
     LEFT JOIN ref_slugs s ON s.app_id = d.app_id AND s.ref = d.target_ref
     LEFT JOIN domains other
       ON other.app_id = d.app_id AND other.name = d.redirect_to AND other.state = 'verified'
     WHERE d.state = 'verified'
       AND (d.target_ref IS NULL OR s.slug IS NOT NULL OR other.name IS NOT NULL)
     ORDER BY d.name`,
  );
  const byApp = new Map<string, SnapshotDomain[]>();
  for (const { appName, ...domain } of rows) {
    byApp.set(appName, [...(byApp.get(appName) ?? []), domain]);
  }
  return byApp;
}

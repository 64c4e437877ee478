import type { Queryable } from './database.ts';

/** The slug that a ref owns, or null. */
export async function findSlug(db: Queryable, appId: string, ref: string): Promise<string | null> {
  const { rows } = await db.query<{ slug: string }>(
    'SELECT slug FROM ref_slugs WHERE app_id = $1 AND ref = $2',
    [appId, ref],
  );
  return rows[0]?.slug ?? null;
}

/** The slugs of all refs of an app that have one. */
export async function mapSlugs(db: Queryable, appId: string): Promise<Map<string, string>> {
  const { rows } = await db.query<{ ref: string; slug: string }>(
    'SELECT ref, slug FROM ref_slugs WHERE app_id = $1',
    [appId],
  );
  return new Map(rows.map((row) => [row.ref, row.slug]));
}

/** Claims a slug for a ref; false when another ref (or another push of this one) was quicker. */
export async function claimSlug(
  db: Queryable,
  appId: string,
  claim: { ref: string; slug: string },
): Promise<boolean> {
  const { rowCount } = await db.query(
    'INSERT INTO ref_slugs (app_id, ref, slug) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING',
    [appId, claim.ref, claim.slug],
  );
  return rowCount === 1;
}

/** Gives up a ref's slug, whatever stands on it. */
export async function releaseSlug(db: Queryable, appId: string, ref: string): Promise<void> {
  await db.query('DELETE FROM ref_slugs WHERE app_id = $1 AND ref = $2', [appId, ref]);
}

/** Of a ref that never came to be, and that no deployment counts on. */
const IS_UNUSED = `NOT EXISTS (SELECT FROM recorded_refs r WHERE r.app_id = s.app_id AND r.ref = s.ref)
  AND NOT EXISTS (SELECT FROM deployments d WHERE d.app_id = s.app_id AND d.ref = s.ref
    AND d.slug = s.slug AND d.state IN ('queued', 'building', 'warming', 'live'))`;

/** Gives up the slug of a ref that never came to be, unless another deployment of the ref counts on it. */
export async function releaseUnusedSlug(db: Queryable, appId: string, ref: string): Promise<void> {
  await db.query(`DELETE FROM ref_slugs s WHERE s.app_id = $1 AND s.ref = $2 AND ${IS_UNUSED}`, [
    appId,
    ref,
  ]);
}

/** All such. One that a push has claimed and not yet written a deployment for is claimed again by its release. */
export async function releaseUnusedSlugs(db: Queryable): Promise<void> {
  await db.query(`DELETE FROM ref_slugs s WHERE ${IS_UNUSED}`, []);
}

export interface RecordedRef {
  ref: string;
  sha: string;
}

/** Notes that a push of a ref has been released. */
export async function recordRef(
  db: Queryable,
  appId: string,
  push: { ref: string; sha: string; pushId: string },
): Promise<void> {
  await db.query(
    `INSERT INTO recorded_refs (app_id, ref, sha, push_id) VALUES ($1, $2, $3, $4)
     ON CONFLICT (app_id, ref)
     DO UPDATE SET sha = EXCLUDED.sha, push_id = EXCLUDED.push_id, recorded_at = now()`,
    [appId, push.ref, push.sha, push.pushId],
  );
}

export async function forgetRef(db: Queryable, appId: string, ref: string): Promise<void> {
  await db.query('DELETE FROM recorded_refs WHERE app_id = $1 AND ref = $2', [appId, ref]);
}

/** The commit of the ref's last released push. */
export async function findRecordedSha(
  db: Queryable,
  appId: string,
  ref: string,
): Promise<string | null> {
  const { rows } = await db.query<{ sha: string }>(
    'SELECT sha FROM recorded_refs WHERE app_id = $1 AND ref = $2',
    [appId, ref],
  );
  return rows[0]?.sha ?? null;
}

export async function listRecordedRefs(db: Queryable, appId: string): Promise<RecordedRef[]> {
  const { rows } = await db.query<RecordedRef>(
    'SELECT ref, sha FROM recorded_refs WHERE app_id = $1',
    [appId],
  );
  return rows;
}

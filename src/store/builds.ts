import type { ServedFunction } from '../model/served.ts';
import type { Queryable } from './database.ts';

/** The bundle that a build key came out as, or null when it was never built. */
export async function findBuild(db: Queryable, appId: string, key: string): Promise<string | null> {
  const { rows } = await db.query<{ bundle: string }>(
    'SELECT bundle FROM builds WHERE app_id = $1 AND key = $2',
    [appId, key],
  );
  return rows[0]?.bundle ?? null;
}

export interface BundleRow {
  hash: string;
  functions: ServedFunction[];
  bytes: number;
  hasPublicFiles: boolean;
}

/** Stores a bundle's row; no harm when it is known. */
export async function recordBundle(db: Queryable, appId: string, bundle: BundleRow): Promise<void> {
  await db.query(
    `INSERT INTO bundles (app_id, hash, functions, bytes, has_public_files)
     VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING`,
    [appId, bundle.hash, JSON.stringify(bundle.functions), bundle.bytes, bundle.hasPublicFiles],
  );
}

/** Notes what a build key came out as. */
export async function recordBuild(
  db: Queryable,
  appId: string,
  build: { key: string; bundle: string },
): Promise<void> {
  await db.query(
    `INSERT INTO builds (app_id, key, bundle) VALUES ($1, $2, $3)
     ON CONFLICT (app_id, key) DO UPDATE SET bundle = EXCLUDED.bundle`,
    [appId, build.key, build.bundle],
  );
}

export async function findBundle(
  db: Queryable,
  appId: string,
  hash: string,
): Promise<BundleRow | null> {
  const { rows } = await db.query<Omit<BundleRow, 'bytes'> & { bytes: string }>(
    `SELECT hash, functions, bytes, has_public_files AS "hasPublicFiles"
     FROM bundles WHERE app_id = $1 AND hash = $2`,
    [appId, hash],
  );
  const row = rows[0];
  // node-postgres gives bigint as text, so as not to lose digits; a bundle's size has few.
  return row === undefined ? null : { ...row, bytes: Number(row.bytes) };
}

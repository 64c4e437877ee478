import type { ServedFunction } from '../model/served.ts';
import type { BuildInputs } from '../protocol/builder.ts';
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
  /** What it was built for. */
  runtime: string;
}

/** Stores a bundle's row; no harm when it is known. */
export async function recordBundle(db: Queryable, appId: string, bundle: BundleRow): Promise<void> {
  await db.query(
    `INSERT INTO bundles (app_id, hash, functions, bytes, has_public_files, runtime)
     VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING`,
    [
      appId,
      bundle.hash,
      JSON.stringify(bundle.functions),
      bundle.bytes,
      bundle.hasPublicFiles,
      bundle.runtime,
    ],
  );
}

interface BuildRow {
  key: string;
  bundle: string;
  inputs: BuildInputs | null;
  /** The version of the builder that made it. */
  builder: string;
}

/**
 * Notes what a build key came out as, and what it was made from. Earlier builds of the app lose the latter, which only
 * the newest is asked for: a large repository has some megabytes of it.
 */
export async function recordBuild(db: Queryable, appId: string, build: BuildRow): Promise<void> {
  const { key, bundle, inputs, builder } = build;
  await db.query(
    `INSERT INTO builds (app_id, key, bundle, inputs, builder) VALUES ($1, $2, $3, $4, $5)
     ON CONFLICT (app_id, key) DO UPDATE SET bundle = EXCLUDED.bundle,
       inputs = EXCLUDED.inputs, builder = EXCLUDED.builder, created_at = now()`,
    [appId, key, bundle, inputs === null ? null : JSON.stringify(inputs), builder],
  );
  if (inputs === null) return;
  // Rows that another build of the app writes right now are left to the next one: neither waits for the other.
  await db.query(
    `UPDATE builds SET inputs = NULL
     WHERE app_id = $1 AND key IN (
       SELECT key FROM builds WHERE app_id = $1 AND key <> $2 AND inputs IS NOT NULL
       FOR UPDATE SKIP LOCKED)`,
    [appId, key],
  );
}

/** The app's newest build by that version of the builder, when it is known what it was made from. */
export async function findLastBuild(
  db: Queryable,
  appId: string,
  builder: string,
): Promise<{ bundle: string; inputs: BuildInputs } | null> {
  const { rows } = await db.query<{ bundle: string; inputs: BuildInputs }>(
    `SELECT bundle, inputs FROM builds
     WHERE app_id = $1 AND builder = $2 AND inputs IS NOT NULL
     ORDER BY created_at DESC LIMIT 1`,
    [appId, builder],
  );
  return rows[0] ?? null;
}

export async function findBundle(
  db: Queryable,
  appId: string,
  hash: string,
): Promise<BundleRow | null> {
  const { rows } = await db.query<Omit<BundleRow, 'bytes'> & { bytes: string }>(
    `SELECT hash, functions, bytes, has_public_files AS "hasPublicFiles", runtime
     FROM bundles WHERE app_id = $1 AND hash = $2`,
    [appId, hash],
  );
  const row = rows[0];
  // node-postgres gives bigint as text, so as not to lose digits; a bundle's size has few.
  return row === undefined ? null : { ...row, bytes: Number(row.bytes) };
}

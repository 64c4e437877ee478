import type { Scope, ValueKind } from '../model/environment.ts';
import type { Queryable } from './database.ts';

/** A value as it is stored. */
export interface EnvironmentRow {
  name: string;
  scope: Scope;
  /** The version that set it. */
  since: number;
  kind: ValueKind;
  isBuild: boolean;
  sealed: Buffer;
  setAt: Date;
  /** Name of the token that set it; null when that is not known. */
  setBy: string | null;
}

/** The app's newest environment version; 0 while it never had a value. */
export async function findEnvironmentVersion(db: Queryable, appId: string): Promise<number> {
  const { rows } = await db.query<{ version: number }>(
    'SELECT environment_version AS version FROM apps WHERE id = $1',
    [appId],
  );
  return rows[0]?.version ?? 0;
}

/** The same, and nobody else changes the environment until the transaction ends. */
export async function lockEnvironment(tx: Queryable, appId: string): Promise<number> {
  const { rows } = await tx.query<{ version: number }>(
    'SELECT environment_version AS version FROM apps WHERE id = $1 FOR NO KEY UPDATE',
    [appId],
  );
  return rows[0]?.version ?? 0;
}

/** The values that hold at a version. */
export async function listEnvironment(
  db: Queryable,
  appId: string,
  version: number,
): Promise<EnvironmentRow[]> {
  const { rows } = await db.query<EnvironmentRow>(
    `SELECT v.name, v.scope, v.since_version AS since, v.kind, v.is_build AS "isBuild", v.sealed,
       e.created_at AS "setAt", t.name AS "setBy"
     FROM environment_values v
     JOIN environment_versions e ON e.app_id = v.app_id AND e.version = v.since_version
     LEFT JOIN tokens t ON t.id = e.created_by
     WHERE v.app_id = $1 AND v.since_version <= $2
       AND (v.until_version IS NULL OR v.until_version > $2)
     ORDER BY v.name, v.scope`,
    [appId, version],
  );
  return rows;
}

/** Adds the next version and makes it the app's newest. */
export async function insertEnvironmentVersion(
  tx: Queryable,
  appId: string,
  row: { version: number; createdBy: string | null; restoredFrom: number | null },
): Promise<void> {
  await tx.query(
    `INSERT INTO environment_versions (app_id, version, restored_from, created_by)
     VALUES ($1, $2, $3, $4)`,
    [appId, row.version, row.restoredFrom, row.createdBy],
  );
  await tx.query('UPDATE apps SET environment_version = $2 WHERE id = $1', [appId, row.version]);
}

/** The value holds no longer from that version on. */
export async function endEnvironmentValue(
  tx: Queryable,
  appId: string,
  value: { name: string; scope: Scope; version: number },
): Promise<void> {
  await tx.query(
    `UPDATE environment_values SET until_version = $4
     WHERE app_id = $1 AND name = $2 AND scope = $3 AND until_version IS NULL`,
    [appId, value.name, value.scope, value.version],
  );
}

export async function insertEnvironmentValue(
  tx: Queryable,
  appId: string,
  row: Pick<EnvironmentRow, 'name' | 'scope' | 'since' | 'kind' | 'isBuild' | 'sealed'>,
): Promise<void> {
  await tx.query(
    `INSERT INTO environment_values (app_id, name, scope, since_version, kind, is_build, sealed)
     VALUES ($1, $2, $3, $4, $5, $6, $7)`,
    [appId, row.name, row.scope, row.since, row.kind, row.isBuild, row.sealed],
  );
}

/** What one version changed. */
export interface EnvironmentVersionRow {
  version: number;
  createdAt: Date;
  createdBy: string | null;
  restoredFrom: number | null;
  set: { name: string; scope: Scope }[];
  unset: { name: string; scope: Scope }[];
}

/** The newest versions first. */
export async function listEnvironmentVersions(
  db: Queryable,
  appId: string,
  { below, limit }: { below: number | null; limit: number },
): Promise<EnvironmentVersionRow[]> {
  const { rows } = await db.query<EnvironmentVersionRow>(
    `SELECT e.version, e.created_at AS "createdAt", t.name AS "createdBy",
       e.restored_from AS "restoredFrom",
       (SELECT coalesce(jsonb_agg(jsonb_build_object('name', v.name, 'scope', v.scope)
          ORDER BY v.name, v.scope), '[]')
        FROM environment_values v
        WHERE v.app_id = e.app_id AND v.since_version = e.version) AS set,
       (SELECT coalesce(jsonb_agg(jsonb_build_object('name', v.name, 'scope', v.scope)
          ORDER BY v.name, v.scope), '[]')
        FROM environment_values v
        WHERE v.app_id = e.app_id AND v.until_version = e.version AND NOT EXISTS (
          SELECT FROM environment_values n WHERE n.app_id = v.app_id AND n.name = v.name
            AND n.scope = v.scope AND n.since_version = e.version)) AS unset
     FROM environment_versions e LEFT JOIN tokens t ON t.id = e.created_by
     WHERE e.app_id = $1 AND ($2::float8 IS NULL OR e.version < $2)
     ORDER BY e.version DESC LIMIT $3`,
    [appId, below, limit],
  );
  return rows;
}

/** Which deployments run with values that are not the app's newest. */
import type { Queryable } from './database.ts';
import { COLUMNS, type Deployment } from './deployments.ts';

/** A value of one of the scopes was set or unset after the version that the deployment runs with. */
const HAS_CHANGED = `EXISTS (SELECT FROM environment_values v WHERE v.app_id = d.app_id
  AND (v.since_version > d.env_version OR v.until_version > d.env_version)`;

export async function isProductionBehind(db: Queryable, live: { id: string }): Promise<boolean> {
  const { rows } = await db.query(
    `SELECT FROM deployments d WHERE d.id = $1
       AND ${HAS_CHANGED} AND v.scope IN ('all', 'production'))`,
    [live.id],
  );
  return rows.length > 0;
}

/** Live previews of branches, tags and commits that values were changed for. */
export async function listPreviewsBehind(db: Queryable, appId: string): Promise<Deployment[]> {
  const { rows } = await db.query<Deployment>(
    `SELECT ${COLUMNS} FROM deployments d
     WHERE d.app_id = $1 AND d.state = 'live' AND d.kind <> 'production' AND ${HAS_CHANGED}
       AND (v.scope IN ('all', 'preview')
         OR d.kind = 'branch' AND 'refs/heads/' || substr(v.scope, 8) = d.ref))
     ORDER BY d.kind, d.created_at DESC`,
    [appId],
  );
  return rows;
}

export async function setEnvironmentVersion(
  db: Queryable,
  ids: string[],
  version: number,
): Promise<void> {
  await db.query('UPDATE deployments SET env_version = $2 WHERE id = ANY ($1)', [ids, version]);
}

/** Why the same bundle did not start with this environment version before; null when that was not tried. */
export async function findFailedEnvironment(
  db: Queryable,
  { like, version }: { like: Deployment; version: number },
): Promise<string | null> {
  const { rows } = await db.query<{ reason: string }>(
    `SELECT reason FROM deployments
     WHERE app_id = $1 AND bundle = $2 AND env_version = $3 AND trigger = 'environment'
       AND state = 'failed' AND reason NOT LIKE 'interrupted%'
     ORDER BY created_at DESC LIMIT 1`,
    [like.appId, like.bundle, version],
  );
  return rows[0]?.reason ?? null;
}

/** Everything that workers may start for, with the app's name; nothing of an app that goes. */
export async function listLive(db: Queryable): Promise<(Deployment & { appName: string })[]> {
  const { rows } = await db.query<Deployment & { appName: string }>(
    `SELECT d.*, a.name AS "appName" FROM (SELECT ${COLUMNS} FROM deployments WHERE state = 'live') d
     JOIN apps a ON a.id = d."appId" AND a.state <> 'deleting'`,
  );
  return rows;
}

/** What an app serves on its branches, on its tags and in production; commit hosts have the same code. */
export async function listLiveOfApp(db: Queryable, appId: string): Promise<Deployment[]> {
  const { rows } = await db.query<Deployment>(
    `SELECT ${COLUMNS} FROM deployments WHERE app_id = $1 AND state = 'live' AND kind <> 'commit'`,
    [appId],
  );
  return rows;
}

import type { ServedFunction } from '../model/served.ts';
import { newFunctionId } from '../std/ids.ts';
import type { Queryable } from './database.ts';

/** A function that production serves. */
export interface FunctionRow {
  /** Stays as long as the app has a function of the name, and also while it has none for a while. */
  id: string;
  appId: string;
  appName: string;
  productionRef: string | null;
  appCreatedAt: Date;
  /** Within the app. */
  name: string;
  /** `typescript` for what is built from it; else what its bundle was built for. */
  runtime: string;
  /** How many functions production of the app has. */
  siblings: number;
  settings: ServedFunction;
  createdAt: Date;
  deploymentId: string;
  version: number;
  /** Full SHA. */
  commit: string;
  /** When what serves went live. */
  liveAt: Date;
}

export interface FunctionFilter {
  /** Null for all apps. */
  appIds: string[] | null;
  appName?: string;
  runtime?: string;
  /** Part of the name of the app or of the function. */
  search?: string;
}

const RUNTIME = `CASE WHEN f.value ->> 'entry' ~ '\\.[cm]?tsx?$' THEN 'typescript' ELSE b.runtime END`;

const SELECT = `
  SELECT fn.id, fn.app_id AS "appId", a.name AS "appName",
    a.production_ref AS "productionRef", a.created_at AS "appCreatedAt", fn.name, ${RUNTIME} AS runtime,
    jsonb_array_length(b.functions) AS siblings, f.value AS settings, fn.created_at AS "createdAt",
    d.id AS "deploymentId", d.version, d.commit_sha AS commit, d.live_at AS "liveAt"
  FROM functions fn
  JOIN apps a ON a.id = fn.app_id
  JOIN routes r ON r.app_id = fn.app_id AND r.kind = 'production'
  JOIN deployments d ON d.id = r.deployment_id
  JOIN bundles b ON b.app_id = d.app_id AND b.hash = d.bundle
  CROSS JOIN LATERAL jsonb_array_elements(b.functions) f
  WHERE f.value ->> 'name' = fn.name AND a.state = 'ready'`;

/** Gives each function of a deployment an id that has none yet. */
export async function recordFunctions(
  db: Queryable,
  appId: string,
  deploymentId: string,
): Promise<void> {
  const { rows } = await db.query<{ name: string }>(
    `SELECT f.value ->> 'name' AS name FROM deployments d
     JOIN bundles b ON b.app_id = d.app_id AND b.hash = d.bundle
     CROSS JOIN LATERAL jsonb_array_elements(b.functions) f
     WHERE d.id = $1 AND NOT EXISTS (
       SELECT FROM functions fn WHERE fn.app_id = d.app_id AND fn.name = f.value ->> 'name')`,
    [deploymentId],
  );
  if (rows.length === 0) return;
  await db.query(
    `INSERT INTO functions (id, app_id, name)
     SELECT given.id, $1, given.name FROM unnest($2::text[], $3::text[]) AS given (id, name)
     ON CONFLICT DO NOTHING`,
    [appId, rows.map(() => newFunctionId()), rows.map(({ name }) => name)],
  );
}

/** Null for one that production does not have. */
export async function findFunction(db: Queryable, id: string): Promise<FunctionRow | null> {
  const { rows } = await db.query<FunctionRow>(`${SELECT} AND fn.id = $1`, [id]);
  return rows[0] ?? null;
}

/** Those that production of the app has, by name. */
export async function listFunctionsOfApp(db: Queryable, appName: string): Promise<FunctionRow[]> {
  const { rows } = await db.query<FunctionRow>(`${SELECT} AND a.name = $1 ORDER BY fn.name`, [
    appName,
  ]);
  return rows;
}

/** A version of a function, and the deployment that would run it. */
export type RunnableVersion = Pick<FunctionRow, 'deploymentId' | 'version' | 'settings'>;

/**
 * Those of one function that something is routed to, the newest first: a version itself, or else the deployment of the
 * same commit and bundle that the commit's own host serves.
 */
export async function listRunnableVersions(
  db: Queryable,
  { appId, name }: Pick<FunctionRow, 'appId' | 'name'>,
): Promise<RunnableVersion[]> {
  const { rows } = await db.query<RunnableVersion>(
    `SELECT DISTINCT ON (d.version) routed.id AS "deploymentId", d.version, f.value AS settings
     FROM deployments d
     JOIN bundles b ON b.app_id = d.app_id AND b.hash = d.bundle
     JOIN deployments routed ON routed.app_id = d.app_id AND routed.commit_sha = d.commit_sha
       AND routed.bundle = d.bundle
     JOIN routes r ON r.deployment_id = routed.id
     CROSS JOIN LATERAL jsonb_array_elements(b.functions) f
     WHERE d.app_id = $1 AND d.version IS NOT NULL AND d.live_at IS NOT NULL
       AND (routed.id = d.id OR r.kind = 'commit') AND f.value ->> 'name' = $2
     ORDER BY d.version DESC, routed.id = d.id DESC`,
    [appId, name],
  );
  return rows;
}

/** By app and name, from behind `after` on. */
export async function listFunctions(
  db: Queryable,
  { appIds, appName, runtime, search }: FunctionFilter,
  { after, limit }: { after: readonly [appName: string, name: string] | null; limit: number },
): Promise<FunctionRow[]> {
  const { rows } = await db.query<FunctionRow>(
    `${SELECT}
       AND ($1::text[] IS NULL OR fn.app_id = ANY ($1))
       AND ($2::text IS NULL OR a.name = $2)
       AND ($3::text IS NULL OR ${RUNTIME} = $3)
       AND ($4::text IS NULL OR strpos(a.name, $4) > 0 OR strpos(fn.name, $4) > 0)
       AND ($5::text IS NULL OR (a.name, fn.name) > ($5, $6))
     ORDER BY a.name, fn.name LIMIT $7`,
    [
      appIds,
      appName ?? null,
      runtime ?? null,
      search?.toLowerCase() ?? null,
      after?.[0] ?? null,
      after?.[1] ?? null,
      limit,
    ],
  );
  return rows;
}

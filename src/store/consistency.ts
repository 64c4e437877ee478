/** What the rows of all apps say of deployments, routes, refs and bundles, for whoever compares them. */
import type { DeploymentState } from '../model/deployment.ts';
import type { Database, Queryable } from './database.ts';
import { COLUMNS, type Deployment } from './deployments.ts';
import type { RouteTarget } from './routes.ts';

/** As they were at one moment. */
export interface StoredFacts {
  /** Neither those that are being made nor those that go. */
  apps: { id: string; name: string; productionRef: string | null }[];
  /** Every app there is a row of. */
  appIds: string[];
  /** Those that serve, are under way or drain; and those that have failed and do not say why. */
  deployments: StoredDeployment[];
  routes: StoredRoute[];
  slugs: { appId: string; ref: string; slug: string }[];
  recordedRefs: { appId: string; ref: string; sha: string }[];
  bundles: { appId: string; hash: string }[];
  /** Names of functions that production of an app serves and that have no row. */
  missingFunctions: { appId: string; name: string }[];
}

export interface StoredDeployment extends Pick<
  Deployment,
  'id' | 'appId' | 'version' | 'kind' | 'ref' | 'slug' | 'commit' | 'bundle' | 'state' | 'reason'
> {
  /** Since it was replaced; null before. */
  endedForMs: number | null;
}

export interface StoredRoute extends RouteTarget {
  appId: string;
  deploymentId: string;
  /** Of its deployment, whatever state that is in. */
  state: DeploymentState;
}

const DEPLOYMENTS = `SELECT ${COLUMNS}, extract(epoch FROM now() - ended_at)::float8 * 1000 AS "endedForMs"
  FROM deployments
  WHERE state IN ('queued', 'building', 'warming', 'live', 'draining')
    OR state = 'failed' AND coalesce(reason, '') = ''`;

const MISSING_FUNCTIONS = `SELECT r.app_id AS "appId", f.value ->> 'name' AS name
  FROM routes r
  JOIN deployments d ON d.id = r.deployment_id
  JOIN bundles b ON b.app_id = d.app_id AND b.hash = d.bundle
  CROSS JOIN LATERAL jsonb_array_elements(b.functions) f
  WHERE r.kind = 'production' AND NOT EXISTS (
    SELECT FROM functions fn WHERE fn.app_id = r.app_id AND fn.name = f.value ->> 'name')`;

/** All in one snapshot of the database, so that a release is in all of it or in nothing. */
export function readStoredFacts(db: Database): Promise<StoredFacts> {
  return db.transaction(async (tx) => {
    await tx.query('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY');
    const apps = await rowsOf<{
      id: string;
      name: string;
      productionRef: string | null;
      state: string;
    }>(tx, 'SELECT id, name, production_ref AS "productionRef", state FROM apps ORDER BY name');
    return {
      apps: apps.filter(({ state }) => state === 'ready'),
      appIds: apps.map(({ id }) => id),
      deployments: await rowsOf(tx, DEPLOYMENTS),
      routes: await rowsOf(
        tx,
        `SELECT r.app_id AS "appId", r.kind, r.target, r.deployment_id AS "deploymentId", d.state
         FROM routes r JOIN deployments d ON d.id = r.deployment_id`,
      ),
      slugs: await rowsOf(tx, 'SELECT app_id AS "appId", ref, slug FROM ref_slugs'),
      recordedRefs: await rowsOf(tx, 'SELECT app_id AS "appId", ref, sha FROM recorded_refs'),
      bundles: await rowsOf(tx, 'SELECT app_id AS "appId", hash FROM bundles'),
      missingFunctions: await rowsOf(tx, MISSING_FUNCTIONS),
    };
  });
}

async function rowsOf<Row extends object>(tx: Queryable, text: string): Promise<Row[]> {
  const { rows } = await tx.query<Row & Record<string, unknown>>(text);
  return rows;
}

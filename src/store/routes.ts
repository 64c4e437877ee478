import type { ServedDeployment, ServedFunction } from '../model/served.ts';
import type {
  AccessLevel,
  Snapshot,
  SnapshotAccess,
  SnapshotApp,
  SnapshotDomain,
} from '../protocol/snapshot.ts';
import type { Queryable } from './database.ts';
import { readSnapshotDomains } from './domains.ts';
import { readSnapshotAccess } from './private-apps.ts';

/** One URL of an app: its production host, the host of a branch or tag, or that of a commit. */
export interface RouteTarget {
  kind: 'production' | 'ref' | 'commit';
  /** `production`, the slug, or the full SHA. */
  target: string;
}

export const PRODUCTION_ROUTE: RouteTarget = { kind: 'production', target: 'production' };

/** Points a route at a deployment; returns the id of the one that it pointed at before. */
export async function setRoute(
  db: Queryable,
  appId: string,
  route: RouteTarget & { deploymentId: string },
): Promise<string | null> {
  const { rows } = await db.query<{ id: string }>(
    `SELECT deployment_id AS id FROM routes WHERE app_id = $1 AND kind = $2 AND target = $3
     FOR UPDATE`,
    [appId, route.kind, route.target],
  );
  await db.query(
    `INSERT INTO routes (app_id, kind, target, deployment_id) VALUES ($1, $2, $3, $4)
     ON CONFLICT (app_id, kind, target) DO UPDATE SET deployment_id = EXCLUDED.deployment_id`,
    [appId, route.kind, route.target, route.deploymentId],
  );
  return rows[0]?.id ?? null;
}

/** The deployment that a route points at. */
export async function findRoute(
  db: Queryable,
  appId: string,
  route: RouteTarget,
): Promise<string | null> {
  const { rows } = await db.query<{ id: string }>(
    'SELECT deployment_id AS id FROM routes WHERE app_id = $1 AND kind = $2 AND target = $3',
    [appId, route.kind, route.target],
  );
  return rows[0]?.id ?? null;
}

/** Commits that production, branches and tags of an app serve; the slug of production is null. */
export async function listLiveCommits(
  db: Queryable,
  appId: string,
): Promise<{ slug: string | null; commit: string }[]> {
  const { rows } = await db.query<{ slug: string | null; commit: string }>(
    `SELECT CASE r.kind WHEN 'ref' THEN r.target END AS slug, d.commit_sha AS commit
     FROM routes r JOIN deployments d ON d.id = r.deployment_id
     WHERE r.app_id = $1 AND r.kind IN ('production', 'ref')`,
    [appId],
  );
  return rows;
}

/** What the production host of an app serves. */
export interface Live {
  version: number | null;
  commit: string;
}

/** What production serves, by the ids of the apps; of one that serves nothing there is none. */
export async function findLive(
  db: Queryable,
  appIds: readonly string[],
): Promise<Map<string, Live>> {
  const { rows } = await db.query<Live & { appId: string }>(
    `SELECT r.app_id AS "appId", d.version, d.commit_sha AS commit
     FROM routes r JOIN deployments d ON d.id = r.deployment_id
     WHERE r.app_id = ANY ($1) AND r.kind = $2 AND r.target = $3`,
    [appIds, PRODUCTION_ROUTE.kind, PRODUCTION_ROUTE.target],
  );
  return new Map(rows.map(({ appId, version, commit }) => [appId, { version, commit }]));
}

/** Full SHAs of the commits that are served and begin so; of several, two. */
export async function findCommitRoutes(
  db: Queryable,
  appId: string,
  prefix: string,
): Promise<string[]> {
  const { rows } = await db.query<{ sha: string }>(
    `SELECT target AS sha FROM routes
     WHERE app_id = $1 AND kind = 'commit' AND starts_with(target, $2) LIMIT 2`,
    [appId, prefix],
  );
  return rows.map(({ sha }) => sha);
}

/** Removes a route; returns the deployment that it pointed at. */
export async function deleteRoute(
  db: Queryable,
  appId: string,
  route: RouteTarget,
): Promise<string | null> {
  const { rows } = await db.query<{ id: string }>(
    `DELETE FROM routes WHERE app_id = $1 AND kind = $2 AND target = $3
     RETURNING deployment_id AS id`,
    [appId, route.kind, route.target],
  );
  return rows[0]?.id ?? null;
}

interface RouteRow {
  appName: string;
  routeKind: RouteTarget['kind'];
  target: string;
  id: string;
  kind: ServedDeployment['kind'];
  version: number | null;
  commit: string;
  ref: string;
  bundle: string;
  functions: ServedFunction[];
  hasPublicFiles: boolean;
}

export interface ReleasedRoute {
  appId: string;
  appName: string;
  /** Of the branch or tag; null for production. */
  slug: string | null;
}

/** What production and branches are served at, the oldest apps first, their production before the rest. */
export async function listReleasedRoutes(db: Queryable): Promise<ReleasedRoute[]> {
  const { rows } = await db.query<ReleasedRoute>(
    `SELECT a.id AS "appId", a.name AS "appName",
       CASE r.kind WHEN 'ref' THEN r.target END AS slug
     FROM routes r JOIN apps a ON a.id = r.app_id
     WHERE r.kind IN ('production', 'ref')
     ORDER BY a.created_at, a.name, r.kind = 'ref', r.target`,
  );
  return rows;
}

/** All that is routed, as the data plane needs it. */
export async function readSnapshot(
  db: Queryable,
  previewDefault: AccessLevel = 'public',
): Promise<Snapshot> {
  const { rows: numbers } = await db.query<{ generation: string }>(
    "SELECT nextval('snapshot_generation') AS generation",
  );
  const { rows } = await db.query<RouteRow>(
    `SELECT a.name AS "appName", r.kind AS "routeKind", r.target, d.id, d.kind, d.version,
       d.commit_sha AS commit, d.ref, d.bundle, b.functions,
       b.has_public_files AS "hasPublicFiles"
     FROM apps a
     JOIN routes r ON r.app_id = a.id
     JOIN deployments d ON d.id = r.deployment_id
     JOIN bundles b ON b.app_id = d.app_id AND b.hash = d.bundle
     ORDER BY a.name, r.kind, r.target`,
  );
  return {
    generation: Number(numbers[0]?.generation),
    apps: withAccess(
      withDomains(groupByApp(rows, await listAppNames(db)), await readSnapshotDomains(db)),
      await readSnapshotAccess(db, previewDefault),
    ),
    // Several routes may point at one deployment.
    deployments: [...new Map(rows.map((row) => [row.id, toServed(row)])).values()],
  };
}

function withAccess(apps: SnapshotApp[], access: Map<string, SnapshotAccess>): SnapshotApp[] {
  return apps.map((app) => {
    const own = access.get(app.name);
    return own === undefined ? app : { ...app, access: own };
  });
}

async function listAppNames(db: Queryable): Promise<string[]> {
  const { rows } = await db.query<{ name: string }>(
    `SELECT name FROM apps WHERE state = 'ready' ORDER BY name`,
  );
  return rows.map((row) => row.name);
}

function groupByApp(rows: RouteRow[], names: string[]): SnapshotApp[] {
  const apps = new Map<string, SnapshotApp>();
  // An app without a release has a host too: it says so instead of being unknown.
  for (const name of names) apps.set(name, { name, production: null, slugs: {}, commits: {} });
  for (const row of rows) {
    const app = apps.get(row.appName);
    if (app === undefined) continue;
    if (row.routeKind === 'production') app.production = row.id;
    else if (row.routeKind === 'ref') app.slugs[row.target] = row.id;
    else app.commits[row.target] = row.id;
  }
  return [...apps.values()];
}

function withDomains(apps: SnapshotApp[], domains: Map<string, SnapshotDomain[]>): SnapshotApp[] {
  return apps.map((app) => {
    const own = domains.get(app.name);
    return own === undefined ? app : { ...app, domains: own };
  });
}

function toServed(row: RouteRow): ServedDeployment {
  const { id, appName, kind, version, commit, ref, bundle, functions, hasPublicFiles } = row;
  return { id, appName, kind, version, commit, ref, bundle, functions, hasPublicFiles };
}

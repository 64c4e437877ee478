import { PlatformError } from '../protocol/errors.ts';
import type { App } from './apps.ts';
import type { Queryable } from './database.ts';
import { COLUMNS, findDeployment, type Deployment } from './deployments.ts';
import { findRoute, PRODUCTION_ROUTE } from './routes.ts';

const VERSION = /^v?(\d{1,6})$/;
const COMMIT_PREFIX = /^[0-9a-f]{7,40}$/;

/** The deployment that production serves. @throws PlatformError not-found */
export async function findLiveProduction(db: Queryable, app: App): Promise<Deployment> {
  const id = await findRoute(db, app.id, PRODUCTION_ROUTE);
  const live = id === null ? null : await findDeployment(db, id);
  if (live !== null) return live;
  throw new PlatformError('not-found', `production of ${app.name} serves nothing yet`, {
    hint: 'deploy it: git push fn main',
  });
}

/**
 * The deployment that somebody means by its id, its version (`v7`, `7`), its branch or tag, or a commit (at least 7
 * digits), tried in this order. Of several the one that is live, production before previews, else the newest.
 * @throws PlatformError not-found, or bad-request for the beginning of several commits
 */
export async function findDeploymentByName(
  db: Queryable,
  app: App,
  name: string,
): Promise<Deployment> {
  const version = VERSION.exec(name)?.[1];
  const found =
    (await newest(db, app, 'id = $2', [name])) ??
    (version === undefined ? null : await newest(db, app, 'version = $2', [version])) ??
    (await newest(db, app, 'ref = ANY ($2) AND version IS NOT NULL', [refsOf(name)])) ??
    (await findByCommit(db, app, name.toLowerCase()));
  if (found !== null) return found;
  throw new PlatformError('not-found', `${app.name} has no deployment "${name}"`, {
    hint: 'give a version, a branch, a tag or a commit; fn releases shows them',
  });
}

function refsOf(name: string): string[] {
  return [name, `refs/heads/${name}`, `refs/tags/${name}`];
}

/** What begins with `$2`, as a range of the index `deployments_of_commit`: behind all hexadecimal digits comes `g`. */
export const OF_COMMIT = `commit_sha COLLATE "C" >= $2 AND commit_sha COLLATE "C" < $2 || 'g'`;

async function findByCommit(db: Queryable, app: App, prefix: string): Promise<Deployment | null> {
  if (!COMMIT_PREFIX.test(prefix)) return null;
  const { rows } = await db.query<{ commit: string }>(
    `SELECT DISTINCT commit_sha AS commit FROM deployments
     WHERE app_id = $1 AND ${OF_COMMIT} LIMIT 2`,
    [app.id, prefix],
  );
  if (rows.length < 2) return newest(db, app, OF_COMMIT, [prefix]);
  throw new PlatformError('bad-request', `several deployed commits begin with ${prefix}`, {
    hint: 'give more digits',
  });
}

/** `condition` is a text of this file, never of a user. */
async function newest(
  db: Queryable,
  app: App,
  condition: string,
  values: unknown[],
): Promise<Deployment | null> {
  const { rows } = await db.query<Deployment>(
    `SELECT ${COLUMNS} FROM deployments WHERE app_id = $1 AND ${condition}
     ORDER BY state = 'live' DESC, kind = 'production' DESC, version DESC NULLS LAST, created_at DESC LIMIT 1`,
    [app.id, ...values],
  );
  return rows[0] ?? null;
}

/** What only somebody who looks at one deployment wants to know. */
export interface DeploymentFacts {
  endedAt: Date | null;
  /** Name of the token that made it; null for what the platform did by itself. */
  createdBy: string | null;
}

export async function findDeploymentFacts(db: Queryable, id: string): Promise<DeploymentFacts> {
  const { rows } = await db.query<DeploymentFacts>(
    `SELECT d.ended_at AS "endedAt", t.name AS "createdBy"
     FROM deployments d LEFT JOIN tokens t ON t.id = d.created_by WHERE d.id = $1`,
    [id],
  );
  return rows[0] ?? { endedAt: null, createdBy: null };
}

/** The token that caused a deployment; null for what the platform did by itself. */
export async function findCreator(
  db: Queryable,
  deploymentId: string,
): Promise<{ kind: string; id: string; name: string } | null> {
  const { rows } = await db.query<{ kind: string; id: string; name: string }>(
    `SELECT t.kind, t.id, t.name FROM deployments d JOIN tokens t ON t.id = d.created_by WHERE d.id = $1`,
    [deploymentId],
  );
  return rows[0] ?? null;
}

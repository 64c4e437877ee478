import type { Queryable } from './database.ts';
import { OF_COMMIT } from './deployment-names.ts';
import { COLUMNS, toVersion, type Deployment, type DeploymentTrigger } from './deployments.ts';

/** What production served from one moment to another. */
export interface Release {
  version: number;
  commit: string;
  subject: string;
  trigger: DeploymentTrigger;
  /** The version whose bundle was deployed again. */
  sourceVersion: number | null;
  /** Name of the token that caused it; null for what the platform did by itself. */
  createdBy: string | null;
  liveAt: Date;
  endedAt: Date | null;
  isCurrent: boolean;
}

/** Releases of an app below a version, the highest version first. */
export async function listReleasesBelow(
  db: Queryable,
  appId: string,
  { below, limit }: { below: number | null; limit: number },
): Promise<Release[]> {
  const { rows } = await db.query<Release>(
    `SELECT d.version, d.commit_sha AS commit, d.subject, d.trigger, d.source_version AS "sourceVersion",
       t.name AS "createdBy", d.live_at AS "liveAt", d.ended_at AS "endedAt",
       d.state = 'live' AS "isCurrent"
     FROM deployments d LEFT JOIN tokens t ON t.id = d.created_by
     WHERE d.app_id = $1 AND d.kind = 'production' AND d.live_at IS NOT NULL
       AND d.version < $2::int
     ORDER BY d.version DESC LIMIT $3`,
    [appId, toVersion(below), limit],
  );
  return rows;
}

/** A production deployment that was live once: what a rollback can go back to. */
const WAS_LIVE = `app_id = $1 AND kind = 'production' AND live_at IS NOT NULL`;
const LAST_FIRST = 'live_at DESC, version DESC';

/** The release that went live last. */
export function findLastRelease(db: Queryable, appId: string): Promise<Deployment | null> {
  return findFirst(db, 'TRUE', [appId]);
}

/** Of the releases below a version that brought code of their own, the one that went live last. */
export function findOwnReleaseBelow(
  db: Queryable,
  appId: string,
  version: number,
): Promise<Deployment | null> {
  const isOwn = `(source_version IS NULL OR trigger = 'promote')`;
  return findFirst(db, `version < $2 AND ${isOwn}`, [appId, version]);
}

export function findReleaseOfVersion(
  db: Queryable,
  appId: string,
  version: number,
): Promise<Deployment | null> {
  return findFirst(db, 'version = $2', [appId, version]);
}

/** The last release of each commit that begins with `prefix` (lower-case), by commit; at most `limit`. */
export async function listReleasesOfCommit(
  db: Queryable,
  appId: string,
  { prefix, limit }: { prefix: string; limit: number },
): Promise<Deployment[]> {
  const { rows } = await db.query<Deployment>(
    `SELECT DISTINCT ON (commit_sha COLLATE "C") ${COLUMNS} FROM deployments
     WHERE ${WAS_LIVE} AND ${OF_COMMIT}
     ORDER BY commit_sha COLLATE "C", ${LAST_FIRST} LIMIT $3`,
    [appId, prefix, limit],
  );
  return rows;
}

/** `condition` is a text of this file, never of a user. */
async function findFirst(
  db: Queryable,
  condition: string,
  values: unknown[],
): Promise<Deployment | null> {
  const { rows } = await db.query<Deployment>(
    `SELECT ${COLUMNS} FROM deployments WHERE ${WAS_LIVE} AND ${condition}
     ORDER BY ${LAST_FIRST} LIMIT 1`,
    values,
  );
  return rows[0] ?? null;
}

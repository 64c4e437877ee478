import type { Queryable } from './database.ts';
import { toVersion, type DeploymentTrigger } from './deployments.ts';

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

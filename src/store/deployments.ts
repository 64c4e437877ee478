import {
  transitionOf,
  type DeploymentEvent,
  type DeploymentKind,
  type DeploymentState,
} from '../model/deployment.ts';
import type { Queryable } from './database.ts';

/** The database CHECK lists the same words. */
export type DeploymentTrigger =
  | 'push'
  | 'rollback'
  | 'reconcile'
  | 'environment'
  | 'redeploy'
  | 'promote';

export interface Deployment {
  id: string;
  appId: string;
  version: number | null;
  kind: DeploymentKind;
  ref: string;
  /** The host-name part that its ref had claimed; null in production and for commit hosts. */
  slug: string | null;
  commit: string;
  subject: string;
  author: string;
  bundle: string | null;
  state: DeploymentState;
  reason: string | null;
  trigger: DeploymentTrigger;
  /** The version whose bundle a rollback deployed again. */
  sourceVersion: number | null;
  pushId: string | null;
  envVersion: number;
  buildMs: number | null;
  createdAt: Date;
  liveAt: Date | null;
}

export type NewDeployment = Pick<
  Deployment,
  | 'id'
  | 'appId'
  | 'version'
  | 'kind'
  | 'ref'
  | 'slug'
  | 'commit'
  | 'subject'
  | 'author'
  | 'trigger'
  | 'sourceVersion'
  | 'pushId'
> & {
  createdBy: string | null;
  /** Once it is live, the domains that its fn.json names are to be declared. */
  owesDomains: boolean;
};

/** A `Deployment`, as a query selects it. */
export const COLUMNS = `id, app_id AS "appId", version, kind, ref, slug, commit_sha AS commit, subject, author,
  bundle, state, reason, trigger, source_version AS "sourceVersion", push_id AS "pushId",
  env_version AS "envVersion", build_ms AS "buildMs", created_at AS "createdAt",
  live_at AS "liveAt"`;

/** Adds a row in state queued. */
export async function insertDeployment(db: Queryable, row: NewDeployment): Promise<void> {
  await db.query(
    `INSERT INTO deployments (id, app_id, version, kind, ref, commit_sha, subject, author, trigger,
       source_version, push_id, created_by, slug, owes_domains, state)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, 'queued')`,
    [
      row.id,
      row.appId,
      row.version,
      row.kind,
      row.ref,
      row.commit,
      row.subject,
      row.author,
      row.trigger,
      row.sourceVersion,
      row.pushId,
      row.createdBy,
      row.slug,
      row.owesDomains,
    ],
  );
}

interface Progress {
  bundle?: string;
  envVersion?: number;
  buildMs?: number;
  reason?: string;
}

/**
 * Moves a deployment along its state machine. Returns false, and changes nothing, when the row's state does not
 * allow the event: somebody else (the reconciler, a newer push) was there first.
 */
export async function advanceDeployment(
  db: Queryable,
  id: string,
  event: DeploymentEvent,
  progress: Progress = {},
): Promise<boolean> {
  const { from, to } = transitionOf(event);
  const { rowCount } = await db.query(
    `UPDATE deployments SET state = $2,
       bundle = COALESCE($4, bundle), build_ms = COALESCE($5, build_ms),
       reason = COALESCE($6, reason), env_version = COALESCE($7, env_version),
       live_at = CASE WHEN $2 = 'live' THEN now() ELSE live_at END,
       ended_at = CASE WHEN $2 IN ('draining', 'failed') THEN now() ELSE ended_at END
     WHERE id = $1 AND state = ANY ($3)`,
    [
      id,
      to,
      from,
      progress.bundle ?? null,
      progress.buildMs ?? null,
      progress.reason ?? null,
      progress.envVersion ?? null,
    ],
  );
  return rowCount === 1;
}

export async function findDeployment(db: Queryable, id: string): Promise<Deployment | null> {
  const { rows } = await db.query<Deployment>(`SELECT ${COLUMNS} FROM deployments WHERE id = $1`, [
    id,
  ]);
  return rows[0] ?? null;
}

/** All that had to be done before it may go live is done. */
export async function markReady(db: Queryable, id: string): Promise<void> {
  await db.query('UPDATE deployments SET is_ready = true WHERE id = $1', [id]);
}

/**
 * The deployment of a ref's commit that may go live and is not yet: the push's own, if it has one, or else the newest.
 */
export async function findReserved(
  db: Queryable,
  where: { appId: string; ref: string; commit: string; pushId: string },
): Promise<Deployment | null> {
  const { rows } = await db.query<Deployment>(
    `SELECT ${COLUMNS} FROM deployments
     WHERE app_id = $1 AND ref = $2 AND commit_sha = $3 AND state = 'warming' AND is_ready
     ORDER BY push_id IS NOT DISTINCT FROM $4 DESC, created_at DESC LIMIT 1`,
    [where.appId, where.ref, where.commit, where.pushId],
  );
  return rows[0] ?? null;
}

/** What has been live for that long and owes domains yet. */
export async function listOwingDomains(
  db: Queryable,
  { liveForMs }: { liveForMs: number },
): Promise<Deployment[]> {
  const { rows } = await db.query<Deployment>(
    `SELECT ${COLUMNS} FROM deployments
     WHERE owes_domains AND state = 'live' AND live_at < now() - $1 * interval '1 millisecond'`,
    [liveForMs],
  );
  return rows;
}

/** What the same code owes yet when something else than a push brings it again. */
export async function inheritDomains(
  db: Queryable,
  { from, to }: { from: string; to: string },
): Promise<void> {
  await db.query(
    `UPDATE deployments d SET owes_domains = true FROM deployments before
     WHERE d.id = $2 AND before.id = $1 AND before.owes_domains AND before.bundle = d.bundle
       AND NOT d.owes_domains`,
    [from, to],
  );
}

export async function settleDomains(db: Queryable, id: string): Promise<void> {
  await db.query('UPDATE deployments SET owes_domains = false WHERE id = $1', [id]);
}

interface DeploymentFilter {
  state?: DeploymentState | undefined;
  kind?: DeploymentKind | undefined;
  /** A branch or a tag, by its name or in full. */
  ref?: string | undefined;
  /** A version: the first is the one before it. */
  below?: number | undefined;
  limit: number;
}

const GREATEST_INTEGER = 2 ** 31 - 1;

/** As an index has it, of whatever number a client's cursor says; without one, above all. */
export function toVersion(below: number | null | undefined): number {
  const place = Math.ceil(below ?? GREATEST_INTEGER);
  return Math.min(Math.max(place, 0), GREATEST_INTEGER);
}

/** Newest first; the unnumbered deployments of commit hosts are left out. */
export async function listDeployments(
  db: Queryable,
  appId: string,
  { state, kind, ref, below, limit }: DeploymentFilter,
): Promise<Deployment[]> {
  const refs = ref === undefined ? null : [ref, `refs/heads/${ref}`, `refs/tags/${ref}`];
  const { rows } = await db.query<Deployment>(
    `SELECT ${COLUMNS} FROM deployments
     WHERE app_id = $1 AND version IS NOT NULL AND ($2::text IS NULL OR state = $2)
       AND ($3::text IS NULL OR kind = $3) AND ($4::text[] IS NULL OR ref = ANY ($4))
       AND version < $5::int
     ORDER BY version DESC LIMIT $6`,
    [appId, state, kind, refs, toVersion(below), limit],
  );
  return rows;
}

/** Unfinished deployments (queued, building or warming) of all apps. */
export async function listUnsettled(db: Queryable): Promise<Deployment[]> {
  const { rows } = await db.query<Deployment>(
    `SELECT ${COLUMNS} FROM deployments WHERE state IN ('queued', 'building', 'warming')`,
  );
  return rows;
}

/** Marks as retired what has been draining for longer than the drain deadline; returns the ids. */
export async function retireDrained(db: Queryable, drainMs: number): Promise<string[]> {
  const { from, to } = transitionOf('drained');
  const { rows } = await db.query<{ id: string }>(
    `UPDATE deployments SET state = $2
     WHERE state = ANY ($3) AND ended_at < now() - $1 * interval '1 millisecond' RETURNING id`,
    [drainMs, to, from],
  );
  return rows.map((row) => row.id);
}

/** Of these ids, the ones that no worker will ever start for again. */
export async function filterEnded(db: Queryable, ids: string[]): Promise<string[]> {
  const { rows } = await db.query<{ id: string }>(
    `SELECT given.id FROM unnest($1::text[]) AS given (id) WHERE NOT EXISTS (
       SELECT FROM deployments d WHERE d.id = given.id AND d.state NOT IN ('retired', 'failed'))`,
    [ids],
  );
  return rows.map((row) => row.id);
}

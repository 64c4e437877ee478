/** Who may see what an app serves, and the links that open what is private. */
import {
  type AccessLevel,
  MAX_SHARE_LINKS,
  type ShareTarget,
  type SnapshotAccess,
  type SnapshotShareLink,
} from '../protocol/snapshot.ts';
import type { Database, Queryable } from './database.ts';

export interface AppAccess {
  production: AccessLevel;
  /** Null for the operator's default. */
  previews: AccessLevel | null;
}

export interface ShareLink {
  id: string;
  kind: ShareTarget['kind'];
  /** `production`, the full ref of a branch or tag, or the full SHA of a commit. */
  target: string;
  /** Of the branch or tag, while it is deployed. */
  slug: string | null;
  /** Name of the token that made it; null for one that is gone. */
  createdBy: string | null;
  createdAt: Date;
  expiresAt: Date;
}

export interface NewShareLink {
  id: string;
  kind: ShareTarget['kind'];
  target: string;
  /** sha256 of its secret. */
  hash: Buffer;
  createdBy: string;
  expiresAt: Date;
}

const LINK = `l.id, l.kind, l.target, s.slug, t.name AS "createdBy", l.created_at AS "createdAt",
  l.expires_at AS "expiresAt"`;
const LINKS = `share_links l LEFT JOIN tokens t ON t.id = l.created_by
  LEFT JOIN ref_slugs s ON l.kind = 'ref' AND s.app_id = l.app_id AND s.ref = l.target`;

export async function findAppAccess(db: Queryable, appId: string): Promise<AppAccess> {
  const { rows } = await db.query<AppAccess>(
    'SELECT production_access AS production, preview_access AS previews FROM apps WHERE id = $1',
    [appId],
  );
  return rows[0] ?? { production: 'private', previews: 'private' };
}

export async function setAppAccess(
  db: Queryable,
  appId: string,
  { production, previews }: AppAccess,
): Promise<void> {
  await db.query('UPDATE apps SET production_access = $2, preview_access = $3 WHERE id = $1', [
    appId,
    production,
    previews,
  ]);
}

/** False, and nothing is stored, when the app has as many as it may. */
export async function addShareLink(
  db: Database,
  appId: string,
  link: NewShareLink,
): Promise<boolean> {
  return db.transaction(async (tx) => {
    // Two at once would both find the last place free.
    await tx.query('SELECT FROM apps WHERE id = $1 FOR UPDATE', [appId]);
    await tx.query('DELETE FROM share_links WHERE app_id = $1 AND expires_at <= now()', [appId]);
    const { rowCount } = await tx.query(
      `INSERT INTO share_links (id, app_id, kind, target, hash, created_by, expires_at)
       SELECT $2, $1, $3, $4, $5, $6, $7
       WHERE (SELECT count(*) FROM share_links WHERE app_id = $1) < ${MAX_SHARE_LINKS}`,
      [appId, link.id, link.kind, link.target, link.hash, link.createdBy, link.expiresAt],
    );
    return rowCount === 1;
  });
}

/** Those that have not expired, at most MAX_SHARE_LINKS. */
export async function listShareLinks(db: Queryable, appId: string): Promise<ShareLink[]> {
  const { rows } = await db.query<ShareLink>(
    `SELECT ${LINK} FROM ${LINKS} WHERE l.app_id = $1 AND l.expires_at > now()`,
    [appId],
  );
  return rows;
}

export async function removeShareLink(db: Queryable, appId: string, id: string): Promise<boolean> {
  const { rowCount } = await db.query('DELETE FROM share_links WHERE app_id = $1 AND id = $2', [
    appId,
    id,
  ]);
  return rowCount === 1;
}

/** Of each app, by its name. A link of a branch is of that branch alone, whoever has its slug after it. */
export async function readSnapshotAccess(
  db: Queryable,
  previewDefault: AccessLevel,
): Promise<Map<string, SnapshotAccess>> {
  const { rows } = await db.query<SnapshotAccess & { name: string }>(
    `SELECT name, production_access AS production, COALESCE(preview_access, $1) AS previews
     FROM apps`,
    [previewDefault],
  );
  const { rows: links } = await db.query<SnapshotShareLink & { name: string }>(
    `SELECT a.name, l.kind, COALESCE(s.slug, l.target) AS target, encode(l.hash, 'hex') AS hash,
       floor(extract(epoch FROM l.expires_at) * 1000)::float8 AS "expiresAtMs"
     FROM ${LINKS} JOIN apps a ON a.id = l.app_id
     WHERE l.expires_at > now() AND (l.kind <> 'ref' OR s.slug IS NOT NULL)
     ORDER BY a.name, l.id`,
  );
  const access = new Map<string, SnapshotAccess>();
  for (const { name, production, previews } of rows) {
    access.set(name, { production, previews, links: [] });
  }
  for (const { name, ...link } of links) access.get(name)?.links.push(link);
  return access;
}

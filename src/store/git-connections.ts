import type { GitHostKind } from '../model/git-host.ts';
import type { SealedKeyColumns } from './certificates.ts';
import type { Database, Queryable } from './database.ts';

export interface GitConnection extends SealedKeyColumns {
  id: string;
  appId: string;
  kind: GitHostKind;
  url: string;
  createdAt: Date;
  /** Null when its host was never heard. */
  heardAt: Date | null;
  /** What the host last answered wrongly, and what to do; null when all is well. */
  problem: string | null;
  hint: string | null;
}

const COLUMNS = `id, app_id AS "appId", kind, url, master_key_id AS "masterKeyId",
  sealed_key AS "sealedKey", created_at AS "createdAt", heard_at AS "heardAt", problem, hint`;

export async function findGitConnection(db: Queryable, id: string): Promise<GitConnection | null> {
  const { rows } = await db.query<GitConnection>(
    `SELECT ${COLUMNS} FROM git_connections WHERE id = $1`,
    [id],
  );
  return rows[0] ?? null;
}

export async function listGitConnections(db: Queryable, appId: string): Promise<GitConnection[]> {
  const { rows } = await db.query<GitConnection>(
    `SELECT ${COLUMNS} FROM git_connections WHERE app_id = $1 ORDER BY id`,
    [appId],
  );
  return rows;
}

export type NewGitConnection = Pick<GitConnection, 'id' | 'appId' | 'kind' | 'url'> &
  SealedKeyColumns & { createdBy: string };

/** False, and nothing changed, when the app has this repository already, or `limit` of them. */
export async function insertGitConnection(
  db: Database,
  made: NewGitConnection,
  limit: number,
): Promise<boolean> {
  return db.transaction(async (tx) => {
    // One at a time, or two could pass the limit together.
    await tx.query('SELECT FROM apps WHERE id = $1 FOR UPDATE', [made.appId]);
    const { rowCount } = await tx.query(
      `INSERT INTO git_connections (id, app_id, kind, url, master_key_id, sealed_key, created_by)
     SELECT $1, $2, $3, $4, $5, $6, $7
     WHERE (SELECT count(*) FROM git_connections WHERE app_id = $2) < $8
     ON CONFLICT (app_id, url) DO NOTHING`,
      [
        made.id,
        made.appId,
        made.kind,
        made.url,
        made.masterKeyId,
        made.sealedKey,
        made.createdBy,
        limit,
      ],
    );
    return rowCount === 1;
  });
}

export async function deleteGitConnection(
  db: Queryable,
  appId: string,
  id: string,
): Promise<boolean> {
  const { rowCount } = await db.query('DELETE FROM git_connections WHERE app_id = $1 AND id = $2', [
    appId,
    id,
  ]);
  return rowCount === 1;
}

/** Both null when all is well. */
export async function noteGitConnection(
  db: Queryable,
  id: string,
  { problem, hint }: Pick<GitConnection, 'problem' | 'hint'>,
): Promise<void> {
  await db.query('UPDATE git_connections SET problem = $2, hint = $3 WHERE id = $1', [
    id,
    problem,
    hint,
  ]);
}

export async function findGitComment(
  db: Queryable,
  connectionId: string,
  request: number,
): Promise<string | null> {
  const { rows } = await db.query<{ comment: string }>(
    'SELECT comment FROM git_comments WHERE connection_id = $1 AND request = $2',
    [connectionId, request],
  );
  return rows[0]?.comment ?? null;
}

export async function keepGitComment(
  db: Queryable,
  connectionId: string,
  { request, comment }: { request: number; comment: string },
): Promise<void> {
  await db.query(
    `INSERT INTO git_comments (connection_id, request, comment) VALUES ($1, $2, $3)
     ON CONFLICT (connection_id, request) DO UPDATE SET comment = EXCLUDED.comment`,
    [connectionId, request, comment],
  );
}

import { PlatformError } from '../protocol/errors.ts';
import type { Queryable } from './database.ts';

export interface App {
  id: string;
  name: string;
  /** Full ref of the production branch; null before the first push. */
  productionRef: string | null;
  createdAt: Date;
}

/** What keeps the name of an app that goes from being found, and from being in the way of a new one: no app can have it. */
const DELETED_PREFIX = 'deleted:';

const COLUMNS = `id, name, production_ref AS "productionRef", created_at AS "createdAt"`;

/** Neither one that is still being made by the API nor one that goes. */
export async function findAppByName(db: Queryable, name: string): Promise<App | null> {
  const { rows } = await db.query<App>(
    `SELECT ${COLUMNS} FROM apps WHERE name = $1 AND state = 'ready'`,
    [name],
  );
  return rows[0] ?? null;
}

/** Also one that is still being made; null for one that goes. */
export async function findApp(db: Queryable, id: string): Promise<App | null> {
  const { rows } = await db.query<App>(
    `SELECT ${COLUMNS} FROM apps WHERE id = $1 AND state <> 'deleting'`,
    [id],
  );
  return rows[0] ?? null;
}

/** All apps by name, or those with the given ids; neither those that are still being made nor those that go. */
export async function listApps(db: Queryable, ids: string[] | null): Promise<App[]> {
  const { rows } = await db.query<App>(
    `SELECT ${COLUMNS} FROM apps
     WHERE state = 'ready' AND ($1::text[] IS NULL OR id = ANY ($1)) ORDER BY name`,
    [ids],
  );
  return rows;
}

/** At most `limit` of them by name, behind that of `after`; those whose name contains `q`. */
export async function listAppsAfter(
  db: Queryable,
  {
    ids,
    q,
    after,
    limit,
  }: { ids: string[] | null; q: string; after: string | null; limit: number },
): Promise<App[]> {
  const { rows } = await db.query<App>(
    `SELECT ${COLUMNS} FROM apps
     WHERE state = 'ready' AND ($1::text[] IS NULL OR id = ANY ($1)) AND strpos(name, $2) > 0
       AND ($3::text IS NULL OR name > $3)
     ORDER BY name LIMIT $4`,
    [ids, q, after, limit],
  );
  return rows;
}

/**
 * Creates the app, or returns the one that already has the name: of two at once, one wins.
 * @throws PlatformError conflict while the API makes an app of the name
 */
export async function ensureApp(db: Queryable, app: { id: string; name: string }): Promise<App> {
  await db.query('INSERT INTO apps (id, name) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING', [
    app.id,
    app.name,
  ]);
  const existing = await findAppByName(db, app.name);
  if (existing !== null) return existing;
  throw new PlatformError('conflict', `an app named ${app.name} is being created at this moment`, {
    hint: 'try again in a moment',
  });
}

/** Makes an app that nobody finds before `settleApp`. False, and nothing is made, when the name is taken. */
export async function beginApp(db: Queryable, app: { id: string; name: string }): Promise<boolean> {
  const { rowCount } = await db.query(
    `INSERT INTO apps (id, name, state) VALUES ($1, $2, 'creating') ON CONFLICT (name) DO NOTHING`,
    [app.id, app.name],
  );
  return rowCount === 1;
}

/** From now on the app is there for everybody. No harm when it is already, and none to one that goes. */
export async function settleApp(db: Queryable, id: string): Promise<void> {
  await db.query(`UPDATE apps SET state = 'ready' WHERE id = $1 AND state = 'creating'`, [id]);
}

/** Nobody finds it any more, and its name is free. */
export async function hideApp(db: Queryable, id: string): Promise<void> {
  await db.query(`UPDATE apps SET state = 'deleting', name = $2 WHERE id = $1`, [
    id,
    DELETED_PREFIX + id,
  ]);
}

/** Those that are being made, or go. */
export async function listUnsettledApps(
  db: Queryable,
): Promise<{ id: string; state: 'creating' | 'deleting' }[]> {
  const { rows } = await db.query<{ id: string; state: 'creating' | 'deleting' }>(
    `SELECT id, state FROM apps WHERE state <> 'ready'`,
  );
  return rows;
}

/** With all rows that are its own. */
export async function deleteApp(db: Queryable, id: string): Promise<void> {
  await db.query('DELETE FROM apps WHERE id = $1', [id]);
}

/** Sets the production branch unless it is set; returns the one that holds. */
export async function settleProductionRef(
  db: Queryable,
  appId: string,
  ref: string,
): Promise<string> {
  const { rows } = await db.query<{ ref: string }>(
    `UPDATE apps SET production_ref = COALESCE(production_ref, $2) WHERE id = $1
     RETURNING production_ref AS ref`,
    [appId, ref],
  );
  return rows[0]?.ref ?? ref;
}

/** Takes the app's next version number. @throws PlatformError not-found for an app that goes */
export async function takeVersion(db: Queryable, appId: string): Promise<number> {
  const { rows } = await db.query<{ version: number }>(
    `UPDATE apps SET next_version = next_version + 1 WHERE id = $1 AND state <> 'deleting'
     RETURNING next_version - 1 AS version`,
    [appId],
  );
  const version = rows[0]?.version;
  if (version !== undefined) return version;
  throw new PlatformError('not-found', 'the app was deleted meanwhile');
}

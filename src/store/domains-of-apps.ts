/** Domains of several apps at once. */
import type { DomainPointing, DomainState } from '../model/domain.ts';
import type { Queryable } from './database.ts';
import { type Domain, DOMAIN_COLUMNS } from './domains.ts';

export interface DomainOfApp extends Domain {
  appName: string;
}

/** Those of several apps, by app and name, from behind `after` on. */
export async function listDomainsOfApps(
  db: Queryable,
  { appIds, state }: { appIds: string[] | null; state?: DomainState },
  { after, limit }: { after: readonly [appName: string, name: string] | null; limit: number },
): Promise<DomainOfApp[]> {
  const { rows } = await db.query<DomainOfApp>(
    `SELECT d.*, a.name AS "appName"
     FROM (SELECT ${DOMAIN_COLUMNS} FROM domains WHERE state <> 'removed') d
     JOIN apps a ON a.id = d."appId"
     WHERE a.state = 'ready' AND ($1::text[] IS NULL OR a.id = ANY ($1))
       AND ($2::text IS NULL OR d.state = $2)
       AND ($3::text IS NULL OR (a.name, d.name) > ($3, $4))
     ORDER BY a.name, d.name LIMIT $5`,
    [appIds, state ?? null, after?.[0] ?? null, after?.[1] ?? null, limit],
  );
  return rows;
}

export interface NamedDomain extends Pick<Domain, 'name' | 'state'> {
  appName: string;
  /** Null before the first look into DNS. */
  pointing: DomainPointing | null;
}

/** Of all apps, by name; at most so many. */
export async function listNamedDomains(db: Queryable, limit: number): Promise<NamedDomain[]> {
  const { rows } = await db.query<NamedDomain>(
    `SELECT d.name, d.state, a.name AS "appName", d.report->>'pointing' AS pointing
     FROM domains d JOIN apps a ON a.id = d.app_id
     WHERE d.state <> 'removed' ORDER BY d.name, a.name LIMIT $1`,
    [limit],
  );
  return rows;
}

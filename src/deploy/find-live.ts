import type { Database } from '../store/database.ts';
import { findDeployment, type Deployment } from '../store/deployments.ts';
import { findSlug } from '../store/refs.ts';
import { findRoute, PRODUCTION_ROUTE, type RouteTarget } from '../store/routes.ts';

export interface Host {
  appId: string;
  ref: string;
  kind: Deployment['kind'];
}

/** The deployment that serves the host of a branch or tag, if one does. */
export async function findLive(db: Database, host: Host): Promise<Deployment | null> {
  const route = await routeOf(db, host);
  const id = route === null ? null : await findRoute(db, host.appId, route);
  return id === null ? null : findDeployment(db, id);
}

async function routeOf(db: Database, { appId, ref, kind }: Host): Promise<RouteTarget | null> {
  if (kind === 'production') return PRODUCTION_ROUTE;
  const slug = await findSlug(db, appId, ref);
  return slug === null ? null : { kind: 'ref', target: slug };
}

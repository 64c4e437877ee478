import { isDeepStrictEqual } from 'node:util';
import type { ServedFunction } from '../model/served.ts';
import { MAX_HELD_WORKERS } from '../protocol/data-plane.ts';
import { findBundle } from '../store/builds.ts';
import type { Queryable } from '../store/database.ts';
import { findDeployment } from '../store/deployments.ts';
import { findRoute, PRODUCTION_ROUTE } from '../store/routes.ts';
import type { Reservation } from './reservation.ts';

/**
 * The functions that a deployment must prove to start, the ones that have changed first. One that serves right now on
 * the same host, with the same code, settings and environment, has proved it; it is warmed all the same while there is
 * room for more, so that no visitor waits for a cold start.
 */
export async function functionsToWarm(
  db: Queryable,
  reservation: Pick<Reservation, 'appId' | 'kind' | 'slug' | 'envVersion'>,
  functions: readonly ServedFunction[],
): Promise<string[]> {
  const serving = await servingFunctions(db, reservation);
  const isProved = (next: ServedFunction): boolean =>
    serving.some((served) => next.codeSha256 !== undefined && isDeepStrictEqual(served, next));
  const changed = functions.filter((next) => !isProved(next));
  const unchanged = functions.filter(isProved).slice(0, MAX_HELD_WORKERS);
  const room = Math.max(0, MAX_HELD_WORKERS - changed.length);
  return [...changed, ...unchanged.slice(0, room)].map(({ name }) => name);
}

/** What serves on the host that the deployment is made for, if with the same environment. */
async function servingFunctions(
  db: Queryable,
  { appId, kind, slug, envVersion }: Pick<Reservation, 'appId' | 'kind' | 'slug' | 'envVersion'>,
): Promise<ServedFunction[]> {
  const route =
    kind === 'production' ? PRODUCTION_ROUTE : { kind: 'ref' as const, target: slug ?? '' };
  const id = await findRoute(db, appId, route);
  const live = id === null ? null : await findDeployment(db, id);
  if (!live || live.bundle === null || live.envVersion !== envVersion) return [];
  return (await findBundle(db, appId, live.bundle))?.functions ?? [];
}

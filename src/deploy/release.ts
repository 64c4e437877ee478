import { commitUrl, productionUrl, refUrl, type PublicAddress } from '../model/address.ts';
import { newId } from '../std/ids.ts';
import type { KeyedMutex } from '../std/mutex.ts';
import { settleProductionRef, type App } from '../store/apps.ts';
import { findBundle } from '../store/builds.ts';
import type { Database, Queryable } from '../store/database.ts';
import {
  advanceDeployment,
  findDeployment,
  insertDeployment,
  type Deployment,
} from '../store/deployments.ts';
import { findSlug, forgetRef, recordRef, releaseSlug } from '../store/refs.ts';
import {
  deleteRoute,
  findRoute,
  PRODUCTION_ROUTE,
  setRoute,
  type RouteTarget,
} from '../store/routes.ts';
import type { RepositoryPort, SealPort } from './ports.ts';
import type { Publisher } from './publisher.ts';
import { platformVariables } from './variables.ts';

/** The moment of truth: which deployment a host serves. */
export interface Releases {
  /**
   * Makes a warm deployment live on its host and lets the one before it drain. Resolves when no new request can
   * reach the old one. Null when the deployment is not waiting any more (released or failed by somebody else).
   */
  release(app: App, deploymentId: string, options: { isPush: boolean }): Promise<Released | null>;
  /** A ref moved to the commit that its host serves already: only the record changes. */
  keep(app: App, push: { ref: string; sha: string; pushId: string }): Promise<void>;
  /** A branch or tag is gone: so are its host, its workers and its slug. */
  remove(app: App, ref: string): Promise<void>;
}

export interface Released {
  deployment: Deployment;
  url: string;
  bundleBytes: number;
  previousVersion: number | null;
}

interface Deps {
  db: Database;
  publisher: Publisher;
  seal: SealPort;
  repository: Pick<RepositoryPort, 'publishLive'>;
  address: PublicAddress;
  /** One release at a time for each app, so that versions go live in the order of their numbers. */
  locks: KeyedMutex;
  onError: (error: unknown) => void;
}

export function createReleases(deps: Deps): Releases {
  const { db, publisher, locks, address } = deps;
  return {
    release(app, deploymentId, { isPush }) {
      return locks.run(app.id, async () => {
        const reserved = await findDeployment(db, deploymentId);
        if (reserved?.state !== 'warming') return null;
        const [slug, sleeping] = await Promise.all([
          findSlug(db, app.id, reserved.ref),
          isPush ? sealSleeping(deps, app, reserved) : null,
        ]);
        const switched = await db.transaction((tx) =>
          switchRoutes(tx, app, { reserved, slug, sleeping }),
        );
        if (switched === null) return null;
        await publisher.publish();
        await publishLive(deps, app, { kind: reserved.kind, slug, sha: reserved.commit });
        return {
          deployment: (await findDeployment(db, deploymentId)) ?? reserved,
          url: urlOf(address, app, reserved, slug),
          bundleBytes: await bundleBytes(db, reserved),
          previousVersion: switched.previousVersion,
        };
      });
    },

    keep: (app, push) => locks.run(app.id, () => recordRef(db, app.id, push)),

    remove(app, ref) {
      return locks.run(app.id, async () => {
        const slug = await findSlug(db, app.id, ref);
        await db.transaction(async (tx) => {
          if (slug !== null) {
            const last = await deleteRoute(tx, app.id, { kind: 'ref', target: slug });
            if (last !== null) await advanceDeployment(tx, last, 'replaced');
          }
          await releaseSlug(tx, app.id, ref);
          await forgetRef(tx, app.id, ref);
        });
        await publisher.publish();
        if (slug !== null) await publishLive(deps, app, { kind: 'branch', slug, sha: null });
      });
    },
  };
}

interface Switch {
  reserved: Deployment;
  slug: string | null;
  /** Id of the sealed deployment that the commit's host shall get, if it gets one. */
  sleeping: string | null;
}

/** All changes of one release, in one transaction. Null when the deployment may not go live any more. */
async function switchRoutes(
  tx: Queryable,
  app: App,
  { reserved, slug, sleeping }: Switch,
): Promise<{ previousVersion: number | null } | null> {
  const { id, kind, ref, commit, pushId } = reserved;
  // Of two first pushes at once, to main and to master, one becomes production.
  const isProduction = kind === 'production';
  if (isProduction && (await settleProductionRef(tx, app.id, ref)) !== ref) return null;
  if (!(await advanceDeployment(tx, id, 'released'))) return null;
  const previousId = await setRoute(tx, app.id, { ...routeOf(kind, slug), deploymentId: id });
  if (previousId !== null) await advanceDeployment(tx, previousId, 'replaced');
  if (sleeping !== null) await routeCommit(tx, app, { ...reserved, id: sleeping });
  if (pushId !== null) await recordRef(tx, app.id, { ref, sha: commit, pushId });
  const previous = previousId === null ? null : await findDeployment(tx, previousId);
  return { previousVersion: isProduction ? (previous?.version ?? null) : null };
}

function routeOf(kind: Deployment['kind'], slug: string | null): RouteTarget {
  if (kind === 'production' || slug === null) return PRODUCTION_ROUTE;
  return { kind: 'ref', target: slug };
}

/** The unnumbered deployment of the same bundle that the commit's own host serves, asleep until it is asked. */
async function routeCommit(tx: Queryable, app: App, like: Deployment): Promise<void> {
  const { id, commit } = like;
  if ((await findRoute(tx, app.id, { kind: 'commit', target: commit })) !== null) return;
  await insertDeployment(tx, { ...like, kind: 'commit', version: null, createdBy: null });
  await advanceDeployment(tx, id, 'built', like.bundle === null ? {} : { bundle: like.bundle });
  await advanceDeployment(tx, id, 'released');
  await setRoute(tx, app.id, { kind: 'commit', target: commit, deploymentId: id });
}

/** Seals the preview environment of the commit's host; null when the host has a deployment already. */
async function sealSleeping(deps: Deps, app: App, like: Deployment): Promise<string | null> {
  const { db, seal, address } = deps;
  const existing = await findRoute(db, app.id, { kind: 'commit', target: like.commit });
  if (existing !== null) return null;
  const id = newId('dep');
  const { ref, subject, author, envVersion } = like;
  const commit = { sha: like.commit, tree: '', subject, author };
  const names = { id, appName: app.name, kind: 'commit' as const, ref, slug: null, version: null };
  await seal.seal(id, platformVariables(address, { ...names, commit, envVersion }));
  return id;
}

/** Shows in git what is live. The release stands even when the git front is away: the reconciler repeats it. */
async function publishLive(
  deps: Deps,
  app: App,
  live: { kind: Deployment['kind']; slug: string | null; sha: string | null },
): Promise<void> {
  const name =
    live.kind === 'production' ? 'refs/live/production' : `refs/live/preview/${live.slug}`;
  await deps.repository.publishLive(app.id, [{ name, sha: live.sha }]).catch(deps.onError);
}

function urlOf(
  address: PublicAddress,
  app: App,
  deployment: Deployment,
  slug: string | null,
): string {
  if (deployment.kind === 'production') return productionUrl(address, app.name);
  return slug === null
    ? commitUrl(address, app.name, deployment.commit)
    : refUrl(address, app.name, slug);
}

async function bundleBytes(db: Queryable, deployment: Deployment): Promise<number> {
  if (deployment.bundle === null) return 0;
  return (await findBundle(db, deployment.appId, deployment.bundle))?.bytes ?? 0;
}

import type { PublicAddress } from '../model/address.ts';
import type { ServedFunction } from '../model/served.ts';
import { failpoint } from '../std/failpoint.ts';
import { newId } from '../std/ids.ts';
import type { KeyedMutex } from '../std/mutex.ts';
import { findApp, settleProductionRef, type App } from '../store/apps.ts';
import { findBundle } from '../store/builds.ts';
import type { Database, Queryable } from '../store/database.ts';
import {
  advanceDeployment,
  findDeployment,
  inheritDomains,
  insertDeployment,
  type Deployment,
} from '../store/deployments.ts';
import { setEnvironmentVersion } from '../store/environment-deployments.ts';
import { recordFunctions } from '../store/functions.ts';
import { claimSlug, findSlug, forgetRef, recordRef, releaseSlug } from '../store/refs.ts';
import {
  deleteRoute,
  findRoute,
  listLiveCommits,
  PRODUCTION_ROUTE,
  setRoute,
  type RouteTarget,
} from '../store/routes.ts';
import { type LiveRefs, type ShownLiveRef, wrongLiveRefs } from './live-refs.ts';
import type { SealPort } from './ports.ts';
import type { Publisher } from './publisher.ts';
import type { Environments } from './environments.ts';
import { commitOf, deploymentUrl } from './variables.ts';

/** The moment of truth: which deployment a host serves. */
export interface Releases {
  /**
   * Makes a warm deployment live on its host and lets the one before it drain. Resolves when no new request can
   * reach the old one. Null when the deployment may not go live: it was settled by somebody else, its host now
   * belongs to another ref, or serves a later version already: versions of a host never go back.
   */
  release(app: App, deploymentId: string, options: ReleaseOptions): Promise<Released | null>;
  /** Notes that a ref's commit was dealt with, without a release. */
  keep(app: App, push: { ref: string; sha: string; pushId: string }): Promise<void>;
  /** A branch or tag is gone: so are its host, its workers and its slug. */
  remove(app: App, ref: string): Promise<void>;
  /** Moves what git shows as live to what is, where a crash has kept it from that. */
  correctLiveRefs(app: App, shown: readonly ShownLiveRef[]): Promise<void>;
}

export interface ReleaseOptions {
  isPush: boolean;
  /** Only in the place of this deployment; when another one is live meanwhile, nothing happens. */
  replaces?: string | undefined;
  /** Makes the environment that the deployment was warmed with the app's newest, in the same transaction. */
  restoreEnvironment?: ((tx: Queryable) => Promise<{ version: number }>) | undefined;
}

export interface Released {
  deployment: Deployment;
  url: string;
  bundleBytes: number;
  functions: ServedFunction[];
  previousVersion: number | null;
}

interface Deps {
  db: Database;
  publisher: Publisher;
  seal: SealPort;
  environments: Environments;
  liveRefs: LiveRefs;
  address: PublicAddress;
  /** One release at a time for each app. */
  locks: KeyedMutex;
  /** What was released may have been overtaken by a change of the environment. Must not throw. */
  onReleased: (app: App) => void;
}

export function createReleases(deps: Deps): Releases {
  const { db, publisher, liveRefs, locks, address } = deps;

  async function changeRoutes<T>(work: (tx: Queryable) => Promise<T>): Promise<T> {
    try {
      return await db.transaction(work);
    } catch (error) {
      publisher.doubt();
      throw error;
    }
  }

  async function switchTo(
    app: App,
    deploymentId: string,
    { isPush, replaces, restoreEnvironment }: ReleaseOptions,
  ): Promise<Released | null> {
    const reserved = await findDeployment(db, deploymentId);
    if (reserved?.state !== 'warming') return null;
    if (replaces !== undefined && (await findDeployment(db, replaces))?.state !== 'live')
      return null;
    await failpoint('release.begun');
    const sleeping = isPush ? await sealSleeping(deps, app, reserved) : null;
    const plan = { reserved, sleeping, restoreEnvironment };
    const switched = await changeRoutes((tx) => switchRoutes(tx, app, plan));
    if (switched === null) {
      if (sleeping !== null) await deps.seal.remove([sleeping]);
      return null;
    }
    await failpoint('release.committed');
    await publisher.publish();
    const { slug, kind } = reserved;
    const commit = commitOf(reserved);
    return {
      deployment: (await findDeployment(db, deploymentId)) ?? reserved,
      url: deploymentUrl(address, { appName: app.name, kind, slug, commit }),
      ...(await describeBundle(db, reserved)),
      previousVersion: switched.previousVersion,
    };
  }

  return {
    async release(app, deploymentId, options) {
      const released = await locks.run(app.id, () => switchTo(app, deploymentId, options));
      if (released === null) return null;
      await failpoint('release.published');
      const { kind, slug, commit } = released.deployment;
      await liveRefs.publish(app.id, { kind, slug, sha: commit });
      deps.onReleased(app);
      return released;
    },

    keep: (app, push) => locks.run(app.id, () => recordRef(db, app.id, push)),

    async remove(app, ref) {
      const slug = await findSlug(db, app.id, ref);
      await locks.run(app.id, async () => {
        await changeRoutes(async (tx) => {
          if (slug !== null) {
            const last = await deleteRoute(tx, app.id, { kind: 'ref', target: slug });
            if (last !== null) await advanceDeployment(tx, last, 'replaced');
          }
          await releaseSlug(tx, app.id, ref);
          await forgetRef(tx, app.id, ref);
          await failpoint('branch.uncommitted');
        });
        await failpoint('branch.removed');
        await publisher.publish();
      });
      if (slug !== null) await liveRefs.publish(app.id, { kind: 'branch', slug, sha: null });
    },

    async correctLiveRefs(app, shown) {
      // With the lock, so that a release which comes meanwhile is written behind this.
      const corrected = await locks.run(app.id, async () => {
        const wrong = wrongLiveRefs(shown, await listLiveCommits(db, app.id));
        return wrong.map((live) => liveRefs.publish(app.id, live));
      });
      await Promise.all(corrected);
    },
  };
}

interface Switch {
  reserved: Deployment;
  /** Id of the sealed deployment that the commit's host shall get, if it gets one. */
  sleeping: string | null;
  restoreEnvironment: ReleaseOptions['restoreEnvironment'];
}

/** All changes of one release, in one transaction. Null, and nothing changed, when it may not go live. */
async function switchRoutes(
  tx: Queryable,
  app: App,
  { reserved, sleeping, restoreEnvironment }: Switch,
): Promise<{ previousVersion: number | null } | null> {
  const { id, ref, commit, pushId } = reserved;
  if ((await findApp(tx, app.id)) === null) return null;
  const route = await claimRoute(tx, app, reserved);
  if (route === null || (await isOvertaken(tx, reserved, route))) return null;
  if (!(await advanceDeployment(tx, id, 'released'))) return null;
  const previousId = await setRoute(tx, app.id, { ...route, deploymentId: id });
  if (previousId !== null) await advanceDeployment(tx, previousId, 'replaced');
  if (route === PRODUCTION_ROUTE) {
    await recordFunctions(tx, app.id, id);
    if (previousId !== null) await inheritDomains(tx, { from: previousId, to: id });
  }
  if (sleeping !== null) await routeCommit(tx, app, { ...reserved, id: sleeping });
  if (restoreEnvironment !== undefined) {
    await setEnvironmentVersion(tx, [id], (await restoreEnvironment(tx)).version);
  }
  if (pushId !== null) await recordRef(tx, app.id, { ref, sha: commit, pushId });
  await failpoint('release.uncommitted');
  if (previousId === null || route !== PRODUCTION_ROUTE) return { previousVersion: null };
  return { previousVersion: (await findDeployment(tx, previousId))?.version ?? null };
}

async function isOvertaken(
  tx: Queryable,
  { appId, version }: Deployment,
  route: RouteTarget,
): Promise<boolean> {
  const liveId = await findRoute(tx, appId, route);
  const live = liveId === null ? null : await findDeployment(tx, liveId);
  return (live?.version ?? 0) > (version ?? 0);
}

/** The host that a deployment was made for, if it is still its ref's. */
async function claimRoute(
  tx: Queryable,
  app: App,
  { kind, ref, slug }: Deployment,
): Promise<RouteTarget | null> {
  if (kind === 'production') {
    // Of two first pushes at once, to main and to master, one becomes production.
    return (await settleProductionRef(tx, app.id, ref)) === ref ? PRODUCTION_ROUTE : null;
  }
  if (slug === null) return null;
  // The slug may have gone with a deletion of the ref, which was then pushed again.
  await claimSlug(tx, app.id, { ref, slug });
  return (await findSlug(tx, app.id, ref)) === slug ? { kind: 'ref', target: slug } : null;
}

/** The unnumbered deployment of the same bundle that the commit's own host serves, asleep until it is asked. */
async function routeCommit(tx: Queryable, app: App, like: Deployment): Promise<void> {
  const { id, commit } = like;
  if ((await findRoute(tx, app.id, { kind: 'commit', target: commit })) !== null) return;
  const unnumbered = { kind: 'commit', version: null, slug: null } as const;
  await insertDeployment(tx, { ...like, ...unnumbered, createdBy: null, owesDomains: false });
  const { bundle, envVersion } = like;
  await advanceDeployment(tx, id, 'built', { envVersion, ...(bundle !== null && { bundle }) });
  await advanceDeployment(tx, id, 'released');
  await setRoute(tx, app.id, { kind: 'commit', target: commit, deploymentId: id });
}

/** Seals the preview environment of the commit's host; null when the host has a deployment already. */
async function sealSleeping(deps: Deps, app: App, like: Deployment): Promise<string | null> {
  const { db, seal, environments } = deps;
  const existing = await findRoute(db, app.id, { kind: 'commit', target: like.commit });
  if (existing !== null || like.bundle === null) return null;
  const id = newId('dep');
  const { appId, ref, bundle, envVersion } = like;
  const commit = commitOf(like);
  const names = { id, appName: app.name, kind: 'commit' as const, ref, slug: null, version: null };
  const owner = { ...names, appId, commit, bundle, envVersion };
  await seal.seal(id, await environments.assemble(owner));
  return id;
}

async function describeBundle(
  db: Queryable,
  { appId, bundle }: Deployment,
): Promise<Pick<Released, 'bundleBytes' | 'functions'>> {
  const row = bundle === null ? null : await findBundle(db, appId, bundle);
  return { bundleBytes: row?.bytes ?? 0, functions: row?.functions ?? [] };
}

import { PlatformError } from '../protocol/errors.ts';
import { failpoint } from '../std/failpoint.ts';
import type { KeyedMutex } from '../std/mutex.ts';
import type { App } from '../store/apps.ts';
import type { Database } from '../store/database.ts';
import { findDeployment, type Deployment } from '../store/deployments.ts';
import {
  findFailedEnvironment,
  isProductionBehind,
  listPreviewsBehind,
  setEnvironmentVersion,
} from '../store/environment-deployments.ts';
import { findRoute, PRODUCTION_ROUTE } from '../store/routes.ts';
import type { DeployAgain } from './deploy-again.ts';
import type { Environments } from './environments.ts';
import type { DataPlanePort, SealPort } from './ports.ts';
import { commitOf } from './variables.ts';

/**
 * Brings what serves to the app's newest environment, without a build: production by a new deployment of the same
 * bundle, previews by new sealed files and new workers. It asks only what is behind, so that it may be called at any
 * time: after a change, after a release that a change has overtaken, and by the reconciler. Changes that come while
 * it works are taken together by the next call.
 */
export interface EnvironmentReleases {
  catchUp(app: App, by?: { tokenId: string }): Promise<CaughtUp>;
}

export interface CaughtUp {
  production: ProductionOutcome;
  /** Previews whose environment was replaced; sleeping ones take it at their next start. */
  previews: number;
}

export type ProductionOutcome =
  /** Nothing is live yet. */
  | { kind: 'none' }
  /** What is live has the newest values, `released` by this call or not. */
  | { kind: 'current'; live: Deployment; isReleased: boolean }
  /** The code does not start with them: what was live before still serves, with the values of then. */
  | { kind: 'failed'; live: Deployment; reason: string }
  /** No worker could be had; it is tried again. */
  | { kind: 'postponed'; live: Deployment; reason: string };

interface Deps {
  db: Database;
  environments: Environments;
  deployAgain: DeployAgain;
  seal: SealPort;
  data: DataPlanePort;
  /** One catching up at a time for each app. */
  locks: KeyedMutex;
}

/** Of two releases at once the slower begins anew, with what the faster has made live. */
const ATTEMPTS = 3;
/** Files are written and synced one by one otherwise. */
const SEALS_AT_A_TIME = 8;

export function createEnvironmentReleases(deps: Deps): EnvironmentReleases {
  const { db, environments, deployAgain, seal, data, locks } = deps;
  /** Previews that were sealed anew and not restarted since: their workers may have the values of any version between. */
  const unrestarted = new Set<string>();

  async function catchUpProduction(
    app: App,
    version: number,
    by: string | null,
  ): Promise<ProductionOutcome> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const id = await findRoute(db, app.id, PRODUCTION_ROUTE);
      const live = id === null ? null : await findDeployment(db, id);
      if (live === null) return { kind: 'none' };
      if (!(await needsRelease(live, version))) return { kind: 'current', live, isReleased: false };
      const failed = await findFailedEnvironment(db, { like: live, version });
      if (failed !== null) return { kind: 'failed', live, reason: failed };
      const outcome = await release(app, live, by);
      if (outcome !== null) return outcome;
    }
    throw new PlatformError('busy', 'other releases were faster, again and again', {
      hint: 'the change is kept and goes live with the next release',
    });
  }

  /** Only when the code would see a difference. */
  async function needsRelease(live: Deployment, version: number): Promise<boolean> {
    if (!(await isProductionBehind(db, live))) return false;
    return environments.differ({ ...live, bundle: bundleOf(live) }, live.envVersion, version);
  }

  /** Null when another release came between. */
  async function release(
    app: App,
    live: Deployment,
    tokenId: string | null,
  ): Promise<ProductionOutcome | null> {
    const by = { trigger: 'environment' as const, tokenId, replaces: live.id };
    try {
      const { deployment } = await deployAgain(app, live, by);
      return { kind: 'current', live: deployment, isReleased: true };
    } catch (error) {
      if (!(error instanceof PlatformError)) throw error;
      const { code, message: reason } = error;
      if (code === 'conflict') return null;
      return { kind: code === 'release-failed' ? 'failed' : 'postponed', live, reason };
    }
  }

  /** What was not restarted, or could not be sealed, is still behind, and the next call takes it up again. */
  async function catchUpPreviews(app: App, version: number): Promise<number> {
    const behind = await listPreviewsBehind(db, app.id);
    const sealed: string[] = [];
    const failures: unknown[] = [];
    const next = behind.values();
    const work = async (): Promise<void> => {
      for (const preview of next) {
        try {
          await resealPreview(app, preview, version);
          sealed.push(preview.id);
        } catch (error) {
          failures.push(error); // The others need not wait for it.
        }
      }
    };
    await Promise.all(Array.from({ length: SEALS_AT_A_TIME }, work));
    if (sealed.length > 0) await failpoint('environment.preview-sealed');
    const changed = sealed.filter((id) => unrestarted.has(id));
    if (changed.length > 0) await data.restart(changed);
    for (const id of changed) unrestarted.delete(id);
    await setEnvironmentVersion(db, sealed, version);
    if (failures.length > 0) throw failures[0];
    return changed.length;
  }

  /** What its code sees no difference in needs no restart. */
  async function resealPreview(app: App, preview: Deployment, version: number): Promise<void> {
    const owner = { ...preview, bundle: bundleOf(preview) };
    const described = { ...owner, appName: app.name, commit: commitOf(preview) };
    const assembled = await environments.assemble({ ...described, envVersion: version });
    if (await environments.differ(owner, preview.envVersion, version)) unrestarted.add(preview.id);
    await seal.seal(preview.id, assembled);
  }

  return {
    catchUp: (app, by) =>
      locks.run(app.id, async () => {
        const version = await environments.version(app.id);
        if (version === 0) return { production: await nothingToDo(app), previews: 0 };
        const production = await catchUpProduction(app, version, by?.tokenId ?? null);
        return { production, previews: await catchUpPreviews(app, version) };
      }),
  };

  async function nothingToDo(app: App): Promise<ProductionOutcome> {
    const id = await findRoute(db, app.id, PRODUCTION_ROUTE);
    const live = id === null ? null : await findDeployment(db, id);
    return live === null ? { kind: 'none' } : { kind: 'current', live, isReleased: false };
  }
}

function bundleOf({ id, bundle }: Deployment): string {
  if (bundle === null) throw new Error(`${id} is live without a bundle`);
  return bundle;
}

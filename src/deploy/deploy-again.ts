import { PlatformError } from '../protocol/errors.ts';
import type { Clock } from '../std/clock.ts';
import { findApp, type App } from '../store/apps.ts';
import { findBundle } from '../store/builds.ts';
import type { Database, Queryable } from '../store/database.ts';
import type { Deployment, DeploymentTrigger } from '../store/deployments.ts';
import type { BuiltBundle } from './ports.ts';
import type { Released, Releases } from './release.ts';
import { describeInitFailure } from './report.ts';
import type { Reservation, Reservations } from './reservation.ts';
import { commitOf } from './variables.ts';

/** A stored bundle made live once more, as a new version on the host of the deployment that it is taken from. */
export type DeployAgain = (app: App, source: Deployment, by: DeployedBy) => Promise<DeployedAgain>;

interface DeployedBy {
  trigger: DeploymentTrigger;
  tokenId: string | null;
  /** Only in its place: when something else is live meanwhile, nothing happens. */
  replaces?: string | undefined;
  /** Of an older version, instead of the newest. */
  environment?: OlderEnvironment;
  /** When its workers are up; what it throws keeps it from going live. */
  beforeRelease?: (reservation: Reservation, bundle: BuiltBundle) => Promise<void>;
}

interface OlderEnvironment {
  version: number;
  /** Makes it the newest, in the release's own transaction. */
  restore: (tx: Queryable) => Promise<{ version: number }>;
}

export interface DeployedAgain extends Released {
  elapsedMs: number;
}

interface Deps {
  db: Database;
  reservations: Reservations;
  releases: Releases;
  clock: Clock;
}

/** What was live before serves until the new workers are warm, and for good when they do not start. */
export function createDeployAgain({ db, reservations, releases, clock }: Deps): DeployAgain {
  /** @throws PlatformError release-failed, or busy when no worker can be had */
  async function warm(
    app: App,
    reservation: Reservation,
    { source, envVersion }: { source: Deployment; envVersion: number | undefined },
  ): Promise<BuiltBundle> {
    const bundle = source.bundle && (await findBundle(db, app.id, source.bundle));
    if (!bundle) throw new Error(`the bundle of ${source.id} is gone`);
    const built = { ...bundle, entries: {} };
    const prepared = await reservations.warm(reservation, built, { buildMs: null, envVersion });
    if (prepared.kind === 'unavailable') throw new PlatformError('busy', prepared.message);
    if (prepared.kind === 'ready') return built;
    const reason = describeInitFailure(prepared.failure);
    throw new PlatformError('release-failed', `v${source.version} does not start: ${reason}`, {
      hint: 'what was live before still serves; choose another version with: fn releases',
    });
  }

  /** Null when another release was faster. */
  async function deployOnce(
    app: App,
    source: Deployment,
    { trigger, tokenId, replaces, environment, beforeRelease }: DeployedBy,
  ): Promise<Released | null> {
    const { ref, kind } = source;
    if (kind === 'commit') throw new Error('a commit host has no version of its own');
    const commit = commitOf(source);
    // The code is that of the first of them, so that a rollback leads to other code.
    const sourceVersion = isOwnCode(source) ? source.version : source.sourceVersion;
    const origin = { pushId: null, createdBy: tokenId, sourceVersion };
    const reservation = await reservations.reserve({ app, ref, kind, commit, trigger, ...origin });
    try {
      const bundle = await warm(app, reservation, { source, envVersion: environment?.version });
      await beforeRelease?.(reservation, bundle);
      const options = { isPush: false, replaces, restoreEnvironment: environment?.restore };
      const released = await releases.release(app, reservation.id, options);
      if (released === null) await reservations.fail(reservation, OVERTAKEN);
      return released;
    } catch (error) {
      await reservations.fail(reservation, failureReason(error));
      throw error;
    } finally {
      reservations.letGo(reservation.id);
    }
  }

  return async (app, source, by) => {
    const beganAt = clock.monotonicMs();
    // What shall replace one release is not to replace another.
    const attempts = by.replaces === undefined ? ATTEMPTS : 1;
    for (let attempt = 0; attempt < attempts; attempt++) {
      const released = await deployOnce(app, source, by);
      if (released !== null) return { ...released, elapsedMs: clock.monotonicMs() - beganAt };
      if ((await findApp(db, app.id)) === null) break;
    }
    throw new PlatformError('conflict', `the ${by.trigger} was overtaken by another release`, {
      hint: 'see what is live now: fn releases',
    });
  };
}

/** Whether it brought its code to where it serves, instead of bringing some back: a push, or what was promoted. */
export function isOwnCode({ trigger, sourceVersion }: Deployment): boolean {
  return sourceVersion === null || trigger === 'promote';
}

/** Begins a reason that says nothing about the code. */
export const INTERRUPTED = 'interrupted: ';
const OVERTAKEN = `${INTERRUPTED}overtaken by another release`;

/** What was overtaken by a release with a later version is deployed again, as one that is later still. */
const ATTEMPTS = 3;

function failureReason(error: unknown): string {
  if (!(error instanceof PlatformError)) return `${INTERRUPTED}the platform failed`;
  return error.code === 'release-failed' ? error.message : `${INTERRUPTED}${error.message}`;
}

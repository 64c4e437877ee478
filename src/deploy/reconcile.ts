import { ZERO_OID } from '../model/ref.ts';
import type { Clock } from '../std/clock.ts';
import { newId } from '../std/ids.ts';
import { findApp, listApps, type App } from '../store/apps.ts';
import type { Database } from '../store/database.ts';
import {
  advanceDeployment,
  listUnsettled,
  retireDrained,
  type Deployment,
} from '../store/deployments.ts';
import { listRecordedRefs } from '../store/refs.ts';
import type { DataPlanePort, RepositoryPort, RepositoryRef } from './ports.ts';
import type { Pushes } from './push.ts';
import type { Releases } from './release.ts';
import type { Reservations } from './reservation.ts';

/**
 * Settles what a crash, or a process that was away, left open, so that an accepted push is never lost: compares every
 * repository with what was released, fails reservations that nobody waits for, retires what has drained.
 */
export interface Reconciler {
  /** One round over all apps. */
  reconcile(): Promise<void>;
  /** A round now and then; stops when the signal aborts. */
  start(signal: AbortSignal): void;
}

interface Deps {
  db: Database;
  repository: RepositoryPort;
  data: DataPlanePort;
  pushes: Pushes;
  reservations: Reservations;
  releases: Releases;
  clock: Clock;
  drainMs: number;
  onError: (error: unknown) => void;
}

const ROUND_MS = 30_000;
/** While the git front is still starting there is nothing to compare with yet. */
const RETRY_MS = 1_000;

export function createReconciler(deps: Deps): Reconciler {
  const { db, reservations, clock } = deps;

  async function reconcile(): Promise<void> {
    await retireDrained(db, deps.drainMs);
    const skipped = new Set<string>();
    for (const app of await listApps(db, null)) {
      const { isBusy, refs } = await deps.repository.listRefs(app.id);
      if (isBusy) skipped.add(app.id);
      else await reconcileRefs(deps, app, refs);
    }
    for (const deployment of await listUnsettled(db)) {
      const isOpen = reservations.isHeld(deployment.id) || skipped.has(deployment.appId);
      if (!isOpen) await abandon(deps, deployment);
    }
  }

  return {
    reconcile,
    start(signal) {
      let cancel = (): void => {};
      signal.addEventListener('abort', () => cancel(), { once: true });
      const again = (delayMs: number): void => {
        if (!signal.aborted) cancel = clock.after(delayMs, round);
      };
      const round = (): void => {
        reconcile().then(
          () => again(ROUND_MS),
          (error: unknown) => {
            deps.onError(error);
            again(RETRY_MS);
          },
        );
      };
      round();
    },
  };
}

/** Releases each ref that differs from its last recorded push, and forgets those that are gone. */
async function reconcileRefs(deps: Deps, app: App, refs: RepositoryRef[]): Promise<void> {
  const recorded = new Map(
    (await listRecordedRefs(deps.db, app.id)).map((entry) => [entry.ref, entry.sha]),
  );
  const silent = (): void => {};
  for (const { ref, commit } of refs) {
    if (recorded.get(ref) === commit.sha) continue;
    // The app is read again: an earlier ref of this round may have become its production branch.
    const current = (await findApp(deps.db, app.id)) ?? app;
    const by = { pushId: newId('push'), createdBy: null, trigger: 'reconcile' as const };
    await deps.pushes.releaseRef(current, { update: { ref, commit }, ...by }, silent);
  }
  const alive = new Set(refs.map((entry) => entry.ref));
  for (const [ref, sha] of recorded) {
    if (!alive.has(ref) && sha !== ZERO_OID) await deps.releases.remove(app, ref);
  }
}

/** A reservation whose push ended without moving its ref. */
async function abandon(deps: Deps, deployment: Deployment): Promise<void> {
  const reason = 'interrupted: the push ended before its ref moved';
  await advanceDeployment(deps.db, deployment.id, 'failed', { reason });
  await deps.data.release(deployment.id).catch(deps.onError);
}

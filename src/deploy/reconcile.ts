import type { Clock } from '../std/clock.ts';
import { newId } from '../std/ids.ts';
import type { KeyedMutex } from '../std/mutex.ts';
import { findApp, listApps, type App } from '../store/apps.ts';
import type { Database } from '../store/database.ts';
import {
  filterEnded,
  listUnsettled,
  retireDrained,
  type Deployment,
} from '../store/deployments.ts';
import { findRecordedSha, listRecordedRefs } from '../store/refs.ts';
import type { AppLives } from './app-lives.ts';
import type { EnvironmentReleases } from './environment-releases.ts';
import type { RepositoryPort, SealPort } from './ports.ts';
import type { Publisher } from './publisher.ts';
import { refKey, type Pushes } from './push.ts';
import { createRounds } from './rounds.ts';
import type { Releases } from './release.ts';
import type { Reservations } from './reservation.ts';
import type { SealedKeeper } from './sealed-keeper.ts';

/**
 * Settles what a crash, or a process that was away, left open, so that an accepted push is never lost: compares every
 * repository with what was released, fails reservations that nobody waits for, repeats what could not be told to the
 * router or to git, and clears away what has ended.
 */
export interface Reconciler {
  /** One round over all apps. Trouble with one thing is reported and does not keep the others waiting. */
  reconcile(): Promise<void>;
  /** A round now and then; stops when the signal aborts. */
  start(signal: AbortSignal): void;
  /** Something was left open that the next round can settle: it is not to wait for its time. */
  soon(): void;
}

interface Deps {
  db: Database;
  repository: Pick<RepositoryPort, 'listRefs'>;
  pushes: Pushes;
  reservations: Reservations;
  releases: Releases;
  publisher: Publisher;
  seal: SealPort;
  sealedKeeper: SealedKeeper;
  lives: Pick<AppLives, 'goOn'>;
  environmentReleases: EnvironmentReleases;
  refLocks: KeyedMutex;
  clock: Clock;
  drainMs: number;
  onError: (error: unknown) => void;
}

const ROUND_MS = 30_000;
/** While the git front is still starting there is nothing to compare with yet; and whoever is away may be back by then. */
const RETRY_MS = 1_000;
/** A build of one app must not keep all others waiting. */
const APPS_AT_A_TIME = 4;
/** An environment is sealed shortly before its deployment has a row. */
const SEALED_BEFORE_ROW_MS = 10 * 60_000;

export function createReconciler(deps: Deps): Reconciler {
  const { db, publisher, onError } = deps;

  /** Returns whether nothing went wrong. Once it is aborted it begins nothing more: the database is being closed. */
  async function round(signal: AbortSignal | null): Promise<boolean> {
    let isWhole = true;
    const attempt = async (work: () => Promise<unknown>): Promise<void> => {
      if (signal?.aborted) return;
      try {
        await work();
      } catch (error) {
        isWhole = false;
        if (!signal?.aborted) onError(error);
      }
    };
    await attempt(async () => deps.seal.remove(await retireDrained(db, deps.drainMs)));
    await attempt(async () => publisher.isBehind && (await publisher.publish()));
    await attempt(() => deps.lives.goOn());
    const busy = new Set<string>();
    /** Apps whose refs nobody could tell: what is reserved for them may be that of a ref that has moved. */
    const unread = new Set<string>();
    let isWaiting = false;
    await attempt(async () => {
      const apps = await listApps(db, null);
      for (const { id } of apps) unread.add(id);
      const next = apps.values();
      const work = async (): Promise<void> => {
        for (const app of next) {
          await attempt(async () => {
            const found = await reconcileApp(deps, app);
            for (const ref of found.busyRefs) busy.add(refKey(app.id, ref));
            unread.delete(app.id);
            isWaiting ||= found.isWaiting;
          });
          await attempt(() => deps.environmentReleases.catchUp(app));
        }
      };
      await Promise.all(Array.from({ length: APPS_AT_A_TIME }, work));
    });
    await attempt(async () => {
      const isBusy = ({ appId, ref }: Deployment): boolean =>
        unread.has(appId) || busy.has(refKey(appId, ref));
      isWaiting = (await failAbandoned(deps, isBusy, attempt)) || isWaiting;
    });
    await attempt(() => deps.sealedKeeper.restoreMissing());
    return isWhole && !isWaiting;
  }

  const rounds = createRounds(round, deps.clock, { roundMs: ROUND_MS, soonMs: RETRY_MS });

  return {
    reconcile: async () => void (await round(null)),
    soon: () => rounds.soon(),
    start(signal) {
      rounds.start(signal);
      deps.sealedKeeper.restoreUnreadable().catch(onError);
      removeEndedEnvironments(deps).catch(onError);
    },
  };
}

interface Reconciled {
  /** Of pushes under way, which settle these by themselves. */
  busyRefs: string[];
  /** One of these differs: should its push not settle it, it is for the next round. */
  isWaiting: boolean;
}

/** Releases each ref that differs from its last recorded push, and removes those that are gone. */
async function reconcileApp(deps: Deps, app: App): Promise<Reconciled> {
  const { busyRefs, refs, live } = await deps.repository.listRefs(app.id);
  const recorded = await listRecordedRefs(deps.db, app.id);
  const alive = new Map(refs.map(({ ref, commit }) => [ref, commit.sha]));
  const known = new Map(recorded.map(({ ref, sha }) => [ref, sha]));
  const differing = [...new Set([...alive.keys(), ...known.keys()])].filter(
    (ref) => alive.get(ref) !== known.get(ref),
  );
  for (const ref of differing) {
    if (busyRefs.includes(ref)) continue;
    await deps.refLocks.run(refKey(app.id, ref), () => reconcileRef(deps, app.id, ref));
  }
  await deps.releases.correctLiveRefs(app, live);
  return { busyRefs, isWaiting: differing.some((ref) => busyRefs.includes(ref)) };
}

/** Everything is read again: while the lock was waited for, a push may have settled the ref. */
async function reconcileRef(deps: Deps, appId: string, ref: string): Promise<void> {
  const { busyRefs, refs } = await deps.repository.listRefs(appId);
  const app = await findApp(deps.db, appId);
  if (busyRefs.includes(ref) || app === null) return;
  const commit = refs.find((entry) => entry.ref === ref)?.commit;
  const recorded = await findRecordedSha(deps.db, appId, ref);
  if (commit === undefined) {
    if (recorded !== null) await deps.releases.remove(app, ref);
  } else if (commit.sha !== recorded) {
    const by = { pushId: newId('push'), createdBy: null, trigger: 'reconcile' as const };
    await deps.pushes.releaseRef(app, { ref, commit, ...by }, () => {});
  }
}

/**
 * Reservations whose push ended without moving its ref. Whether there are some left that nobody works on: a push of their ref
 * still runs, which may be theirs, or nobody could tell where it is.
 */
async function failAbandoned(
  deps: Deps,
  isBusy: (deployment: Deployment) => boolean,
  attempt: (work: () => Promise<unknown>) => Promise<void>,
): Promise<boolean> {
  const unsettled = await listUnsettled(deps.db);
  const abandoned = unsettled.filter(({ id }) => !deps.reservations.isHeld(id));
  for (const deployment of abandoned.filter((one) => !isBusy(one))) {
    await attempt(() =>
      deps.reservations.fail(deployment, 'interrupted: the push ended before its ref moved'),
    );
  }
  return abandoned.some(isBusy);
}

/** What was not removed when it ended, because of a crash: secrets of the past need not lie about. */
async function removeEndedEnvironments({ db, seal }: Deps): Promise<void> {
  const sealed = await seal.listOlderThan(SEALED_BEFORE_ROW_MS);
  await seal.remove(await filterEnded(db, sealed));
}

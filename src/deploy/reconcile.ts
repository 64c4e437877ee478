import type { Clock } from '../std/clock.ts';
import { newId } from '../std/ids.ts';
import type { KeyedMutex } from '../std/mutex.ts';
import { findApp, listApps, listUnsettledApps, type App } from '../store/apps.ts';
import type { Database } from '../store/database.ts';
import {
  filterEnded,
  listUnsettled,
  retireDrained,
  type Deployment,
} from '../store/deployments.ts';
import { findRecordedSha, listRecordedRefs, releaseUnusedSlugs } from '../store/refs.ts';
import type { AppLives } from './app-lives.ts';
import { createAttempt, type Attempt } from './attempt.ts';
import type { DomainDeclarations } from './declare-domains.ts';
import type { EnvironmentReleases } from './environment-releases.ts';
import type { RepositoryPort, SealPort } from './ports.ts';
import type { Publisher } from './publisher.ts';
import { refKey, type Pushes } from './push.ts';
import { createReleaseRetries, type ReleaseRetries } from './release-retries.ts';
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
  declarations: Pick<DomainDeclarations, 'catchUp'>;
  lives: Pick<AppLives, 'settleBegun' | 'clearEnded'>;
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
const SWEEP_MS = 60 * 60_000;
const ENDED_BEFORE_MOVE = 'interrupted: the push ended before its ref moved';

export function createReconciler(deps: Deps): Reconciler {
  const { db, publisher, clock, onError } = deps;
  const retries = createReleaseRetries(clock);
  let clearing: Promise<void> | null = null;

  /** It may take minutes: beside the rounds, one at a time. */
  function clearEnded(signal: AbortSignal | null): void {
    const attempt = createAttempt(signal, onError);
    clearing ??= attempt(() => deps.lives.clearEnded(attempt)).finally(() => {
      clearing = null;
    });
  }

  /** No worker can be had at the moment: each try takes a version. */
  async function catchUp(app: App): Promise<void> {
    const key = `${app.id} environment`;
    if (!retries.isDue(key)) return;
    const { production } = await deps.environmentReleases.catchUp(app);
    if (production.kind === 'postponed') retries.failed(key);
    else retries.settled(key);
  }

  /** Returns whether nothing is left open. */
  async function round(signal: AbortSignal | null): Promise<boolean> {
    let isWhole = true;
    const attempt = createAttempt(signal, (error) => {
      isWhole = false;
      onError(error);
    });
    await attempt(() => deps.lives.settleBegun(attempt));
    clearEnded(signal);
    await attempt(async () => publisher.isBehind && (await publisher.publish()));
    await attempt(() => retire(deps));
    const found = new Findings();
    await attempt(async () => {
      // Before any ref is read: of what is let go meanwhile, the ref may have been read before it moved.
      found.abandoned = await listAbandoned(deps);
      const apps = await listApps(db, null);
      for (const { id } of [...apps, ...(await listUnsettledApps(db))]) found.unread.add(id);
      const next = apps.values();
      const work = async (): Promise<void> => {
        for (const app of next) {
          await attempt(() => reconcileApp({ ...deps, retries, attempt }, app, found));
          await attempt(() => catchUp(app));
        }
      };
      await Promise.all(Array.from({ length: APPS_AT_A_TIME }, work));
    });
    await failAbandoned({ ...deps, attempt }, found);
    await attempt(() => deps.sealedKeeper.restoreMissing(attempt));
    await attempt(() => deps.declarations.catchUp(attempt));
    return isWhole && !found.isWaiting;
  }

  const rounds = createRounds(round, clock, { roundMs: ROUND_MS, soonMs: RETRY_MS });
  const sweep = async (signal: AbortSignal): Promise<boolean> => {
    const attempt = createAttempt(signal, onError);
    await attempt(() => removeEndedEnvironments(deps));
    await attempt(() => releaseUnusedSlugs(db));
    return true;
  };
  const sweeps = createRounds(sweep, clock, { roundMs: SWEEP_MS, soonMs: SWEEP_MS });

  return {
    reconcile: async () => void (await round(null)),
    soon: () => rounds.soon(),
    start(signal) {
      const attempt = createAttempt(signal, onError);
      rounds.start(signal);
      void attempt(() => deps.sealedKeeper.restoreUnreadable(attempt));
      sweeps.start(signal);
    },
  };
}

/** What one round sees. Refs are named by `refKey`. */
class Findings {
  /** Apps whose refs nobody could tell: what is reserved for them may be that of a ref that has moved. */
  readonly unread = new Set<string>();
  /** Of pushes under way, which settle them by themselves. */
  readonly busy = new Set<string>();
  /** Not where they were when they were released last, and what is there could not be released. */
  readonly unsettled = new Set<string>();
  /** Reservations that nobody works on. */
  abandoned: Deployment[] = [];
  /** Something is left for a round that is to come soon. */
  isWaiting = false;

  /** Whether what is reserved for the ref may yet be what it has moved to. */
  isOpen(appId: string, ref: string): boolean {
    const key = refKey(appId, ref);
    return this.unread.has(appId) || this.busy.has(key) || this.unsettled.has(key);
  }
}

/** What has drained goes; while the router may still lead to it, it stays. */
async function retire({ db, publisher, seal, drainMs }: Deps): Promise<void> {
  if (publisher.isBehind) return;
  await seal.remove(await retireDrained(db, drainMs));
}

/** Releases each ref that differs from its last recorded push, and removes those that are gone. */
async function reconcileApp(
  deps: Deps & { retries: ReleaseRetries; attempt: Attempt },
  app: App,
  found: Findings,
): Promise<void> {
  const { busyRefs, refs, live } = await deps.repository.listRefs(app.id);
  const recorded = await listRecordedRefs(deps.db, app.id);
  for (const ref of busyRefs) found.busy.add(refKey(app.id, ref));
  found.unread.delete(app.id);
  const alive = new Map(refs.map(({ ref, commit }) => [ref, commit.sha]));
  const known = new Map(recorded.map(({ ref, sha }) => [ref, sha]));
  for (const ref of new Set([...alive.keys(), ...known.keys()])) {
    const key = refKey(app.id, ref);
    if (alive.get(ref) === known.get(ref)) {
      deps.retries.settled(key);
      continue;
    }
    found.unsettled.add(key);
    if (busyRefs.includes(ref) || !deps.retries.isDue(key)) continue;
    await deps.attempt(async () => {
      const settle = () => reconcileRef(deps, app.id, ref);
      if (await deps.refLocks.run(key, settle)) found.unsettled.delete(key);
    });
  }
  if (found.unsettled.size > 0) found.isWaiting = true;
  await deps.releases.correctLiveRefs(app, live);
}

/**
 * Everything is read again: while the lock was waited for, a push may have settled the ref. False where one is under way that
 * will.
 */
async function reconcileRef(
  deps: Deps & { retries: ReleaseRetries },
  appId: string,
  ref: string,
): Promise<boolean> {
  const { busyRefs, refs } = await deps.repository.listRefs(appId);
  const app = await findApp(deps.db, appId);
  if (busyRefs.includes(ref)) return false;
  if (app === null) return true;
  const commit = refs.find((entry) => entry.ref === ref)?.commit;
  const recorded = await findRecordedSha(deps.db, appId, ref);
  if (commit === undefined) {
    if (recorded !== null) await deps.releases.remove(app, ref);
  } else if (commit.sha !== recorded) {
    const by = { pushId: newId('push'), createdBy: null, trigger: 'reconcile' as const };
    try {
      await deps.pushes.releaseRef(app, { ref, commit, ...by }, () => {});
    } catch (error) {
      deps.retries.failed(refKey(appId, ref));
      throw error;
    }
  }
  return true;
}

async function listAbandoned({ db, reservations }: Deps): Promise<Deployment[]> {
  return (await listUnsettled(db)).filter(({ id }) => !reservations.isHeld(id));
}

/** Those whose push ended without moving its ref; those that are live by now stay so. */
async function failAbandoned(
  { reservations, attempt }: Deps & { attempt: Attempt },
  found: Findings,
): Promise<void> {
  for (const deployment of found.abandoned) {
    const { appId, ref } = deployment;
    if (found.isOpen(appId, ref)) found.isWaiting = true;
    else await attempt(() => reservations.fail(deployment, ENDED_BEFORE_MOVE));
  }
}

/** What was not removed when it ended, because of a crash: secrets of the past need not lie about. */
async function removeEndedEnvironments({ db, seal }: Deps): Promise<void> {
  const sealed = await seal.listOlderThan(SEALED_BEFORE_ROW_MS);
  await seal.remove(await filterEnded(db, sealed));
}

import { MAX_REFS_PER_PUSH } from '../model/limits.ts';
import type { PushOutcome } from '../model/push.ts';
import { shortRefName } from '../model/slug.ts';
import type { PushedRefs, RefUpdate } from '../protocol/git-front.ts';
import type { Clock } from '../std/clock.ts';
import { failpoint } from '../std/failpoint.ts';
import type { KeyedMutex } from '../std/mutex.ts';
import { findApp, type App } from '../store/apps.ts';
import { findLive } from './find-live.ts';
import type { Report } from './ports.ts';
import type { PushJournal } from './push-journal.ts';
import type { NewPush } from './push-record.ts';
import { problemLine } from './report.ts';
import { kindOfRef, type Reservation } from './reservation.ts';
import {
  createSettlements,
  provisionalProductionRef,
  type Settled,
  type SettlementDeps,
  type Settlements,
} from './settlements.ts';

/** What git's two hooks ask. Both take the same updates; between them git moves the refs. */
export interface Pushes {
  /** Nothing has moved: builds and warms every tip. All of them, or the push is rejected whole. */
  preReceive(pushed: PushedRefs, report: Report, signal: AbortSignal): Promise<boolean>;
  /** The refs have moved: makes the reserved deployments live. Repeating it changes nothing. */
  postReceive(pushed: PushedRefs, report: Report): Promise<boolean>;
  /** git has ended without telling by `postReceive` of all that was accepted. Where its refs are decides what becomes of it. */
  end(appId: string, pushId: string): void;
  releaseRef: Settlements['releaseRef'];
}

interface Deps extends SettlementDeps {
  /** One settlement of a ref at a time, by `refKey`: the hook's or the reconciler's. */
  refLocks: KeyedMutex;
  journal: PushJournal;
  clock: Clock;
}

/** git moves the refs of an accepted push in milliseconds: by then its post-receive has come, or the git front has died. */
const HOOK_LATE_MS = 3_000;

/** How long after an accepted pre-receive its post-receive may come; then the reconciler settles the push. */
const HOOK_GAP_MS = 60_000;

/** Names a ref among all apps. */
export function refKey(appId: string, ref: string): string {
  return `${appId} ${ref}`;
}

export function createPushes(deps: Deps): Pushes {
  const { db, deployer, reservations, refLocks, journal, clock } = deps;
  const settlements = createSettlements(deps);
  const startedAt = new Map<string, number>();
  /** Accepted, and their post-receive has not come yet. */
  const awaited = new Set<string>();
  /** What pushes that were accepted have reserved, until their second hook comes or cannot come any more. */
  const accepted = new Map<string, Reservation[]>();

  /** Null when all tips are reserved; otherwise how the push has ended. */
  async function deployAll(
    app: App,
    pushed: PushedRefs,
    context: { report: Report; signal: AbortSignal; reserved: Reservation[] },
  ): Promise<PushOutcome | null> {
    const refs = pushed.updates.map((update) => update.ref);
    const productionRef = provisionalProductionRef(app, refs);
    // Production's release command is not to run for a push that another ref of it fails.
    const last = ({ ref }: RefUpdate): number => (ref === productionRef ? 1 : 0);
    for (const { ref, commit } of pushed.updates.toSorted((a, b) => last(a) - last(b))) {
      if (commit === null) continue;
      const kind = kindOfRef(ref, productionRef);
      const live = await findLive(db, { appId: app.id, ref, kind });
      if (live?.commit === commit.sha) continue;
      const { pushId, principal } = pushed;
      const by = { trigger: 'push' as const, pushId, createdBy: principal.tokenId };
      const request = { app, ref, kind, commit, ...by, isAccepted: false };
      const answer = await deployer.deploy(request, context.report, context.signal);
      if (answer.kind !== 'reserved') return answer.outcome;
      context.reserved.push(answer.reservation);
    }
    // Whoever cancelled while the last ref had nothing to build was told that the push ends.
    if (context.signal.aborted) context.report(problemLine('cancelled'));
    return context.signal.aborted ? 'cancelled' : null;
  }

  /** Of a push whose second hook has not come: what is not live by now is the reconciler's. */
  function giveUp(appId: string, pushId: string): void {
    const reserved = accepted.get(pushId);
    if (reserved === undefined) return;
    accepted.delete(pushId);
    awaited.delete(pushId);
    startedAt.delete(pushId);
    for (const { id } of reserved) reservations.letGo(id);
    journal.find(appId, pushId)?.end('failed');
  }

  /** What a rejected push had reserved must not wait for the reconciler. */
  async function settleReserved(
    { appId, pushId }: PushedRefs,
    reserved: Reservation[],
    isAccepted: boolean,
  ): Promise<void> {
    if (isAccepted) {
      awaited.add(pushId);
      accepted.set(pushId, reserved);
      clock.after(HOOK_LATE_MS, () => awaited.delete(pushId) && deps.onUnsettled());
      clock.after(HOOK_GAP_MS, () => giveUp(appId, pushId));
      return;
    }
    startedAt.delete(pushId);
    const reason = 'another ref of the same push was rejected';
    // With the database away the first that fails must not keep the others from the reconciler.
    for (const { id } of reserved) reservations.letGo(id);
    for (const reservation of reserved) await reservations.fail(reservation, reason);
  }

  return {
    releaseRef: (app, push, report) => settlements.releaseRef(app, push, report),

    end(appId, pushId) {
      giveUp(appId, pushId);
      deps.onUnsettled();
    },

    async preReceive(pushed, pusher, signal) {
      const app = await findApp(db, pushed.appId);
      if (app === null) {
        pusher(problemLine('the app was deleted meanwhile'));
        return false;
      }
      const record = journal.begin(describePush(pushed));
      const report = record.reportTo(pusher);
      const problem = policyProblem(app, pushed.updates);
      if (problem !== null) {
        report(problemLine(problem));
        record.end('refused');
        return false;
      }
      await failpoint('push.asked');
      startedAt.set(pushed.pushId, clock.monotonicMs());
      const reserved: Reservation[] = [];
      const ended = AbortSignal.any([signal, record.signal]);
      let outcome: PushOutcome | null = 'failed';
      try {
        outcome = await deployAll(app, pushed, { report, signal: ended, reserved });
        if (outcome === null) await failpoint('push.accepted');
      } catch (error) {
        // With the database away, what was reserved could not be failed either.
        deps.onUnsettled();
        throw error;
      } finally {
        if (outcome === null) record.accept();
        else record.end(outcome);
        await settleReserved(pushed, reserved, outcome === null);
      }
      return outcome === null;
    },

    async postReceive(pushed, pusher) {
      awaited.delete(pushed.pushId);
      const reserved = accepted.get(pushed.pushId) ?? [];
      accepted.delete(pushed.pushId);
      const record = journal.find(pushed.appId, pushed.pushId);
      const report = record?.reportTo(pusher) ?? pusher;
      const beganAt = startedAt.get(pushed.pushId) ?? clock.monotonicMs();
      const settled = new Set<Settled>();
      try {
        for (const update of pushed.updates) {
          const settle = () => settlements.settle(pushed, update, { report, beganAt });
          settled.add(await refLocks.run(refKey(pushed.appId, update.ref), settle));
        }
        record?.end(outcomeOf(settled));
      } catch (error) {
        deps.onUnsettled();
        throw error;
      } finally {
        record?.end('failed');
        startedAt.delete(pushed.pushId);
        for (const { id } of reserved) reservations.letGo(id);
      }
      return outcomeOf(settled) === 'succeeded';
    },
  };
}

/** Of a push of several refs, the worst. */
function outcomeOf(settled: ReadonlySet<Settled>): PushOutcome {
  if (settled.has('failed')) return 'release-failed';
  return settled.has('superseded') ? 'superseded' : 'succeeded';
}

function describePush({ pushId, appId, principal, updates }: PushedRefs): NewPush {
  const refs = updates.map(({ ref, commit }) => ({ ref, commit: commit?.sha ?? null }));
  return { id: pushId, appId, by: principal.tokenName, refs };
}

/** Why a push may not be accepted whatever its code, or null. */
function policyProblem(app: App, updates: RefUpdate[]): string | null {
  const deployed = updates.filter((update) => update.commit !== null);
  if (deployed.length > MAX_REFS_PER_PUSH) {
    return `one push deploys at most ${MAX_REFS_PER_PUSH} branches and tags, this one has ${deployed.length}: push fewer at a time`;
  }
  const doomed = updates.find(
    (update) => update.commit === null && update.ref === app.productionRef,
  );
  if (doomed) {
    return `${shortRefName(doomed.ref)} is the production branch of ${app.name} and can't be deleted`;
  }
  return null;
}

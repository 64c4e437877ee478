import { MAX_REFS_PER_PUSH } from '../model/limits.ts';
import type { PublicAddress } from '../model/address.ts';
import type { PushOutcome } from '../model/push.ts';
import { refKind } from '../model/ref.ts';
import { shortRefName } from '../model/slug.ts';
import { shortSha } from '../protocol/display.ts';
import type { PushedRefs, RefUpdate } from '../protocol/git-front.ts';
import type { Clock } from '../std/clock.ts';
import type { KeyedMutex } from '../std/mutex.ts';
import { findApp, type App } from '../store/apps.ts';
import type { Database } from '../store/database.ts';
import { findDeployment, findReserved, type Deployment } from '../store/deployments.ts';
import { findRecordedSha, findSlug } from '../store/refs.ts';
import { findRoute, PRODUCTION_ROUTE, type RouteTarget } from '../store/routes.ts';
import type { CommitDeployer, DeployRequest } from './commit-deployer.ts';
import type { DeclareDomains } from './declare-domains.ts';
import type { Environments } from './environments.ts';
import type { Report } from './ports.ts';
import type { PushJournal } from './push-journal.ts';
import type { NewPush } from './push-record.ts';
import { detailLine, problemLine, stepLine, summaryLines } from './report.ts';
import type { Releases } from './release.ts';
import { kindOfRef, type Reservation, type Reservations } from './reservation.ts';

/** What git's two hooks ask. Both take the same updates; between them git moves the refs. */
export interface Pushes {
  /** Nothing has moved: builds and warms every tip. All of them, or the push is rejected whole. */
  preReceive(pushed: PushedRefs, report: Report, signal: AbortSignal): Promise<boolean>;
  /** The refs have moved: makes the reserved deployments live. Repeating it changes nothing. */
  postReceive(pushed: PushedRefs, report: Report): Promise<boolean>;
  /**
   * Releases what a ref points at: its reserved deployment, or one that is built now. The caller has the lock of the
   * ref (`refKey`).
   */
  releaseRef(app: App, push: RefRelease, report: Report): Promise<boolean>;
}

interface RefRelease {
  ref: string;
  commit: DeployRequest['commit'];
  pushId: string;
  createdBy: string | null;
  trigger: 'push' | 'reconcile';
}

interface Deps {
  db: Database;
  deployer: CommitDeployer;
  reservations: Reservations;
  releases: Releases;
  environments: Pick<Environments, 'version' | 'differ'>;
  address: PublicAddress;
  /** One settlement of a ref at a time, by `refKey`: the hook's or the reconciler's. */
  refLocks: KeyedMutex;
  journal: PushJournal;
  declareDomains: DeclareDomains;
  clock: Clock;
}

/** How long after an accepted pre-receive its post-receive may come; then the reconciler settles the push. */
const HOOK_GAP_MS = 60_000;

/** Names a ref among all apps. */
export function refKey(appId: string, ref: string): string {
  return `${appId} ${ref}`;
}

export function createPushes(deps: Deps): Pushes {
  const { db, deployer, reservations, releases, environments, address } = deps;
  const { refLocks, journal, clock } = deps;
  const startedAt = new Map<string, number>();

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
      if ((await findLive(db, app, { ref, kind, sha: commit.sha })) !== null) continue;
      const { pushId, principal } = pushed;
      const by = { trigger: 'push' as const, pushId, createdBy: principal.tokenId };
      const request = { app, ref, kind, commit, ...by };
      const answer = await deployer.deploy(request, context.report, context.signal);
      if (answer.kind !== 'reserved') return answer.outcome;
      context.reserved.push(answer.reservation);
    }
    return null;
  }

  /** What a rejected push had reserved must not wait for the reconciler. */
  async function settleReserved(
    { appId, pushId }: PushedRefs,
    reserved: Reservation[],
    isAccepted: boolean,
  ): Promise<void> {
    if (isAccepted) {
      clock.after(HOOK_GAP_MS, () => {
        startedAt.delete(pushId);
        for (const { id } of reserved) reservations.letGo(id);
        journal.find(appId, pushId)?.end('failed');
      });
      return;
    }
    startedAt.delete(pushId);
    const reason = 'another ref of the same push was rejected';
    for (const reservation of reserved) await reservations.fail(reservation, reason);
  }

  async function settleUpdate(
    pushed: PushedRefs,
    update: RefUpdate,
    report: Report,
  ): Promise<boolean> {
    // Read for each update: an earlier one of the same push may have settled the production branch.
    const app = await findApp(db, pushed.appId);
    if (app === null) return false;
    const { pushId, principal } = pushed;
    const { ref, commit } = update;
    if (commit !== null) {
      const by = { pushId, createdBy: principal.tokenId, trigger: 'push' as const };
      return pushes.releaseRef(app, { ref, commit, ...by }, report);
    }
    const recorded = await findRecordedSha(db, app.id, ref);
    // A branch that was pushed again before this deletion's turn lives on. (A tag's old value may be an annotated
    // tag's own id, which says nothing; if such a tag was pushed again, the reconciler brings it back.)
    const wasPushedAgain = recorded !== null && recorded !== update.oldSha;
    if (wasPushedAgain && refKind(ref) === 'branch') return true;
    await releases.remove(app, ref);
    report(stepLine(`Removed ${shortRefName(ref)}: its URL answers 404 now`));
    return true;
  }

  async function finish(
    app: App,
    deploymentId: string,
    { report, beganAt }: { report: Report; beganAt: number },
  ): Promise<boolean> {
    try {
      const released = await releases.release(app, deploymentId, { isPush: true });
      if (released === null) {
        report(problemLine('not released: another push of this ref was faster'));
        return false;
      }
      const totalMs = clock.monotonicMs() - beganAt;
      summaryLines(address, app.name, { ...released, totalMs }).forEach(report);
      await deps.declareDomains(app, released.deployment, report);
      return true;
    } finally {
      reservations.letGo(deploymentId);
    }
  }

  /**
   * Values that changed since its workers were started, and serve already, must not give way to older ones: then it
   * is failed, to be made anew of the stored bundle.
   */
  async function keepsItsEnvironment(waiting: Deployment, report: Report): Promise<boolean> {
    const { appId, bundle, envVersion } = waiting;
    const version = await environments.version(appId);
    if (bundle === null) return true;
    if (!(await environments.differ({ ...waiting, bundle }, envVersion, version))) return true;
    report(
      stepLine(`The environment has changed meanwhile: starting again with version ${version}`),
    );
    await reservations.fail(waiting, `overtaken by environment version ${version}`);
    return false;
  }

  const pushes: Pushes = {
    async preReceive(pushed, pusher, signal) {
      const app = await findApp(db, pushed.appId);
      if (app === null) return false;
      const record = journal.begin(describePush(pushed));
      const report = record.reportTo(pusher);
      const problem = policyProblem(app, pushed.updates);
      if (problem !== null) {
        report(problemLine(problem));
        record.end('refused');
        return false;
      }
      startedAt.set(pushed.pushId, clock.monotonicMs());
      const reserved: Reservation[] = [];
      const ended = AbortSignal.any([signal, record.signal]);
      let outcome: PushOutcome | null = 'failed';
      try {
        outcome = await deployAll(app, pushed, { report, signal: ended, reserved });
      } finally {
        if (outcome === null) record.accept();
        else record.end(outcome);
        await settleReserved(pushed, reserved, outcome === null);
      }
      return outcome === null;
    },

    async postReceive(pushed, pusher) {
      const record = journal.find(pushed.appId, pushed.pushId);
      const report = record?.reportTo(pusher) ?? pusher;
      let isReleased = true;
      try {
        for (const update of pushed.updates) {
          const settle = () => settleUpdate(pushed, update, report);
          isReleased = (await refLocks.run(refKey(pushed.appId, update.ref), settle)) && isReleased;
        }
        record?.end(isReleased ? 'succeeded' : 'release-failed');
      } finally {
        record?.end('failed');
      }
      startedAt.delete(pushed.pushId);
      return isReleased;
    },

    async releaseRef(app, push, report) {
      const { ref, commit, pushId } = push;
      const beganAt = startedAt.get(pushId) ?? clock.monotonicMs();
      const waiting = await findReserved(db, { appId: app.id, ref, commit: commit.sha });
      if (waiting !== null && (await keepsItsEnvironment(waiting, report))) {
        return finish(app, waiting.id, { report, beganAt });
      }
      const kind = kindOfRef(ref, provisionalProductionRef(app, [ref]));
      const live = await findLive(db, app, { ref, kind, sha: commit.sha });
      if (live !== null) {
        report(stepLine(`${shortSha(commit.sha)} is live already, as v${live.version}`));
        await releases.keep(app, { ref, sha: commit.sha, pushId });
        return true;
      }
      const { signal } = new AbortController();
      const answer = await deployer.deploy({ app, kind, ...push }, report, signal);
      if (answer.kind === 'reserved')
        return finish(app, answer.reservation.id, { report, beganAt });
      report(detailLine('What was live before still serves.'));
      // Recorded all the same, or the reconciler would build the same failure again and again.
      if (answer.kind === 'rejected') await releases.keep(app, { ref, sha: commit.sha, pushId });
      return false;
    },
  };
  return pushes;
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

/** The production branch, or the one that this first push would make it. */
function provisionalProductionRef(app: App, refs: string[]): string | null {
  if (app.productionRef !== null) return app.productionRef;
  return ['refs/heads/main', 'refs/heads/master'].find((ref) => refs.includes(ref)) ?? null;
}

/** The deployment that serves this very commit on the ref's host, if one does: then there is nothing to deploy. */
async function findLive(
  db: Database,
  app: App,
  target: { ref: string; kind: Deployment['kind']; sha: string },
): Promise<Deployment | null> {
  const route = await routeOfRef(db, app, target);
  const id = route === null ? null : await findRoute(db, app.id, route);
  const live = id === null ? null : await findDeployment(db, id);
  return live?.commit === target.sha ? live : null;
}

async function routeOfRef(
  db: Database,
  app: App,
  target: { ref: string; kind: Deployment['kind'] },
): Promise<RouteTarget | null> {
  if (target.kind === 'production') return PRODUCTION_ROUTE;
  const slug = await findSlug(db, app.id, target.ref);
  return slug === null ? null : { kind: 'ref', target: slug };
}

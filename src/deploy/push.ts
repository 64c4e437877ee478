import { MAX_TIPS_PER_PUSH } from '../model/limits.ts';
import type { PublicAddress } from '../model/address.ts';
import { shortRefName } from '../model/slug.ts';
import type { PushedRefs, RefUpdate } from '../protocol/git-front.ts';
import type { Clock } from '../std/clock.ts';
import { findApp, type App } from '../store/apps.ts';
import type { Database } from '../store/database.ts';
import { findDeployment, findReserved, type Deployment } from '../store/deployments.ts';
import { findSlug } from '../store/refs.ts';
import { findRoute, PRODUCTION_ROUTE, type RouteTarget } from '../store/routes.ts';
import type { CommitDeployer } from './commit-deployer.ts';
import type { Report } from './ports.ts';
import { detailLine, problemLine, shortSha, stepLine, summaryLines } from './report.ts';
import type { Releases } from './release.ts';
import { kindOfRef, type Reservation, type Reservations } from './reservation.ts';

/** What git's two hooks ask. Both take the same updates; between them git moves the refs. */
export interface Pushes {
  /** Nothing has moved: builds and warms every tip. All of them, or the push is rejected whole. */
  preReceive(pushed: PushedRefs, report: Report, signal: AbortSignal): Promise<boolean>;
  /** The refs have moved: makes the reserved deployments live. Repeating it changes nothing. */
  postReceive(pushed: PushedRefs, report: Report): Promise<boolean>;
  /** Releases what a ref points at: its reserved deployment, or one that is built now. */
  releaseRef(app: App, push: RefRelease, report: Report): Promise<boolean>;
}

interface RefRelease {
  update: Pick<RefUpdate, 'ref' | 'commit'>;
  pushId: string;
  createdBy: string | null;
  trigger: 'push' | 'reconcile';
}

interface Deps {
  db: Database;
  deployer: CommitDeployer;
  reservations: Reservations;
  releases: Releases;
  address: PublicAddress;
  clock: Clock;
}

/** How long after an accepted pre-receive its post-receive may come; then the reconciler settles the push. */
const HOOK_GAP_MS = 60_000;

export function createPushes(deps: Deps): Pushes {
  const { db, deployer, reservations, releases, address, clock } = deps;
  const startedAt = new Map<string, number>();

  async function deployAll(
    app: App,
    pushed: PushedRefs,
    context: { report: Report; signal: AbortSignal; reserved: Reservation[] },
  ): Promise<boolean> {
    const productionRef = provisionalProductionRef(app, pushed.updates);
    for (const { ref, commit } of pushed.updates) {
      if (commit === null) continue;
      const kind = kindOfRef(ref, productionRef);
      if ((await findLive(db, app, { ref, kind, sha: commit.sha })) !== null) continue;
      const { pushId, principal } = pushed;
      const by = { trigger: 'push' as const, pushId, createdBy: principal.tokenId };
      const request = { app, ref, kind, commit, ...by };
      const answer = await deployer.deploy(request, context.report, context.signal);
      if (answer.kind === 'rejected') return false;
      context.reserved.push(answer.reservation);
    }
    return true;
  }

  async function finish(
    app: App,
    deploymentId: string,
    options: { report: Report; beganAt: number },
  ): Promise<boolean> {
    const released = await releases.release(app, deploymentId, { isPush: true });
    reservations.letGo(deploymentId);
    if (released === null) return false;
    const totalMs = clock.monotonicMs() - options.beganAt;
    summaryLines(address, app.name, { ...released, totalMs }).forEach(options.report);
    return true;
  }

  const pushes: Pushes = {
    async preReceive(pushed, report, signal) {
      startedAt.set(pushed.pushId, clock.monotonicMs());
      const app = await findApp(db, pushed.appId);
      if (app === null) return false;
      const problem = policyProblem(app, pushed.updates);
      if (problem !== null) {
        report(problemLine(problem));
        return false;
      }
      const reserved: Reservation[] = [];
      let isAccepted = false;
      try {
        isAccepted = await deployAll(app, pushed, { report, signal, reserved });
      } finally {
        if (isAccepted) {
          clock.after(HOOK_GAP_MS, () => {
            startedAt.delete(pushed.pushId);
            reserved.forEach(({ id }) => reservations.letGo(id));
          });
        } else {
          startedAt.delete(pushed.pushId);
          const reason = 'another ref of the same push was rejected';
          for (const reservation of reserved) await reservations.fail(reservation, reason);
        }
      }
      return isAccepted;
    },

    async postReceive(pushed, report) {
      const app = await findApp(db, pushed.appId);
      if (app === null) return false;
      const { pushId, principal } = pushed;
      let isReleased = true;
      for (const update of pushed.updates) {
        if (update.commit === null) {
          await releases.remove(app, update.ref);
          report(stepLine(`Removed ${shortRefName(update.ref)}: its URL answers 404 now`));
          continue;
        }
        const by = { pushId, createdBy: principal.tokenId, trigger: 'push' as const };
        isReleased = (await pushes.releaseRef(app, { update, ...by }, report)) && isReleased;
      }
      startedAt.delete(pushId);
      return isReleased;
    },

    async releaseRef(app, push, report) {
      const { ref, commit } = push.update;
      if (commit === null) return false;
      const beganAt = startedAt.get(push.pushId) ?? clock.monotonicMs();
      const where = { appId: app.id, ref, commit: commit.sha };
      const waiting = await findReserved(db, where);
      if (waiting !== null) return finish(app, waiting.id, { report, beganAt });
      const kind = kindOfRef(
        ref,
        app.productionRef ?? provisionalProductionRef(app, [push.update]),
      );
      const live = await findLive(db, app, { ref, kind, sha: commit.sha });
      if (live !== null) {
        report(stepLine(`${shortSha(commit.sha)} is live already, as v${live.version}`));
        await releases.keep(app, { ref, sha: commit.sha, pushId: push.pushId });
        return true;
      }
      const request = { app, ref, kind, commit, ...push };
      const answer = await deployer.deploy(request, report, new AbortController().signal);
      if (answer.kind === 'rejected') {
        report(detailLine('What was live before still serves.'));
        // Recorded all the same, or the reconciler would build the same failure again and again.
        await releases.keep(app, { ref, sha: commit.sha, pushId: push.pushId });
        return false;
      }
      return finish(app, answer.reservation.id, { report, beganAt });
    },
  };
  return pushes;
}

/** Why a push may not be accepted whatever its code, or null. */
function policyProblem(app: App, updates: RefUpdate[]): string | null {
  const tips = new Set(updates.flatMap((update) => (update.commit ? [update.commit.sha] : [])));
  if (tips.size > MAX_TIPS_PER_PUSH) {
    return `one push deploys at most ${MAX_TIPS_PER_PUSH} commits, this one has ${tips.size}: push fewer refs at a time`;
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
function provisionalProductionRef(app: App, updates: Pick<RefUpdate, 'ref'>[]): string | null {
  if (app.productionRef !== null) return app.productionRef;
  const refs = new Set(updates.map((update) => update.ref));
  return ['refs/heads/main', 'refs/heads/master'].find((ref) => refs.has(ref)) ?? null;
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

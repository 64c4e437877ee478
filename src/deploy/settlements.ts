import type { PublicAddress } from '../model/address.ts';
import { ZERO_OID } from '../model/ref.ts';
import { shortRefName } from '../model/slug.ts';
import { shortSha } from '../protocol/display.ts';
import type { PushedRefs, RefUpdate } from '../protocol/git-front.ts';
import type { Clock } from '../std/clock.ts';
import { findApp, type App } from '../store/apps.ts';
import type { Database } from '../store/database.ts';
import { findReserved, type Deployment } from '../store/deployments.ts';
import type { CommitDeployer, DeployRequest } from './commit-deployer.ts';
import type { DomainDeclarations } from './declare-domains.ts';
import type { Environments } from './environments.ts';
import { findLive } from './find-live.ts';
import type { Report, RepositoryPort } from './ports.ts';
import type { Releases } from './release.ts';
import { detailLine, problemLine, stepLine, summaryLines } from './report.ts';
import { kindOfRef, type Reservations } from './reservation.ts';

/**
 * Brings what is served to where a ref is: after a push has moved it, and when the reconciler finds that nobody did.
 * The caller has the lock of the ref (`refKey`).
 */
export interface Settlements {
  /** Of one update that git has made. One that another has followed is left to that one. */
  settle(pushed: PushedRefs, update: RefUpdate, told: Told): Promise<Settled>;
  /** Releases what a ref points at: its reserved deployment, or one that is built now. */
  releaseRef(app: App, push: RefRelease, report: Report): Promise<boolean>;
}

/** `superseded`: a newer push has moved the ref on, and what that one brings is served. */
export type Settled = 'released' | 'superseded' | 'failed';

interface RefRelease {
  ref: string;
  commit: DeployRequest['commit'];
  pushId: string;
  createdBy: string | null;
  trigger: 'push' | 'reconcile';
}

interface Told {
  report: Report;
  /** The monotonic time when the push came. */
  beganAt: number;
}

export interface SettlementDeps {
  db: Database;
  repository: Pick<RepositoryPort, 'readRef'>;
  deployer: CommitDeployer;
  reservations: Reservations;
  releases: Releases;
  environments: Pick<Environments, 'version' | 'differ'>;
  address: PublicAddress;
  declarations: Pick<DomainDeclarations, 'declare'>;
  clock: Clock;
  /** What git has accepted is neither released nor recorded, and nobody works on it any more. */
  onUnsettled: () => void;
}

/** Whose deployment was overtaken by another release in its last moment takes a newer version. */
const ATTEMPTS = 3;

export function createSettlements(deps: SettlementDeps): Settlements {
  const { db, repository, deployer, reservations, releases, environments, address, clock } = deps;

  async function settleDeletion(app: App, ref: string, { report }: Told): Promise<Settled> {
    await releases.remove(app, ref);
    report(stepLine(`Removed ${shortRefName(ref)}: its URL answers 404 now`));
    return 'released';
  }

  /** Of two pushes, that which moved the ref later may be the first whose hook is heard. */
  async function settleOvertaken(
    { appId, pushId }: PushedRefs,
    { ref, commit }: RefUpdate,
    { report, now }: { report: Report; now: string | null },
  ): Promise<Settled> {
    if (commit === null) return 'released'; // A branch that was pushed again lives on.
    const reason =
      now === null ? 'its ref was deleted meanwhile' : `superseded by ${shortSha(now)}`;
    const waiting = await findReserved(db, { appId, ref, commit: commit.sha, pushId });
    if (waiting?.pushId === pushId) await reservations.fail(waiting, reason);
    report(problemLine(`not released: ${reason}`));
    return 'superseded';
  }

  async function release(appId: string, push: RefRelease, told: Told): Promise<boolean> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      // Another first push may have settled the production branch.
      const app = await findApp(db, appId);
      if (app === null) return false;
      const isReleased = await tryRelease(app, push, { ...told, isAgain: attempt > 0 });
      if (isReleased !== 'overtaken') return isReleased;
    }
    told.report(problemLine('not released: other releases were faster, again and again'));
    deps.onUnsettled();
    return false;
  }

  async function tryRelease(
    app: App,
    push: RefRelease,
    told: Told & { isAgain: boolean },
  ): Promise<boolean | 'overtaken'> {
    const { report, isAgain } = told;
    const { ref, commit, pushId } = push;
    const kind = kindOfRef(ref, provisionalProductionRef(app, [ref]));
    const live = await findLive(db, { appId: app.id, ref, kind });
    const waiting = await findReserved(db, { appId: app.id, ref, commit: commit.sha, pushId });
    if (waiting !== null && (await isUpToDate(waiting, live, report))) {
      if (!isAgain) return finish(app, waiting.id, told);
      // As new as can be, and yet it could not go live: it is made anew for the host that its ref has now.
      await reservations.fail(waiting, 'its host is that of another branch or tag now');
    }
    if (live?.commit === commit.sha) {
      report(stepLine(`${shortSha(commit.sha)} is live already, as v${live.version}`));
      await releases.keep(app, { ref, sha: commit.sha, pushId });
      return true;
    }
    const { signal } = new AbortController();
    const request = { app, kind, ...push, isAccepted: true };
    const answer = await deployer.deploy(request, report, signal);
    if (answer.kind === 'reserved') return finish(app, answer.reservation.id, told);
    report(detailLine('What was live before still serves.'));
    // Recorded all the same, or the reconciler would build the same failure again and again.
    if (answer.kind === 'rejected') await releases.keep(app, { ref, sha: commit.sha, pushId });
    else deps.onUnsettled();
    return false;
  }

  /**
   * Whether a deployment may still go live as it is. Otherwise it is failed, to be made anew of the stored bundle:
   * with values that changed since its workers were started, and serve already; and with a later version than that of
   * a rollback, a promotion or another environment that went live while it was built.
   */
  async function isUpToDate(
    waiting: Deployment,
    live: Deployment | null,
    report: Report,
  ): Promise<boolean> {
    if ((live?.version ?? 0) > (waiting.version ?? 0)) {
      report(stepLine(`v${live?.version} went live meanwhile: starting again as a later version`));
      await reservations.fail(waiting, `overtaken by v${live?.version}`);
      return false;
    }
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

  async function finish(
    app: App,
    deploymentId: string,
    { report, beganAt }: Told,
  ): Promise<true | 'overtaken'> {
    try {
      const released = await releases.release(app, deploymentId, { isPush: true });
      if (released === null) return 'overtaken';
      const totalMs = clock.monotonicMs() - beganAt;
      summaryLines(address, app.name, { ...released, totalMs }).forEach(report);
      await deps.declarations.declare(app, released.deployment, report);
      return true;
    } finally {
      reservations.letGo(deploymentId);
    }
  }

  return {
    async settle(pushed, update, told) {
      const app = await findApp(db, pushed.appId);
      if (app === null) return 'failed';
      const { ref, commit, newSha } = update;
      const now = await repository.readRef(app.id, ref);
      if ((now ?? ZERO_OID) !== newSha) {
        return settleOvertaken(pushed, update, { report: told.report, now });
      }
      if (commit === null) return settleDeletion(app, ref, told);
      const { pushId, principal } = pushed;
      const by = { pushId, createdBy: principal.tokenId, trigger: 'push' as const };
      return (await release(app.id, { ref, commit, ...by }, told)) ? 'released' : 'failed';
    },

    releaseRef: (app, push, report) =>
      release(app.id, push, { report, beganAt: clock.monotonicMs() }),
  };
}

/** The production branch, or the one that this first push would make it. */
export function provisionalProductionRef(app: App, refs: string[]): string | null {
  if (app.productionRef !== null) return app.productionRef;
  return ['refs/heads/main', 'refs/heads/master'].find((ref) => refs.includes(ref)) ?? null;
}

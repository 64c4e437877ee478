import { formatBytes, shortSha } from '../protocol/display.ts';
import type { CommitInfo } from '../protocol/git-front.ts';
import type { PrepareResult } from '../protocol/data-plane.ts';
import { assert } from '../std/assert.ts';
import { failpoint } from '../std/failpoint.ts';
import type { App } from '../store/apps.ts';
import type { Database } from '../store/database.ts';
import { advanceDeployment, markReady, type DeploymentTrigger } from '../store/deployments.ts';
import type { ActivePushes } from './active-pushes.ts';
import type { Archives } from './archives.ts';
import { describeMissing, preflightLines } from './describe-preflight.ts';
import type { Environments } from './environments.ts';
import type { Redactors } from './redactors.ts';
import type { BuildAnswer, BuildPort, BuiltBundle, ExplainPort, Report } from './ports.ts';
import type { ReleaseCommands } from './release-command.ts';
import { describeInitFailure, detailLine, problemLine, stepLine, warningLine } from './report.ts';
import { PushCancelled } from './push-record.ts';
import {
  noWorker,
  type Reservation,
  type Reservations,
  type ReserveRequest,
} from './reservation.ts';

/** Takes one commit from its repository to held workers: reserved, built, warmed; not yet live. */
export interface CommitDeployer {
  deploy(request: DeployRequest, report: Report, signal: AbortSignal): Promise<DeployAnswer>;
}

export interface DeployRequest {
  app: App;
  ref: string;
  kind: ReserveRequest['kind'];
  commit: CommitInfo;
  trigger: DeploymentTrigger;
  pushId: string | null;
  createdBy: string | null;
  /** Its ref has moved already. It ends no newer push, which may yet be refused, and then this is what is to be served. */
  isAccepted: boolean;
}

/** A rejection was shown already, in lines that say what to mend. */
export type DeployAnswer =
  | { kind: 'reserved'; reservation: Reservation }
  /** Trying the same commit again would end the same way. */
  | { kind: 'rejected'; outcome: 'build-failed' | 'release-failed' }
  /** A newer push took over, somebody cancelled it, or whoever waited has gone. */
  | { kind: 'cancelled'; outcome: 'superseded' | 'cancelled' };

interface DeployContext {
  report: Report;
  /** By somebody, or by a newer push. */
  ended: AbortSignal;
  /** By somebody. */
  cancelled: AbortSignal;
}

/** More functions are summed up in one line. */
const MAX_START_LINES = 8;

/** Why a deployment will not go live. */
type Failure = Exclude<DeployAnswer, { kind: 'reserved' }> & { reason: string };

interface Deps {
  db: Database;
  reservations: Reservations;
  builds: BuildPort;
  archives: Archives;
  explain: ExplainPort;
  active: ActivePushes;
  environments: Environments;
  redactors: Pick<Redactors, 'forApp'>;
  releaseCommands: ReleaseCommands;
  isConfined: boolean;
}

const INTERRUPTED: Failure = { kind: 'cancelled', outcome: 'cancelled', reason: 'interrupted' };

const UNCONFINED =
  'this server does not confine functions (--unsafe-single-tenant): this code can reach that of others';

export function createCommitDeployer(deps: Deps): CommitDeployer {
  const { db, reservations, builds, archives, explain, active, environments, releaseCommands } =
    deps;

  async function build(
    reservation: Reservation,
    report: Report,
    signal: AbortSignal,
  ): Promise<BuildAnswer> {
    const { appId, appName, commit, pushId, kind, ref } = reservation;
    const environment = await environments.forBuild(appId, { kind, ref });
    await advanceDeployment(db, reservation.id, 'build-started');
    await failpoint('build.started');
    const source = () => archives.open({ appId, sha: commit.sha, pushId });
    return builds.build({ appId, appName, commit, environment, source }, report, signal);
  }

  /**
   * Null when the workers are up; otherwise why not, after having shown it.
   * @throws PlatformError busy when the platform, not the code, is at fault
   */
  async function warm(
    reservation: Reservation,
    bundle: BuiltBundle,
    context: { buildMs: number | null; report: Report },
  ): Promise<Failure | null> {
    const { report } = context;
    const prepared = await reservations.warm(reservation, bundle, { buildMs: context.buildMs });
    if (prepared.kind === 'ready') {
      for (const line of describeStarts(prepared, bundle)) report(detailLine(line));
      return null;
    }
    if (prepared.kind === 'unavailable') throw noWorker(prepared.message);
    const { failure } = prepared;
    const summary = describeInitFailure(failure);
    for (const line of summary.split('\n')) report(problemLine(line));
    for (const line of await explain.explain(bundle.hash, failure.stack)) report(line);
    return { kind: 'rejected', outcome: 'release-failed', reason: summary };
  }

  /** Null when the code finds what it surely needs; otherwise why not, after having shown it. */
  async function checkEnvironment(
    { appId, kind, ref }: Reservation,
    bundle: BuiltBundle,
    report: Report,
  ): Promise<Failure | null> {
    const target = { kind, ref };
    const owner = { appId, bundle: bundle.hash, ...target };
    const found = await environments.check(owner, await environments.version(appId));
    for (const line of preflightLines(found, target)) report(line);
    const [first] = found.missing;
    if (first === undefined) return null;
    return { kind: 'rejected', outcome: 'release-failed', reason: describeMissing(first, target) };
  }

  async function buildAndWarm(
    reservation: Reservation,
    context: DeployContext,
  ): Promise<Failure | null> {
    const { report, ended } = context;
    const built = await build(reservation, report, ended);
    if (built.kind === 'cancelled') return showCancelled(ended, report);
    if (built.kind === 'failed') {
      for (const line of built.lines) report(line);
      return { kind: 'rejected', outcome: 'build-failed', reason: built.summary };
    }
    for (const line of built.warnings) report(line);
    const { bundle, isCached, buildMs } = built;
    const how = isCached ? 'Stored bundle' : `Built in ${buildMs} ms`;
    report(detailLine(`${how}: ${formatBytes(bundle.bytes)}, ${bundle.hash.slice(0, 12)}`));
    const missing = await checkEnvironment(reservation, bundle, report);
    if (missing !== null) return missing;
    const failure = await warm(reservation, bundle, { buildMs: isCached ? null : buildMs, report });
    if (failure !== null) return failure;
    const reason = await releaseCommands.run(reservation, bundle, context);
    if (reason !== null) return { kind: 'rejected', outcome: 'release-failed', reason };
    if (ended.aborted) return showCancelled(ended, report);
    await markReady(db, reservation.id);
    return null;
  }

  return {
    async deploy(request, tell, signal) {
      const { app, ref, commit, isAccepted } = request;
      const redact = await deps.redactors.forApp(app.id);
      const report = (line: string): void => tell(redact(line));
      const turn = isAccepted
        ? active.beginAccepted(app.id, ref)
        : active.begin(app.id, ref, commit.sha);
      const ended = AbortSignal.any([turn.signal, signal]);
      report(stepLine(`Building ${app.name} at ${shortSha(commit.sha)} (${commit.subject})`));
      if (!deps.isConfined) report(warningLine(UNCONFINED));
      let reservation: Reservation | null = null;
      let failure: Failure | null = INTERRUPTED;
      try {
        reservation = await reservations.reserve({ ...request, sourceVersion: null });
        const cancelled = AbortSignal.any([turn.appGone, signal]);
        failure = await buildAndWarm(reservation, { report, ended, cancelled });
      } finally {
        turn.end();
        if (failure !== null && reservation !== null) {
          await reservations.fail(reservation, redact(failure.reason));
        }
      }
      return failure ?? { kind: 'reserved', reservation };
    },
  };
}

/** What was found out by starting the code; in one line where there are many. */
function describeStarts(
  { initMs, conventions }: Extract<PrepareResult, { kind: 'ready' }>,
  { entries, functions }: BuiltBundle,
): string[] {
  const started = Object.entries(conventions);
  const time = `${initMs.toFixed(1)} ms`;
  if (functions.length > MAX_START_LINES) {
    const rest = functions.length - started.length;
    const others = rest === 0 ? '' : `; ${rest} unchanged and not started`;
    return [`${started.length} functions start, the slowest in ${time}${others}`];
  }
  return started.map(([name, convention]) => {
    return `${entries[name] ?? name}: ${convention} handler, starts in ${time}`;
  });
}

/** Says why a push ended early, and returns it. */
function showCancelled(signal: AbortSignal, report: Report): Failure {
  assert(signal.aborted, 'a cancelled build was cancelled by its signal');
  const failure = describeEnd(signal.reason);
  report(problemLine(failure.reason));
  return failure;
}

function describeEnd(why: unknown): Failure {
  if (typeof why === 'string') {
    const reason = `superseded by ${shortSha(why)}`;
    return { kind: 'cancelled', outcome: 'superseded', reason };
  }
  const reason = why instanceof PushCancelled ? `cancelled by ${why.by}` : 'cancelled';
  return { kind: 'cancelled', outcome: 'cancelled', reason };
}

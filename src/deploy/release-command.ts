import { secretsOf } from '../model/environment.ts';
import { RELEASE_COMMAND_MEMORY_MIB, RELEASE_COMMAND_TIMEOUT_MS } from '../model/limits.ts';
import type { ReleaseCommand } from '../protocol/builder.ts';
import type { ReleaseFailure } from '../protocol/data-plane.ts';
import { createRedactor } from '../protocol/redaction.ts';
import type { Clock } from '../std/clock.ts';
import type { KeyedMutex } from '../std/mutex.ts';
import type { BuiltBundle, DataPlanePort, ExplainPort, Report, SealPort } from './ports.ts';
import { detailLine, problemLine, stepLine } from './report.ts';
import { noWorker, type Reservation } from './reservation.ts';

/**
 * Runs what a Procfile names as `release:`, typically a migration of a database, once per push to production: when
 * the deployment's workers are up, and before git moves the ref. At least once, not exactly once: a push that is
 * refused for another reason afterwards is pushed again. Rollbacks and changes of the environment never come here.
 */
export interface ReleaseCommands {
  /**
   * In a line why the deployment may not go live, after having shown it. Null when nothing speaks against it, and when
   * the push has ended meanwhile.
   * @throws PlatformError busy, unavailable when the platform, not the code, is at fault
   */
  run(reservation: Reservation, bundle: BuiltBundle, context: Context): Promise<string | null>;
}

interface Context {
  report: Report;
  /** Nobody wants the deployment any more: what has not begun does not begin. */
  ended: AbortSignal;
  /**
   * Ends what has begun. Less than `ended`: a newer push waits instead, since half a migration is worse than an old one.
   */
  cancelled: AbortSignal;
}

interface Deps {
  data: Pick<DataPlanePort, 'runReleaseCommand'>;
  seal: Pick<SealPort, 'open'>;
  explain: ExplainPort;
  clock: Pick<Clock, 'monotonicMs'>;
  /** By app: two migrations of one database at a time would meet each other half-way. */
  locks: KeyedMutex;
}

interface Options {
  /** The most that the operator lets a worker have. */
  maxMemoryMib: number;
  timeoutMs?: number;
}

export function createReleaseCommands(deps: Deps, options: Options): ReleaseCommands {
  const { data, seal, explain, clock, locks } = deps;
  const { maxMemoryMib, timeoutMs = RELEASE_COMMAND_TIMEOUT_MS } = options;

  async function runNow(
    { id, appName }: Reservation,
    { bundle, command }: { bundle: BuiltBundle; command: ReleaseCommand },
    { report, ended, cancelled }: Context,
  ): Promise<string | null> {
    if (ended.aborted) return null;
    const environment = await seal.open(id);
    if (environment === null) throw new Error(`the environment of ${id} is sealed`);
    const redact = createRedactor(secretsOf(environment));
    const words = [command.entry, ...command.args].join(' ');
    report(stepLine(`Running the release command: ${redact(words)}`));
    const beganAt = clock.monotonicMs();
    const memoryMib = Math.min(maxMemoryMib, memoryOf(bundle));
    const run = { deployment: id, appName, bundle: bundle.hash, command, memoryMib, timeoutMs };
    const print = (line: string): void => report(detailLine(redact(line)));
    const result = await data
      .runReleaseCommand(run, { print, signal: cancelled })
      .catch((error: unknown) => {
        if (cancelled.aborted) return null;
        throw error;
      });
    if (result === null || cancelled.aborted) return null;
    if (result.kind === 'succeeded') {
      report(detailLine(`Ended well after ${Math.round(clock.monotonicMs() - beganAt)} ms`));
      return null;
    }
    if (result.kind === 'unavailable') throw noWorker(result.message);
    const summary = redact(describeFailure(result.failure));
    report(problemLine(summary));
    const { stack } = result.failure;
    for (const line of await explain.explain(bundle.hash, redact(stack))) report(line);
    return summary;
  }

  return {
    async run(reservation, bundle, context) {
      const { releaseCommand: command } = bundle;
      if (command === undefined || reservation.kind !== 'production') return null;
      return locks.run(reservation.appId, () => runNow(reservation, { bundle, command }, context));
    },
  };
}

function memoryOf({ functions }: BuiltBundle): number {
  return Math.max(RELEASE_COMMAND_MEMORY_MIB, ...functions.map(({ memoryMib }) => memoryMib));
}

function describeFailure({ reason, message }: ReleaseFailure): string {
  switch (reason) {
    case 'threw':
      return `The release command throws: ${message}`;
    case 'out-of-memory':
      return `The release command ${message}: raise "memory" in fn.json`;
    case 'exited':
    case 'timeout':
    case 'cancelled':
      return `The release command ${message}`;
    default:
      return reason satisfies never;
  }
}

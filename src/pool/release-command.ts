/** Runs the release command of a deployment in a worker of its own, which ends with it. */
import { constants } from 'node:os';
import type { ReleaseFailure, ReleaseRun, ReleaseRunResult } from '../protocol/data-plane.ts';
import { PlatformError } from '../protocol/errors.ts';
import type { SandboxExit } from '../protocol/supervisor.ts';
import type { InitFailedHead, LogLine, SpecialiseHead } from '../protocol/worker.ts';
import { isOutOfMemory } from './exit-text.ts';
import {
  listenToOutput,
  takeWithCode,
  type StartDeps,
  type ZygoteWithCode,
} from './worker-start.ts';

type Deps = Pick<StartDeps, 'zygotes' | 'code' | 'clock'>;

export interface ReleaseWatcher {
  /** Gets each line that the command prints. */
  print(line: string): void;
  /** Ends it. */
  signal: AbortSignal;
}

/** Of one command; nobody reads more of a push. */
const MAX_LINES = 5_000;
const MAX_CHARACTERS = 1024 * 1024;
/** A shell's way to tell of a signal, and the sandbox's. */
const SIGNAL_STATUS = 128;

export async function runReleaseCommand(
  deps: Deps,
  run: ReleaseRun,
  watcher: ReleaseWatcher,
): Promise<ReleaseRunResult> {
  const { bundle, command, memoryMib } = run;
  let taken: ZygoteWithCode;
  try {
    taken = await takeWithCode(deps, { bundle, file: command.file, memoryMib });
  } catch (error) {
    if (!(error instanceof PlatformError)) throw error;
    return { kind: 'unavailable', message: error.message };
  }
  const failure = await untilEnd(deps, run, { taken, watcher });
  taken.zygote.sandbox.kill();
  taken.zygote.link.destroy();
  return failure === null ? { kind: 'succeeded' } : { kind: 'failed', failure };
}

/** Null when it ended well. */
function untilEnd(
  { clock }: Deps,
  run: ReleaseRun,
  { taken, watcher }: { taken: ZygoteWithCode; watcher: ReleaseWatcher },
): Promise<ReleaseFailure | null> {
  const { sandbox, link } = taken.zygote;
  const { signal } = watcher;
  const print = boundedPrinter((line) => watcher.print(line));
  return new Promise((resolve) => {
    let thrown: InitFailedHead | null = null;
    const settle = (failure: ReleaseFailure | null): void => {
      cancelDeadline();
      signal.removeEventListener('abort', onAbort);
      link.listen({});
      resolve(failure);
    };
    const fail = (reason: ReleaseFailure['reason'], message: string): void =>
      settle({ reason, message, stack: '' });
    const onAbort = (): void => fail('cancelled', 'was cancelled');
    const cancelDeadline = clock.after(run.timeoutMs, () =>
      fail('timeout', `did not end within ${run.timeoutMs / 1000} seconds`),
    );
    signal.addEventListener('abort', onAbort, { once: true });
    link.listen({
      initFailed: (head) => void (thrown ??= head),
      log: (line) => printLog(line, print),
      unusable: (reason) => fail('exited', `was ended: ${reason}`),
      closed: () => void sandbox.exited.then((exit) => settle(describeEnd(run, { exit, thrown }))),
    });
    if (signal.aborted) return onAbort();
    listenToOutput(sandbox, (line) => printLog(line, print));
    sandbox.specialise(run.deployment, taken.packagesOf, run.appName);
    link.specialise(specialiseHead(run), taken.code);
  });
}

function describeEnd(
  { memoryMib }: ReleaseRun,
  end: {
    exit: SandboxExit;
    thrown: InitFailedHead | null;
  },
): ReleaseFailure | null {
  const { exit, thrown } = end;
  if (exit.code !== 0 && isOutOfMemory(exit)) {
    const message = `ran out of memory (limit ${memoryMib} MB)`;
    return { reason: 'out-of-memory', message, stack: '' };
  }
  if (thrown !== null) return { reason: 'threw', message: thrown.message, stack: thrown.stack };
  if (exit.code === 0) return null;
  return { reason: 'exited', message: describeStatus(exit), stack: exit.stderrTail };
}

function describeStatus({ code, signal }: SandboxExit): string {
  if (code === null) return signal === null ? 'was ended' : `was ended by ${signal}`;
  const signals = Object.entries(constants.signals);
  const name = signals.find(([, number]) => number === code - SIGNAL_STATUS)?.[0];
  return `ended with exit status ${code}${name === undefined ? '' : ` (${name})`}`;
}

function printLog({ text, dropped }: LogLine, print: (text: string) => void): void {
  if (dropped > 0) print(`(${dropped} lines came too fast and are left out)`);
  if (text !== '' || dropped === 0) print(text);
}

/** Cuts text into lines, and leaves out what is more than anybody reads. */
function boundedPrinter(print: (line: string) => void): (text: string) => void {
  let lines = 0;
  let characters = 0;
  return (text) => {
    for (const line of text.split('\n')) {
      if (lines > MAX_LINES) return;
      lines += 1;
      characters += line.length;
      const isTooMuch = lines > MAX_LINES || characters > MAX_CHARACTERS;
      print(isTooMuch ? '(it prints more, which is left out)' : line);
      if (isTooMuch) lines = MAX_LINES + 1;
    }
  };
}

/** What concerns requests means nothing here: none will come. */
function specialiseHead({ deployment, command, memoryMib, timeoutMs }: ReleaseRun): SpecialiseHead {
  return {
    functionName: 'release',
    version: '',
    deployment,
    file: command.file,
    entry: command.entry,
    memoryMib,
    timeoutMs,
    initTimeoutMs: timeoutMs,
    concurrency: 1,
    path: null,
    convention: null,
    event: null,
    releaseArgs: command.args,
  };
}

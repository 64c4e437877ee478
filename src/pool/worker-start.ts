/** Turns a zygote into the worker of one function. */
import { PlatformError } from '../protocol/errors.ts';
import type { InitFailure } from '../protocol/data-plane.ts';
import type { SandboxExit } from '../protocol/supervisor.ts';
import type { LogLine, ReadyHead, SpecialiseHead } from '../protocol/worker.ts';
import type { ServedDeployment, ServedFunction } from '../model/served.ts';
import type { Clock } from '../std/clock.ts';
import type { CodeUse } from './cache-making.ts';
import { describeExit, isOutOfMemory, outOfMemoryText } from './exit-text.ts';
import type { BundleCode, CodeCaches, FunctionLog, FunctionSource, Sandbox } from './ports.ts';
import type { Promised } from './waiting-line.ts';
import type { WorkerLink, WorkerListener } from './worker-link.ts';
import type { ZygoteSource } from './zygote-turns.ts';
import type { Zygote } from './zygotes.ts';

export interface StartDeps {
  zygotes: ZygoteSource;
  code: BundleCode;
  caches: CodeCaches;
  log: FunctionLog;
  clock: Clock;
}

export interface StartRequest {
  deployment: ServedDeployment;
  served: ServedFunction;
  initTimeoutMs: number;
  /** Asked when a worker starts: one that waits, and is sent along with the code. Null when it is to start first. */
  promise?(left: () => void): Promised | null;
  /** Called before anything is heard of what was sent along; the worker has another listener then. */
  started?(zygote: Zygote, use: CodeUse): void;
}

export type StartResult =
  | { kind: 'started'; zygote: Zygote; ready: ReadyHead }
  | { kind: 'init-failed'; failure: InitFailure }
  /** No fault of the function. */
  | { kind: 'unavailable'; message: string };

const NO_CACHE = Promise.resolve(null);

/** One that ends while it starts with a code cache is followed by one without: it may be the cache's fault. */
export async function startFunctionWorker(
  deps: StartDeps,
  request: StartRequest,
): Promise<StartResult> {
  const source = sourceOf(request);
  let hadCache = false;
  const reading = deps.caches.read(source).then((cache) => {
    hadCache = cache !== null;
    return cache;
  });
  const first = await startOne(deps, request, { cache: reading, isAfterCrash: false });
  if (first.kind !== 'init-failed' || first.failure.reason !== 'exited' || !hadCache) return first;
  deps.caches.drop(source);
  return startOne(deps, request, { cache: NO_CACHE, isAfterCrash: true });
}

async function startOne(
  deps: StartDeps,
  request: StartRequest,
  { cache, isAfterCrash }: { cache: Promise<Uint8Array | null>; isAfterCrash: boolean },
): Promise<StartResult> {
  let taken: ZygoteWithCode;
  try {
    const { deployment, served } = request;
    const { bundle } = deployment;
    const { file, memoryMib, codeSha256 } = served;
    const wanted = { bundle, file, memoryMib, cache, ...(codeSha256 && { sha256: codeSha256 }) };
    taken = await takeWithCode(deps, wanted);
  } catch (error) {
    if (!(error instanceof PlatformError)) throw error;
    return { kind: 'unavailable', message: error.message };
  }
  const { zygote } = taken;
  const outcome = await initialise(deps, request, { ...taken, isAfterCrash });
  if ('ready' in outcome) return { kind: 'started', zygote, ready: outcome.ready };
  zygote.sandbox.kill();
  zygote.link.destroy();
  return { kind: 'init-failed', failure: outcome.failure };
}

export interface ZygoteWithCode {
  zygote: Zygote;
  code: Uint8Array;
  cache: Uint8Array | null;
  /** The bundle, when a worker must see its packages. */
  packagesOf: string | undefined;
}

interface CodeRequest {
  bundle: string;
  file: string;
  /** Of the file, where it is known. */
  sha256?: string;
  memoryMib: number;
  cache?: Promise<Uint8Array | null>;
}

/**
 * Reads the code while the zygote is got; a zygote without code is not kept.
 * @throws PlatformError when one of them cannot be had
 */
export async function takeWithCode(
  { zygotes, code }: Pick<StartDeps, 'zygotes' | 'code'>,
  { bundle, file, sha256, memoryMib, cache = NO_CACHE }: CodeRequest,
): Promise<ZygoteWithCode> {
  const reading = code.read(bundle, file, sha256);
  const hasPackages = code.hasPackages(bundle);
  const taking = zygotes.take(memoryMib);
  try {
    const bytes = await reading;
    const packagesOf = (await hasPackages) ? bundle : undefined;
    return { zygote: await taking, code: bytes, cache: await cache, packagesOf };
  } catch (error) {
    taking.then(
      ({ sandbox }) => sandbox.kill(),
      () => {}, // There is none to end.
    );
    throw error;
  }
}

type InitOutcome = { ready: ReadyHead } | { failure: InitFailure };

function initialise(
  { clock, log }: StartDeps,
  request: StartRequest,
  taken: ZygoteWithCode & { isAfterCrash: boolean },
): Promise<InitOutcome> {
  const { zygote, code, cache, packagesOf } = taken;
  const { sandbox, link } = zygote;
  const source = sourceOf(request);
  let promised: Promised | null = null;
  return new Promise((resolve) => {
    const heard = linesOf(log, source);
    const settle = (outcome: InitOutcome): void => {
      cancelDeadline();
      // Lines that came along with READY are heard; whatever else did, the link keeps for who adopts it.
      link.listen('ready' in outcome ? heard : {});
      if ('ready' in outcome) request.started?.(zygote, useOf(taken, outcome.ready));
      else promised?.giveBack();
      resolve(outcome);
    };
    const fail = (reason: InitFailure['reason'], message: string, stack = ''): void =>
      settle({ failure: { reason, message, stack } });
    /** It may be ready and have begun what it was sent, without a word of it here. */
    const failUnheard = (reason: InitFailure['reason'], message: string): void => {
      promised?.fail({ kind: 'init-failed', failure: { reason, message, stack: '' } });
      fail(reason, message);
    };
    const cancelDeadline = clock.after(request.initTimeoutMs, () =>
      failUnheard('timeout', `did not start within ${request.initTimeoutMs / 1000} seconds`),
    );
    const listener: WorkerListener = {
      ready: (ready) => settle({ ready }),
      initFailed: ({ reason, message, stack }) => fail(reason, message, stack),
      ...heard,
      unusable: (reason) => failUnheard('exited', reason),
      closed: () =>
        void sandbox.exited.then((exit) =>
          settle({ failure: initFailureOfExit(exit, request.served.memoryMib) }),
        ),
    };
    link.listen(listener);
    listenToOutput(sandbox, (line) => log.line(source, line));
    sandbox.onConnectionsRefused?.((text) =>
      log.line(source, { level: 'warn', text, requestId: null, dropped: 0 }),
    );
    const { id, appName } = request.deployment;
    sandbox.specialise(id, packagesOf, appName);
    link.specialise(specialiseHead(request), code, cache);
    promised = request.promise?.(() => link.cancelAhead()) ?? null;
    if (promised !== null) sendAhead(link, promised);
    link.sendNow();
  });
}

function useOf(
  { code, cache, isAfterCrash }: ZygoteWithCode & { isAfterCrash: boolean },
  { isCacheRejected }: ReadyHead,
): CodeUse {
  const codeBytes = code.length;
  if (isAfterCrash) return { codeBytes, cache: 'crashed' };
  if (cache === null) return { codeBytes, cache: 'none' };
  return { codeBytes, cache: isCacheRejected === true ? 'rejected' : 'used' };
}

function sendAhead(link: WorkerLink, { invocation, claim }: Promised): void {
  link.sendAhead({
    invocation,
    claim: () => {
      const next = claim();
      return next && { sinceMs: next.sinceMs, coldStartMs: next.isForStart ? next.waitedMs : null };
    },
  });
}

/** What a worker prints goes to the function's log, which says before each line is parsed whether it hears it. */
export function linesOf(
  log: FunctionLog,
  source: FunctionSource,
): Pick<WorkerListener, 'admitsLog' | 'log' | 'logLeftOut'> {
  return {
    admitsLog: (bytes) => log.admits?.(source, bytes) ?? true,
    log: (line) => log.line(source, line, true),
    logLeftOut: (count) => log.leftOut?.(source, count),
  };
}

/** What comes out of the sandbox past the worker, from native code or a child process, belongs to no request. */
export function listenToOutput({ output }: Sandbox, print: (line: LogLine) => void): void {
  output.listen((source, { text, dropped }) => {
    const level = source === 'stderr' ? 'error' : 'info';
    print({ level, text, requestId: null, dropped });
  });
}

function initFailureOfExit(exit: SandboxExit, memoryMib: number): InitFailure {
  const stack = exit.stderrTail;
  return isOutOfMemory(exit)
    ? { reason: 'out-of-memory', message: outOfMemoryText(memoryMib), stack }
    : { reason: 'exited', message: describeExit(exit), stack };
}

function specialiseHead({ deployment, served, initTimeoutMs }: StartRequest): SpecialiseHead {
  return {
    functionName: served.name,
    version: deployment.version === null ? deployment.commit : `v${deployment.version}`,
    deployment: deployment.id,
    file: served.file,
    entry: served.entry ?? served.file,
    memoryMib: served.memoryMib,
    timeoutMs: served.timeoutMs,
    initTimeoutMs,
    concurrency: served.concurrency,
    path: served.path ?? null,
    convention: served.convention ?? null,
    event: served.event ?? null,
  };
}

export function sourceOf({
  deployment,
  served,
}: Pick<StartRequest, 'deployment' | 'served'>): FunctionSource {
  return { appName: deployment.appName, deployment: deployment.id, functionName: served.name };
}

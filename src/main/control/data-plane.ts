/**
 * The data processes, as control speaks to them. Each routes and has workers of its own, so most is said to all of them;
 * who is away is not waited for: it has no workers, and reads the newest snapshot when it starts.
 */
import { Readable } from 'node:stream';
import type { DataPlanePort } from '../../deploy/index.ts';
import {
  type DataForControl,
  type DataStatus,
  type InvokeOutcome,
  MAX_HELD_WORKERS,
} from '../../protocol/data-plane.ts';
import { PlatformError } from '../../protocol/errors.ts';
import { createRpcClient, type RpcClient } from '../../protocol/rpc.ts';
import type { Snapshot } from '../../protocol/snapshot.ts';

/** A data process answers within milliseconds; one that does not is stuck, and a push must not hang with it. */
const CALL_DEADLINE_MS = 10_000;
/** Longer than a worker may take to load. */
const PREPARE_DEADLINE_MS = 60_000;
/** A few start at a time, so many functions need longer. */
const PREPARE_FUNCTION_MS = 2000;
/** For getting a worker, and for telling how it ended. */
const RELEASE_MARGIN_MS = 30_000;
/** For a worker to start, or to become free. */
const INVOKE_MARGIN_MS = 60_000;
const FOLLOW_DEADLINE_MS = 5_000;
/** Somebody waits for it. */
const READ_DEADLINE_MS = 2_000;

export interface DataPlane extends DataPlanePort {
  /** Resolves when each live data process serves by this generation of certificates or a later one. */
  applyCertificates(generation: number): Promise<void>;
  /** Invokes a function of what is served; the signal ends it. */
  invoke(
    target: { deployment: string; function: string; host: string },
    call: { payload: Buffer; signal: AbortSignal; deadlineMs: number },
  ): Promise<InvokeOutcome>;
  /** Rejects when one of them was not told. */
  followLogs(apps: string[]): Promise<void>;
  /** Resolves when what each live data process had counted before the call is stored. */
  flushMetrics(): Promise<void>;
  /** What each live data process routes by and has of sandboxes. */
  inspect(): Promise<{ answered: { routes: Snapshot; slots: string[] }[]; expected: number }>;
  /** Of all live data processes together. */
  status(): Promise<Omit<DataStatus, 'generation'>>;
}

type Call = RpcClient<DataForControl>;

export function createDataPlane(sockets: readonly string[]): DataPlane {
  const calls = sockets.map((socket) => createRpcClient<DataForControl>(socket, 'the router'));
  /** Who was asked first the last time. */
  let first = 0;

  /** Each beginning with another, so that none has all the work that one of them is enough for. */
  function inTurn(): Call[] {
    first = (first + 1) % calls.length;
    return [...calls.slice(first), ...calls.slice(0, first)];
  }

  return {
    prepare: (deployment, functions) => {
      const prepare = (call: Call, names: readonly string[]) => {
        const deadlineMs = PREPARE_DEADLINE_MS + names.length * PREPARE_FUNCTION_MS;
        return call('prepare', { deployment, functions: [...names] }, within(deadlineMs));
      };
      return prepareAll(inTurn(), functions, prepare);
    },
    runReleaseCommand: (run, { print, signal }) =>
      askOne(inTurn(), (call) =>
        call('runReleaseCommand', run, {
          onProgress: ({ line }) => print(line),
          signal: AbortSignal.any([signal, AbortSignal.timeout(run.timeoutMs + RELEASE_MARGIN_MS)]),
        }),
      ),
    invoke: (target, { payload, signal, deadlineMs }) =>
      askOne(inTurn(), (call) =>
        call('invoke', target, {
          body: Readable.from([payload]),
          signal: AbortSignal.any([signal, AbortSignal.timeout(deadlineMs + INVOKE_MARGIN_MS)]),
        }),
      ),
    release: async (deployment) => {
      await tellAll(calls, (call, signal) => call('release', { deployment }, { signal }));
    },
    restart: async (deployments) => {
      // One that is away starts its workers with what is sealed now.
      await tellAll(calls, (call, signal) => call('restart', { deployments }, { signal }));
    },
    async applySnapshot(generation) {
      const applied = await tellAll(calls, (call, signal) =>
        call('applySnapshot', { generation }, { signal }),
      );
      if (applied.some((one) => one.generation < generation)) {
        throw new PlatformError('unavailable', 'the router did not take over the new routes');
      }
    },
    async applyCertificates(generation) {
      const applied = await tellAll(calls, (call, signal) =>
        call('applyCertificates', { generation }, { signal }),
      );
      if (applied.some((one) => one.generation < generation)) {
        throw new PlatformError('unavailable', 'the router did not take over the new certificates');
      }
    },
    async inspect() {
      const answered = await tellAll(calls, (call, signal) => call('inspect', null, { signal }));
      return { answered, expected: calls.length };
    },
    flushMetrics: async () => {
      await tellAll(
        calls,
        (call, signal) => call('flushMetrics', null, { signal }),
        READ_DEADLINE_MS,
      );
    },
    status: async () => {
      const all = await tellAll(
        calls,
        (call, signal) => call('status', null, { signal }),
        READ_DEADLINE_MS,
      );
      return {
        zygotes: all.reduce((sum, { zygotes }) => sum + zygotes, 0),
        workers: all.reduce((sum, { workers }) => sum + workers, 0),
        inFlight: all.reduce((sum, { inFlight }) => sum + inFlight, 0),
      };
    },
    followLogs: async (apps) => {
      await Promise.all(
        calls.map((call) => call('followLogs', { apps }, within(FOLLOW_DEADLINE_MS))),
      );
    },
  };
}

/**
 * One shows that all functions start; meanwhile the others start as many as they may hold, so that whoever is asked after
 * the release has a worker. What becomes of that decides nothing: a worker that is missing is started by its first request.
 */
async function prepareAll<Result>(
  calls: readonly Call[],
  functions: readonly string[],
  prepare: (call: Call, names: readonly string[]) => Promise<Result>,
): Promise<Result> {
  const share = Math.max(1, Math.floor(MAX_HELD_WORKERS / calls.length));
  const others = calls.slice(1).map((call) => prepare(call, functions.slice(0, share)));
  const settled = Promise.allSettled(others);
  const proven = await askOne(calls, (call) => prepare(call, functions));
  await settled;
  return proven;
}

/** The answer of the first that is there: what may have begun somewhere is not begun again elsewhere. */
async function askOne<Result>(
  calls: readonly Call[],
  ask: (call: Call) => Promise<Result>,
): Promise<Result> {
  const [call, ...others] = calls;
  if (call === undefined) throw new PlatformError('unavailable', 'there is no router');
  try {
    return await ask(call);
  } catch (error) {
    if (others.length === 0 || !wasNotReached(error)) throw error;
    return askOne(others, ask);
  }
}

/** What those say that are there. @throws what one of them says, or when one does not answer in time */
async function tellAll<Result>(
  calls: readonly Call[],
  tell: (call: Call, signal: AbortSignal) => Promise<Result>,
  deadlineMs = CALL_DEADLINE_MS,
): Promise<Result[]> {
  const { signal } = within(deadlineMs);
  const answers = await Promise.all(
    calls.map((call) =>
      tell(call, signal).then(
        (result) => [result],
        (error: unknown) => {
          if (!isAway(error, signal)) throw error;
          return [];
        },
      ),
    ),
  );
  return answers.flat();
}

function within(deadlineMs: number): { signal: AbortSignal } {
  return { signal: AbortSignal.timeout(deadlineMs) };
}

/** Nobody answered; not: somebody did not answer in time. */
function isAway(error: unknown, { aborted }: AbortSignal): boolean {
  return error instanceof PlatformError && error.code === 'unavailable' && !aborted;
}

/** Nobody listens there, so nothing was begun. */
function wasNotReached(error: unknown): boolean {
  if (!(error instanceof PlatformError)) return false;
  const { code } = (error.cause ?? {}) as NodeJS.ErrnoException;
  return code === 'ECONNREFUSED' || code === 'ENOENT';
}

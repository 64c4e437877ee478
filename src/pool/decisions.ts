/** The pool's decisions, as functions of plain values. */

/** However many requests wait, one function never gets more workers than this. */
export const MAX_WORKERS_PER_FUNCTION = 32;

/** Failures in a row before starts are delayed. */
const FREE_FAILURES = 3;
/** The first of a line waits for so many times what a request takes, and so long in any case. */
const PATIENCE = 2;
const MIN_PATIENCE_MS = 250;
const FIRST_BACKOFF_MS = 250;
const MAX_BACKOFF_MS = 30_000;

interface Leasable {
  readonly room: number;
  readonly isFrozen: boolean;
  /** Asked whether its event loop turns, and not answered yet. */
  readonly isSuspect: boolean;
}

/**
 * The first worker with room, of those that are not frozen if it can be. Workers stand in the order of their start: as each
 * gets only what those before it have no room for, the first are both the most used and the most recently used, whose code
 * is compiled and whose memory is in the caches, and the last can freeze and idle out. To keep them by their last use instead would
 * choose the same, but for a moment after a worker that had no room has some again: then it would leave that one, which all
 * come back to, for one that is on its way out; and it would cost each request a change of the order.
 */
export function chooseWorker<W extends Leasable>(workers: readonly W[]): W | null {
  let frozen: W | null = null;
  for (const worker of workers) {
    if (worker.room === 0 || worker.isSuspect) continue;
    if (!worker.isFrozen) return worker;
    frozen ??= worker;
  }
  return frozen;
}

/** How many more workers the waiting requests need: N at once start ⌈N / concurrency⌉, not N. */
export function workersToStart(state: {
  waiting: number;
  concurrency: number;
  starting: number;
  running: number;
}): number {
  const wanted = Math.ceil(state.waiting / state.concurrency) - state.starting;
  const left = MAX_WORKERS_PER_FUNCTION - state.running - state.starting;
  return Math.max(0, Math.min(wanted, left));
}

/**
 * Whether one more may join those who wait, none of whom a start will help. By Little's law the requests under way,
 * divided by how many end in a second, are how long one takes. Who would wait for longer than that a few times over is
 * told so at once, while it may still go elsewhere; whoever waits already is served. What comes all at once is let in
 * whole: then nobody has waited for long yet.
 */
export function mayWait(line: {
  /** How long the first of those who wait has. */
  firstWaitedMs: number;
  /** For how long nobody has found a place at once, and the number of workers has been the same. */
  standsForMs: number;
  /** Requests that ended in that time. */
  ended: number;
  inFlight: number;
}): boolean {
  if (line.firstWaitedMs < MIN_PATIENCE_MS || line.ended === 0) return true;
  const durationMs = (line.inFlight * line.standsForMs) / line.ended;
  return line.firstWaitedMs < PATIENCE * durationMs;
}

/** How long after the given number of failures in a row the next worker may be started. */
export function backoffMs(failuresInRow: number): number {
  if (failuresInRow < FREE_FAILURES) return 0;
  return Math.min(MAX_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** (failuresInRow - FREE_FAILURES));
}

interface Rests {
  readonly idleSinceMs: number | null;
  readonly isFrozen: boolean;
}

/**
 * Which of the workers have been idle long enough to end, and which others to be frozen, and when to look again; null when
 * none is idle. `freezeMs` is null where none is frozen.
 */
export function idleWorkers<W extends Rests>(
  workers: readonly W[],
  nowMs: number,
  { idleMs, freezeMs }: { idleMs: number; freezeMs: number | null },
): { expired: W[]; freezing: W[]; lookAgainInMs: number | null } {
  const expired: W[] = [];
  const freezing: W[] = [];
  let lookAgainInMs = Infinity;
  for (const worker of workers) {
    if (worker.idleSinceMs === null) continue;
    const idledMs = nowMs - worker.idleSinceMs;
    const mayFreeze = freezeMs !== null && !worker.isFrozen;
    if (idledMs >= idleMs) expired.push(worker);
    else if (mayFreeze && idledMs >= freezeMs) freezing.push(worker);
    const next = mayFreeze && idledMs < freezeMs ? Math.min(freezeMs, idleMs) : idleMs;
    if (idledMs < idleMs) lookAgainInMs = Math.min(lookAgainInMs, next - idledMs);
  }
  return { expired, freezing, lookAgainInMs: lookAgainInMs === Infinity ? null : lookAgainInMs };
}

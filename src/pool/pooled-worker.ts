import type { Clock } from '../std/clock.ts';
import { describeExit, isOutOfMemory, outOfMemoryText } from './exit-text.ts';
import type { InvocationFailure, Sandbox } from './ports.ts';
import type { Zygote } from './zygotes.ts';

/**
 * A worker that is always in use is replaced now and then, so that what its code leaks, or keeps for too long (a name's
 * address, a connection, a token), does not stay for ever; by so much earlier or later that workers which started together do not all go together.
 */
const MAX_AGE_MS = 60 * 60_000;
const MAX_REQUESTS = 1_000_000;
const LIFE_SPREAD = 0.2;

/** How long the reason of a worker's end may come after its socket closed. */
const EXIT_NOTICE_MS = 2_000;

/** A worker as the choice among workers sees it. */
export class PooledWorker {
  readonly zygote: Zygote;
  readonly startedAtMs: number;
  idleSinceMs: number | null;
  /** By then, or after so many requests more, another takes its place. */
  endsAtMs: number;
  requestsLeft: number;
  /** Its successor is on its way. */
  isRenewing = false;
  /** Told to end when it has finished. */
  isEnding = false;
  /** Stopped, until it is leased or ends. */
  isFrozen = false;
  /** Its failure was counted: however it goes on, it is one failed worker. */
  hasFailed = false;

  /** `chance`, from 0 to 1, decides how its life differs from that of others. */
  constructor(zygote: Zygote, nowMs: number, chance: number) {
    const life = 1 + LIFE_SPREAD * (2 * chance - 1);
    this.endsAtMs = nowMs + MAX_AGE_MS * life;
    this.requestsLeft = Math.round(MAX_REQUESTS * life);
    this.zygote = zygote;
    this.startedAtMs = nowMs;
    // A request may have been sent ahead of its readiness.
    this.idleSinceMs = zygote.link.inFlight > 0 ? null : nowMs;
  }

  /** Nobody can take its place yet. */
  liveOn(): void {
    this.isRenewing = false;
    this.endsAtMs += MAX_AGE_MS / 10;
    this.requestsLeft += MAX_REQUESTS / 10;
  }

  freeze(): void {
    this.isFrozen = true;
    this.zygote.sandbox.freeze?.();
  }

  /** What it is sent from now on it reads: whoever thaws it and whoever sends need not wait for each other. */
  thaw(): void {
    if (!this.isFrozen) return;
    this.isFrozen = false;
    this.zygote.sandbox.thaw?.();
  }

  get room(): number {
    return this.zygote.link.room;
  }

  get isSuspect(): boolean {
    return this.zygote.link.isSuspect;
  }
}

/** Why a worker has ended. */
type WorkerEnd = Extract<InvocationFailure, { kind: 'worker-gone' | 'out-of-memory' }>;

export function textOf(end: WorkerEnd): string {
  return end.kind === 'worker-gone' ? end.message : outOfMemoryText(end.memoryMib);
}

/** What the invocations of an ended worker are told. */
export async function failureOfExit(
  sandbox: Sandbox,
  memoryMib: number,
  clock: Clock,
): Promise<WorkerEnd> {
  const { promise, resolve } = Promise.withResolvers<null>();
  const cancel = clock.after(EXIT_NOTICE_MS, () => resolve(null));
  const exit = await Promise.race([sandbox.exited, promise]);
  cancel();
  if (exit === null) return { kind: 'worker-gone', message: 'Worker ended' };
  if (isOutOfMemory(exit)) return { kind: 'out-of-memory', memoryMib };
  return { kind: 'worker-gone', message: describeExit(exit) };
}

import type { Clock } from '../std/clock.ts';
import { describeExit, isOutOfMemory, outOfMemoryText } from './exit-text.ts';
import type { InvocationFailure, Sandbox } from './ports.ts';
import type { Zygote } from './zygotes.ts';

/** How long the reason of a worker's end may come after its socket closed. */
const EXIT_NOTICE_MS = 2_000;

/** A worker as the choice among workers sees it. */
export class PooledWorker {
  readonly zygote: Zygote;
  readonly startedAtMs: number;
  idleSinceMs: number | null;
  /** Told to end when it has finished. */
  isEnding = false;
  /** Stopped, until it is leased or ends. */
  isFrozen = false;
  /** Its failure was counted: however it goes on, it is one failed worker. */
  hasFailed = false;

  constructor(zygote: Zygote, nowMs: number) {
    this.zygote = zygote;
    this.startedAtMs = nowMs;
    // A request may have been sent ahead of its readiness.
    this.idleSinceMs = zygote.link.inFlight > 0 ? null : nowMs;
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

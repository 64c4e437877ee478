import type { Clock } from '../std/clock.ts';
import type { Invocation, InvocationFailure } from './ports.ts';

interface Waiting {
  invocation: Invocation;
  sinceMs: number;
  /** A worker was being started while it waited. */
  isForStart: boolean;
  /** It was sent to a worker that starts, which is told when it leaves the line by itself. */
  promise: { left: () => void } | null;
}

/** One that waits on in its place, for one worker: that may begin it as soon as it has started. */
export interface Promised {
  readonly invocation: Invocation;
  /** The worker has started: takes it out of the line. Null when it has left, or waits for any worker again. */
  claim: () => Next | null;
  /** The worker will not begin it: it waits for any. */
  giveBack(): void;
  /** The worker may have begun it, and has failed: it must not be begun again, so it fails. */
  fail(failure: InvocationFailure): void;
}

export interface Next {
  invocation: Invocation;
  sinceMs: number;
  waitedMs: number;
  isForStart: boolean;
}

/** Invocations without a worker, first come first served, bounded in number and in time. */
export class WaitingLine {
  readonly #clock: Clock;
  readonly #options: { length: number; waitMs: number; onTimeout(invocation: Invocation): void };
  readonly #line: Waiting[] = [];
  #promised = 0;
  #cancelTimer: (() => void) | null = null;

  constructor(
    clock: Clock,
    options: { length: number; waitMs: number; onTimeout(invocation: Invocation): void },
  ) {
    this.#clock = clock;
    this.#options = options;
  }

  get length(): number {
    return this.#line.length;
  }

  /** Those that any worker may have. */
  get unpromised(): number {
    return this.#line.length - this.#promised;
  }

  /** Since when the first one waits; null when nobody does. */
  get firstSinceMs(): number | null {
    return this.#line[0]?.sinceMs ?? null;
  }

  /** False when the line is full. */
  push(invocation: Invocation): boolean {
    if (this.#line.length >= this.#options.length) return false;
    const sinceMs = this.#clock.monotonicMs();
    this.#line.push({ invocation, sinceMs, isForStart: false, promise: null });
    this.#arm();
    return true;
  }

  /**
   * Puts one that was refused back to its place among those who wait, with the time that it has waited already. It was
   * counted when it came, so the length does not bound it.
   */
  putBack(invocation: Invocation, sinceMs: number): void {
    const younger = this.#line.findIndex((waiting) => waiting.sinceMs > sinceMs);
    const index = younger === -1 ? this.#line.length : younger;
    this.#line.splice(index, 0, { invocation, sinceMs, isForStart: false, promise: null });
    // The timer stands for whoever was the oldest.
    this.#disarm();
    this.#arm();
  }

  /** The first that any worker may have. */
  shift(): Next | null {
    return this.#take(this.#line.find(({ promise }) => promise === null));
  }

  remove(invocation: Invocation): void {
    const waiting = this.#line.find((one) => one.invocation === invocation);
    this.#take(waiting);
    waiting?.promise?.left();
  }

  /** Promises the first that any worker may have to one that starts; null when there is none. */
  promise(left: () => void): Promised | null {
    const waiting = this.#line.find(({ promise }) => promise === null);
    if (waiting === undefined) return null;
    const promise = { left };
    const { invocation } = waiting;
    waiting.promise = promise;
    this.#promised += 1;
    const holds = (): boolean => waiting.promise === promise && this.#line.includes(waiting);
    return {
      invocation,
      claim: () => (holds() ? this.#take(waiting) : null),
      giveBack: () => {
        if (!holds()) return;
        waiting.promise = null;
        this.#promised -= 1;
      },
      fail: (failure) => {
        if (holds() && this.#take(waiting) !== null) invocation.failed(failure);
      },
    };
  }

  #take(waiting: Waiting | undefined): Next | null {
    if (waiting === undefined) return null;
    this.#line.splice(this.#line.indexOf(waiting), 1);
    if (waiting.promise !== null) this.#promised -= 1;
    if (this.#line.length === 0) this.#disarm();
    const { invocation, sinceMs, isForStart } = waiting;
    return { invocation, sinceMs, waitedMs: this.#clock.monotonicMs() - sinceMs, isForStart };
  }

  /** How many have waited for so long at least. */
  countSince(waitedMs: number): number {
    const since = this.#clock.monotonicMs() - waitedMs;
    const younger = this.#line.findIndex(({ sinceMs }) => sinceMs > since);
    return younger === -1 ? this.#line.length : younger;
  }

  /** All that wait now do so for a worker's start. */
  markStarting(): void {
    for (let at = this.#line.length - 1; at >= 0; at--) {
      const waiting = this.#line[at];
      if (waiting === undefined || waiting.isForStart) return;
      waiting.isForStart = true;
    }
  }

  #arm(): void {
    if (this.#cancelTimer !== null) return;
    const first = this.#line[0];
    if (first === undefined) return;
    const leftMs = first.sinceMs + this.#options.waitMs - this.#clock.monotonicMs();
    this.#cancelTimer = this.#clock.after(Math.max(1, Math.ceil(leftMs)), () => this.#expire());
  }

  #disarm(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = null;
  }

  #expire(): void {
    this.#cancelTimer = null;
    const oldestAllowed = this.#clock.monotonicMs() - this.#options.waitMs;
    for (let first = this.#line[0]; first !== undefined; first = this.#line[0]) {
      if (first.sinceMs > oldestAllowed) break;
      this.#take(first);
      first.promise?.left();
      this.#options.onTimeout(first.invocation);
    }
    this.#arm();
  }
}

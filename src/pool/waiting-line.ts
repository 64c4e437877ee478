import type { Clock } from '../std/clock.ts';
import type { Invocation } from './ports.ts';

interface Waiting {
  invocation: Invocation;
  sinceMs: number;
  /** A worker was being started while it waited. */
  isForStart: boolean;
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

  /** Since when the first one waits; null when nobody does. */
  get firstSinceMs(): number | null {
    return this.#line[0]?.sinceMs ?? null;
  }

  /** False when the line is full. */
  push(invocation: Invocation): boolean {
    if (this.#line.length >= this.#options.length) return false;
    this.#line.push({ invocation, sinceMs: this.#clock.monotonicMs(), isForStart: false });
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
    this.#line.splice(index, 0, { invocation, sinceMs, isForStart: false });
    // The timer stands for whoever was the oldest.
    this.#disarm();
    this.#arm();
  }

  shift(): Next | null {
    const first = this.#line.shift();
    if (first === undefined) return null;
    if (this.#line.length === 0) this.#disarm();
    const { invocation, sinceMs, isForStart } = first;
    return { invocation, sinceMs, waitedMs: this.#clock.monotonicMs() - sinceMs, isForStart };
  }

  remove(invocation: Invocation): void {
    const index = this.#line.findIndex((waiting) => waiting.invocation === invocation);
    if (index !== -1) this.#line.splice(index, 1);
    if (this.#line.length === 0) this.#disarm();
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
      this.#line.shift();
      this.#options.onTimeout(first.invocation);
    }
    this.#arm();
  }
}

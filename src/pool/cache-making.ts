/**
 * When a worker of one function is asked for V8's code cache: after it has started, so that what a start compiles is in
 * it, and once more after it has answered, because handlers and the packages that they call are compiled when they are
 * first called. Then the function is at rest, since a worker answers nothing while it makes one. Small code is left
 * alone, and so is a function whose worker crashed with a cache.
 */
import { MAX_FRAME_BYTES } from '../protocol/framing.ts';
import { MAX_CODE_CACHE_BYTES } from '../protocol/worker.ts';
import type { SandboxExit } from '../protocol/supervisor.ts';
import type { Clock } from '../std/clock.ts';
import { isCrash } from './exit-text.ts';
import type { CodeCaches, FunctionSource } from './ports.ts';
import type { Zygote } from './zygotes.ts';

/** Of less code, reading a cache takes as long as compiling does. */
const MIN_CODE_BYTES = 32 * 1024;
/** A cache is about as large as its code, five times as large where all functions are tiny, and anything when forged. */
const MAX_CACHE_PER_CODE = 8;
/** What a worker is specialised with is one frame; so much of it is neither code nor cache. */
const HEAD_BYTES = 64 * 1024;
/** At rest is a function that no request came to for so long. */
const REST_MS = 1_000;
/** One that is never at rest is disturbed after so long. */
const MAX_WAIT_MS = 60_000;
/** Workers that make none or end meanwhile. */
const MAX_TRIES = 3;

type Worker = Pick<Zygote, 'link' | 'sandbox'>;

/** With what a worker has started. `crashed`: without one, because another ended with it. */
export interface CodeUse {
  codeBytes: number;
  cache: 'none' | 'used' | 'rejected' | 'crashed';
}

export class CacheMaking {
  readonly #caches: CodeCaches;
  readonly #clock: Clock;
  readonly #source: FunctionSource;
  #maxBytes = 0;
  #triesLeft = MAX_TRIES;
  /** Nothing is left to be made. */
  #isDone = true;
  /** The one that was heard of last. */
  #worker: Worker | null = null;
  #hasAnswered = false;
  #busySinceMs = 0;
  #lastHeardMs = 0;
  #cancelTimer: (() => void) | null = null;

  constructor({ caches, clock }: { caches: CodeCaches; clock: Clock }, source: FunctionSource) {
    this.#caches = caches;
    this.#clock = clock;
    this.#source = source;
  }

  started(worker: Worker, { codeBytes, cache }: CodeUse): void {
    if (codeBytes < MIN_CODE_BYTES) return;
    if (cache === 'rejected') this.#caches.drop(this.#source);
    if (cache === 'crashed') this.#bar();
    if (cache === 'used') void worker.sandbox.exited.then((exit) => this.#ended(exit));
    const room = MAX_FRAME_BYTES - HEAD_BYTES - codeBytes;
    this.#maxBytes = Math.min(codeBytes * MAX_CACHE_PER_CODE, MAX_CODE_CACHE_BYTES, room);
    this.#isDone = this.#triesLeft === 0 || this.#maxBytes <= 0 || this.#isBest;
    this.#heardOf(worker, false);
  }

  /** Called for each answer. */
  answered(worker: Worker): void {
    if (!this.#isDone) this.#heardOf(worker, true);
  }

  close(): void {
    this.#isDone = true;
    this.#worker = null;
    this.#cancelTimer?.();
    this.#cancelTimer = null;
  }

  get #isBest(): boolean {
    return this.#caches.stageOf(this.#source) === 'answered';
  }

  #heardOf(worker: Worker, hasAnswered: boolean): void {
    if (this.#isDone) return;
    this.#worker = worker;
    this.#hasAnswered = hasAnswered;
    if (!hasAnswered && this.#caches.stageOf(this.#source) !== null) return;
    this.#lastHeardMs = this.#clock.monotonicMs();
    if (this.#cancelTimer !== null) return;
    this.#busySinceMs = this.#lastHeardMs;
    this.#armTimer();
  }

  #armTimer(): void {
    this.#cancelTimer = this.#clock.after(REST_MS, () => {
      this.#cancelTimer = null;
      void this.#makeAtRest();
    });
  }

  async #makeAtRest(): Promise<void> {
    const worker = this.#worker;
    if (worker === null || this.#isDone) return;
    const now = this.#clock.monotonicMs();
    const isAtRest = worker.link.inFlight === 0 && now - this.#lastHeardMs >= REST_MS;
    if (!isAtRest && now - this.#busySinceMs < MAX_WAIT_MS) return this.#armTimer();
    const stage = this.#hasAnswered ? 'answered' : 'started';
    const maxBytes = this.#maxBytes;
    const outcome = await this.#caches.make(this.#source, stage, () =>
      worker.link.makeCodeCache(maxBytes),
    );
    if (outcome === 'busy') return this.#armTimer();
    if (outcome === 'none') this.#triesLeft -= 1;
    this.#isDone ||= this.#triesLeft === 0 || this.#isBest;
  }

  #ended(exit: SandboxExit): void {
    if (isCrash(exit)) this.#bar();
  }

  /** Whatever it is that ended with the cache, it shall not end the next. */
  #bar(): void {
    this.#caches.drop(this.#source);
    this.#triesLeft = 0;
    this.close();
  }
}

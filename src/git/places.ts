import type { Clock } from '../std/clock.ts';
import type { PlaceLimits } from './limits.ts';
import { busy } from './refusal.ts';

interface Waiting {
  key: string;
  admit: () => void;
}

/**
 * A bounded number of places, overall and per repository, with a bounded queue in front. First come, first served
 * among those whose repository has a place left.
 */
export class Places {
  readonly #limits: PlaceLimits;
  readonly #clock: Clock;
  readonly #taken = new Map<string, number>();
  #queue: Waiting[] = [];
  #overall = 0;

  constructor(clock: Clock, limits: PlaceLimits) {
    this.#clock = clock;
    this.#limits = limits;
  }

  /**
   * Resolves with the function that gives the place back (once; more calls do nothing).
   * @throws Refusal 503 when the queue is full or the wait too long; the signal's reason when it aborts
   */
  async take(key: string, signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted();
    if (!this.#hasRoom(key)) await this.#wait(key, signal);
    else this.#occupy(key);
    let isHeld = true;
    return () => {
      if (isHeld) this.#release(key);
      isHeld = false;
    };
  }

  #wait(key: string, signal: AbortSignal): Promise<void> {
    if (this.#queue.length >= this.#limits.queueLength) throw busy('too many git requests at once');
    return new Promise((resolve, reject) => {
      const leave = (reason: unknown): void => {
        this.#queue = this.#queue.filter((other) => other !== waiting);
        finish();
        reject(reason);
      };
      const onAbort = (): void => leave(signal.reason);
      const cancel = this.#clock.after(this.#limits.queueMs, () =>
        leave(busy('too many git requests at once: no place became free in time')),
      );
      const finish = (): void => {
        cancel();
        signal.removeEventListener('abort', onAbort);
      };
      const waiting = {
        key,
        admit: (): void => {
          finish();
          resolve();
        },
      };
      signal.addEventListener('abort', onAbort);
      this.#queue.push(waiting);
    });
  }

  #hasRoom(key: string): boolean {
    const ofKey = this.#taken.get(key) ?? 0;
    return this.#overall < this.#limits.overall && ofKey < this.#limits.perRepository;
  }

  #occupy(key: string): void {
    this.#overall += 1;
    this.#taken.set(key, (this.#taken.get(key) ?? 0) + 1);
  }

  #release(key: string): void {
    this.#overall -= 1;
    const left = (this.#taken.get(key) ?? 0) - 1;
    if (left > 0) this.#taken.set(key, left);
    else this.#taken.delete(key);
    const next = this.#queue.findIndex((waiting) => this.#hasRoom(waiting.key));
    const [admitted] = next === -1 ? [] : this.#queue.splice(next, 1);
    if (admitted === undefined) return;
    this.#occupy(admitted.key);
    admitted.admit();
  }
}

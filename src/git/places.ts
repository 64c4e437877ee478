import type { Clock } from '../std/clock.ts';
import type { PlaceLimits } from './limits.ts';
import { busy } from './refusal.ts';

/** Who wants a place. */
interface Whose {
  repository: string;
  /** Id of the token. */
  holder: string;
}

interface Waiting {
  whose: Whose;
  admit: () => void;
}

/**
 * A bounded number of places, overall, per repository and per holder, with a bounded queue in front. First come, first
 * served among those for whom there is one left.
 */
export class Places {
  readonly #limits: PlaceLimits;
  readonly #clock: Clock;
  readonly #byRepository = new Map<string, number>();
  readonly #byHolder = new Map<string, number>();
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
  async take(whose: Whose, signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted();
    if (!this.#hasRoom(whose)) await this.#wait(whose, signal);
    else this.#occupy(whose);
    let isHeld = true;
    return () => {
      if (isHeld) this.#release(whose);
      isHeld = false;
    };
  }

  #wait(whose: Whose, signal: AbortSignal): Promise<void> {
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
        whose,
        admit: (): void => {
          finish();
          resolve();
        },
      };
      signal.addEventListener('abort', onAbort);
      this.#queue.push(waiting);
    });
  }

  #hasRoom({ repository, holder }: Whose): boolean {
    const { overall, perRepository, perHolder } = this.#limits;
    if (this.#overall >= overall) return false;
    if ((this.#byRepository.get(repository) ?? 0) >= perRepository) return false;
    return (this.#byHolder.get(holder) ?? 0) < perHolder;
  }

  #occupy(whose: Whose): void {
    this.#count(whose, 1);
  }

  #release(whose: Whose): void {
    this.#count(whose, -1);
    // There may be room for one of its repository and for one of its holder.
    for (;;) {
      const next = this.#queue.findIndex((waiting) => this.#hasRoom(waiting.whose));
      const [admitted] = next === -1 ? [] : this.#queue.splice(next, 1);
      if (admitted === undefined) return;
      this.#occupy(admitted.whose);
      admitted.admit();
    }
  }

  #count({ repository, holder }: Whose, by: number): void {
    this.#overall += by;
    add(this.#byRepository, repository, by);
    add(this.#byHolder, holder, by);
  }
}

function add(counts: Map<string, number>, key: string, by: number): void {
  const left = (counts.get(key) ?? 0) + by;
  if (left > 0) counts.set(key, left);
  else counts.delete(key);
}

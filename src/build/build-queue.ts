import { PlatformError } from '../protocol/errors.ts';

/** More pushes than this waiting at once are no ordinary day. */
const MAX_WAITING = 100;

interface Waiting {
  onPlace: (ahead: number) => void;
  start: () => void;
}

/** Lets at most `slots` builds run at once, the others in the order in which they came. */
export class BuildQueue {
  readonly #slots: number;
  #running = 0;
  #waiting: Waiting[] = [];

  constructor(slots: number) {
    this.#slots = slots;
  }

  /**
   * Resolves when it is this build's turn; the caller releases the slot. `onPlace` hears how many builds are ahead,
   * each time that it changes, and nothing when there is no wait.
   * @throws PlatformError busy, or the signal's reason when it aborts first
   */
  async take(onPlace: (ahead: number) => void, signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted();
    if (this.#running < this.#slots) {
      this.#running += 1;
    } else {
      await this.#wait(onPlace, signal);
    }
    let isReleased = false;
    return () => {
      if (!isReleased) this.#release();
      isReleased = true;
    };
  }

  #wait(onPlace: (ahead: number) => void, signal: AbortSignal): Promise<void> {
    if (this.#waiting.length >= MAX_WAITING) {
      throw new PlatformError('busy', `${MAX_WAITING} builds are waiting already`, {
        hint: 'push again in a minute',
      });
    }
    const turn = Promise.withResolvers<void>();
    const waiting: Waiting = { onPlace, start: () => turn.resolve() };
    const leave = (): void => {
      this.#waiting = this.#waiting.filter((other) => other !== waiting);
      this.#tellPlaces();
      turn.reject(signal.reason as Error);
    };
    signal.addEventListener('abort', leave, { once: true });
    this.#waiting.push(waiting);
    onPlace(this.#slots + this.#waiting.length - 1);
    return turn.promise.finally(() => signal.removeEventListener('abort', leave));
  }

  /** The slot goes to the next in line without becoming free in between. */
  #release(): void {
    const next = this.#waiting.shift();
    if (next === undefined) {
      this.#running -= 1;
      return;
    }
    next.start();
    this.#tellPlaces();
  }

  #tellPlaces(): void {
    for (const [index, { onPlace }] of this.#waiting.entries()) onPlace(this.#slots + index);
  }
}

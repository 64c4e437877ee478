import { PlatformError } from '../protocol/errors.ts';

/** More pushes than this waiting at once are no ordinary day. */
const MAX_WAITING = 100;
/** Two pushes of as many refs as one may have: whoever pushes more often than it builds leaves room to others. */
const MAX_WAITING_PER_APP = 40;

interface Waiting {
  app: string;
  onPlace: (ahead: number) => void;
  start: () => void;
}

/** Lets at most `slots` builds run at once; the others wait, and apps take turns. */
export class BuildQueue {
  readonly #slots: number;
  /** App → how many of its builds run. */
  readonly #running = new Map<string, number>();
  #runningCount = 0;
  /** App → the number of its latest start; forgotten when nobody waits. */
  readonly #latestStarts = new Map<string, number>();
  #starts = 0;
  #waiting: Waiting[] = [];

  constructor(slots: number) {
    this.#slots = slots;
  }

  /**
   * Resolves when it is the turn of this app's build; the caller releases the slot. `onPlace` hears how many builds are
   * ahead, each time that it may have changed, and nothing when there is no wait.
   * @throws PlatformError busy, or the signal's reason when it aborts first
   */
  async take(
    app: string,
    onPlace: (ahead: number) => void,
    signal: AbortSignal,
  ): Promise<() => void> {
    signal.throwIfAborted();
    if (this.#runningCount < this.#slots) this.#begin(app);
    else await this.#wait(app, onPlace, signal);
    let isReleased = false;
    return () => {
      if (!isReleased) this.#release(app);
      isReleased = true;
    };
  }

  #wait(app: string, onPlace: (ahead: number) => void, signal: AbortSignal): Promise<void> {
    this.#refuseTooMany(app);
    const turn = Promise.withResolvers<void>();
    const waiting: Waiting = { app, onPlace, start: () => turn.resolve() };
    const leave = (): void => {
      this.#waiting = this.#waiting.filter((other) => other !== waiting);
      this.#tellPlaces();
      turn.reject(signal.reason as Error);
    };
    signal.addEventListener('abort', leave, { once: true });
    this.#waiting.push(waiting);
    this.#tellPlaces();
    return turn.promise.finally(() => signal.removeEventListener('abort', leave));
  }

  #refuseTooMany(app: string): void {
    const ofApp = this.#waiting.filter((other) => other.app === app).length;
    const isFull = this.#waiting.length >= MAX_WAITING;
    if (!isFull && ofApp < MAX_WAITING_PER_APP) return;
    const count = isFull ? `${MAX_WAITING} builds` : `${MAX_WAITING_PER_APP} builds of this app`;
    throw new PlatformError('busy', `${count} are waiting already`, {
      hint: 'push again in a minute',
    });
  }

  #begin(app: string): void {
    this.#runningCount += 1;
    this.#latestStarts.set(app, ++this.#starts);
    this.#running.set(app, (this.#running.get(app) ?? 0) + 1);
  }

  /** The slot goes to the next in line without becoming free in between. */
  #release(app: string): void {
    this.#runningCount -= 1;
    const left = (this.#running.get(app) ?? 1) - 1;
    if (left === 0) this.#running.delete(app);
    else this.#running.set(app, left);
    const [next] = this.#inOrder();
    if (next === undefined) {
      this.#latestStarts.clear();
      return;
    }
    this.#waiting = this.#waiting.filter((other) => other !== next);
    this.#begin(next.app);
    next.start();
    this.#tellPlaces();
  }

  /**
   * Each app's first build before anybody's second, where those that run count as well; within that, the app whose turn
   * is the longest ago, and then who came first.
   */
  #inOrder(): Waiting[] {
    const turns = new Map(this.#running);
    const withTurns = this.#waiting.map((waiting) => {
      const turn = turns.get(waiting.app) ?? 0;
      turns.set(waiting.app, turn + 1);
      return { waiting, turn, latest: this.#latestStarts.get(waiting.app) ?? 0 };
    });
    return withTurns
      .toSorted((a, b) => a.turn - b.turn || a.latest - b.latest)
      .map(({ waiting }) => waiting);
  }

  #tellPlaces(): void {
    for (const [index, { onPlace }] of this.#inOrder().entries()) onPlace(this.#slots + index);
  }
}

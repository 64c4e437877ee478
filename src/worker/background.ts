import { isThenable } from './conventions/handlers.ts';
import { MAX_BACKGROUND_MS } from '../protocol/worker.ts';

interface Host {
  /** Calls back when the request that runs now has its answer; at once outside of any. */
  whenAnswered(callback: () => void): void;
  rejected(error: unknown): void;
  /** Nothing is left to wait for. */
  idle(): void;
}

/** The promises given to `waitUntil`: a draining worker stays for them, each at most 30 s after its answer. */
export class Background {
  readonly #host: Host;
  #count = 0;

  constructor(host: Host) {
    this.#host = host;
  }

  get isIdle(): boolean {
    return this.#count === 0;
  }

  waitUntil(promise: unknown): void {
    if (!isThenable(promise)) return;
    this.#count++;
    let timer: NodeJS.Timeout | null = null;
    let isOver = false;
    const over = (): void => {
      if (isOver) return;
      isOver = true;
      if (timer !== null) clearTimeout(timer);
      this.#count--;
      if (this.#count === 0) this.#host.idle();
    };
    this.#host.whenAnswered(() => {
      if (!isOver) timer = setTimeout(over, MAX_BACKGROUND_MS);
    });
    Promise.resolve(promise).then(over, (error: unknown) => {
      this.#host.rejected(error);
      over();
    });
  }
}

import type { Clock } from '../std/clock.ts';
import type { PooledWorker } from './pooled-worker.ts';
import type { WorkerSet } from './worker-set.ts';

/** What a worker holds when it is younger than this it needs: another would come near its limit as soon. */
const MIN_REPLACED_AGE_MS = 10_000;
/** A worker that had a request so short a time ago is in use. */
const IN_USE_MS = 1_000;

interface SuccessionActions {
  isHeld(): boolean;
  /** Whether another worker runs then; false at once when none may be started. */
  startAnother(): Promise<boolean>;
  /** A worker was retired in favour of another. */
  replaced(): void;
  log(text: string): void;
}

/** Has others take the place of workers that shall end while they are in use. */
export class Succession {
  readonly #clock: Clock;
  readonly #workers: WorkerSet;
  readonly #actions: SuccessionActions;

  constructor(clock: Clock, workers: WorkerSet, actions: SuccessionActions) {
    this.#clock = clock;
    this.#workers = workers;
    this.#actions = actions;
  }

  /** It ends after its current requests, rather than by the kernel in their middle. */
  nearMemoryLimit(worker: PooledWorker, memoryMib: number): void {
    const ageMs = this.#clock.monotonicMs() - worker.startedAtMs;
    this.#clock.after(Math.max(0, MIN_REPLACED_AGE_MS - ageMs), () => {
      if (!this.#workers.isLeasable(worker)) return;
      this.#actions.log(
        `Worker is near its memory limit (${memoryMib} MB): it ends after its current requests`,
      );
      void this.#replace(worker);
    });
  }

  async #replace(worker: PooledWorker): Promise<void> {
    await this.#startSuccessor(worker);
    this.#retire(worker);
  }

  /** One that is old, or has had many requests, ends too, unless nobody could take its place: then it is tried again later. */
  async renew(worker: PooledWorker): Promise<void> {
    if (worker.isRenewing) return;
    worker.isRenewing = true;
    if (await this.#startSuccessor(worker)) this.#retire(worker);
    else worker.liveOn();
  }

  #retire(worker: PooledWorker): void {
    this.#workers.retire(worker);
    this.#actions.replaced();
  }

  /** Whether a worker stands beside it then, or none is needed. */
  async #startSuccessor(worker: PooledWorker): Promise<boolean> {
    const idledMs = this.#clock.monotonicMs() - (worker.idleSinceMs ?? Infinity);
    if (!this.#actions.isHeld() && idledMs > IN_USE_MS) return true;
    return this.#actions.startAnother();
  }
}

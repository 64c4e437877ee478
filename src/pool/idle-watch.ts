import type { PoolOptions } from '../main/process/start-options.ts';
import type { Clock } from '../std/clock.ts';
import { idleWorkers } from './decisions.ts';
import type { PooledWorker } from './pooled-worker.ts';
import type { WorkerSet } from './worker-set.ts';

interface IdleActions {
  /** What is held stays. */
  maySleep(): boolean;
  /** Its time is over, however much it has to do. */
  renew(worker: PooledWorker): void;
}

/** Looks at workers when one of them may have been idle for long enough to be frozen or to end, or is old enough to be renewed. */
export class IdleWatch {
  readonly #clock: Clock;
  readonly #workers: WorkerSet;
  readonly #options: Pick<PoolOptions, 'idleMs' | 'freezeMs'>;
  readonly #actions: IdleActions;
  #cancel: (() => void) | null = null;

  constructor(
    clock: Clock,
    workers: WorkerSet,
    options: Pick<PoolOptions, 'idleMs' | 'freezeMs'>,
    actions: IdleActions,
  ) {
    this.#clock = clock;
    this.#workers = workers;
    this.#options = options;
    this.#actions = actions;
  }

  /** To be called when a worker was added, or may be idle from now on. */
  arm(delayMs = this.#firstLookMs): void {
    if (this.#cancel !== null) return;
    this.#cancel = this.#clock.after(delayMs, () => this.#look());
  }

  /** Once the worker is idle again it is looked at as early as if it had just started, and not only at its end. */
  thaw(worker: PooledWorker): void {
    worker.thaw();
    this.close();
    this.arm();
  }

  close(): void {
    this.#cancel?.();
    this.#cancel = null;
  }

  #look(): void {
    this.#cancel = null;
    const workers = this.#workers;
    const now = this.#clock.monotonicMs();
    const { expired, freezing, lookAgainInMs } = idleWorkers(workers.leasable, now, this.#options);
    if (this.#actions.maySleep()) for (const worker of expired) workers.retire(worker);
    for (const worker of freezing) worker.freeze();
    for (const worker of workers.leasable.slice()) {
      if (worker.endsAtMs <= now) this.#actions.renew(worker);
    }
    if (workers.leasable.length > 0) this.arm(lookAgainInMs ?? this.#firstLookMs);
  }

  get #firstLookMs(): number {
    return Math.min(this.#options.idleMs, this.#options.freezeMs ?? Infinity);
  }
}

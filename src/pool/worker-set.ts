import { MAX_BACKGROUND_MS } from '../protocol/worker.ts';
import type { Clock } from '../std/clock.ts';
import type { PooledWorker } from './pooled-worker.ts';
import type { Zygote } from './zygotes.ts';

/** A worker that has waited as long as it may still has to exit. */
const FAREWELL_MS = 1_000;

/** The workers of one function: those that may be leased, and those that finish what they have. */
export class WorkerSet {
  readonly #clock: Clock;
  readonly #leasable: PooledWorker[] = [];
  readonly #leaving = new Set<PooledWorker>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Those that may be leased, oldest first. */
  get leasable(): readonly PooledWorker[] {
    return this.#leasable;
  }

  get count(): number {
    return this.#leasable.length + this.#leaving.size;
  }

  get leavingCount(): number {
    return this.#leaving.size;
  }

  /** Requests that they have. */
  get inFlight(): number {
    let count = 0;
    for (const { zygote } of this.#leasable) count += zygote.link.inFlight;
    for (const { zygote } of this.#leaving) count += zygote.link.inFlight;
    return count;
  }

  has(zygote: Zygote): boolean {
    return [...this.#leasable, ...this.#leaving].some((worker) => worker.zygote === zygote);
  }

  isLeasable(worker: PooledWorker): boolean {
    return this.#leasable.includes(worker);
  }

  isLeaving(worker: PooledWorker): boolean {
    return this.#leaving.has(worker);
  }

  /** The one that has done nothing for longest; null when all have something to do. */
  longestIdle(): PooledWorker | null {
    const idle = this.#leasable.filter(({ zygote }) => zygote.link.inFlight === 0);
    return idle.toSorted((a, b) => (a.idleSinceMs ?? 0) - (b.idleSinceMs ?? 0))[0] ?? null;
  }

  leastBusy(): PooledWorker | null {
    const byLoad = this.#leasable.toSorted(
      (a, b) => a.zygote.link.inFlight - b.zygote.link.inFlight,
    );
    return byLoad[0] ?? null;
  }

  add(worker: PooledWorker): void {
    this.#leasable.push(worker);
  }

  /** No more leases; it ends when it has nothing left. */
  retire(worker: PooledWorker): void {
    const index = this.#leasable.indexOf(worker);
    if (index === -1) return;
    this.#leasable.splice(index, 1);
    this.#leaving.add(worker);
    this.endIfDone(worker);
  }

  retireAll(): void {
    for (const worker of this.#leasable.slice()) this.retire(worker);
  }

  endIfDone(worker: PooledWorker): void {
    const { link, sandbox } = worker.zygote;
    if (link.inFlight > 0 || worker.isEnding) return;
    worker.isEnding = true;
    worker.thaw();
    link.drain();
    // It may still finish what it was asked to wait for, however short requests have to be.
    const cancel = this.#clock.after(MAX_BACKGROUND_MS + FAREWELL_MS, () => sandbox.kill());
    void sandbox.exited.then(cancel);
  }

  /** It has ended or must: it counts as long as its end is looked into, and gets nothing more. */
  exclude(worker: PooledWorker): void {
    const index = this.#leasable.indexOf(worker);
    if (index !== -1) this.#leasable.splice(index, 1);
    this.#leaving.add(worker);
  }

  forget(worker: PooledWorker): void {
    this.#leaving.delete(worker);
  }

  /** Those that have only background work left have a deadline of their own. */
  killAll(): void {
    for (const { zygote, isEnding } of [...this.#leasable, ...this.#leaving]) {
      if (!isEnding) zygote.sandbox.kill();
    }
  }
}

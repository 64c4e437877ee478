/**
 * Zygotes: workers that have booted and belong to nobody, so that a cold start is only the loading of a function's
 * code. A few of the usual memory class are kept ready; any other class is booted when it is asked for.
 */
import { PlatformError } from '../protocol/errors.ts';
import type { Clock } from '../std/clock.ts';
import type { Sandbox, Sandboxes } from './ports.ts';
import { WorkerLink } from './worker-link.ts';

/** Boots at a time: more finish no sooner, since a boot is all CPU. */
const MAX_BOOTS = 4;
/** A sandboxed Node boots in 60 ms; on a machine this far behind, something is wrong. */
const BOOT_TIMEOUT_MS = 15_000;
const RETRY_MS = 1_000;
/** Leaves the machine to the cold start that has just taken a zygote, and to the push that it may belong to. */
const REFILL_DELAY_MS = 250;
/** The next cold start would have to boot one. */
const EMPTY_REFILL_DELAY_MS = 20;

export interface Zygote {
  sandbox: Sandbox;
  link: WorkerLink;
}

interface ZygotesDeps {
  sandboxes: Sandboxes;
  clock: Clock;
}

interface Waiter {
  memoryMib: number;
  resolve(zygote: Zygote): void;
  reject(error: unknown): void;
}

export class Zygotes {
  readonly #deps: ZygotesDeps;
  readonly #memoryMib: number;
  readonly #reserve: number;
  readonly #ready: Zygote[] = [];
  readonly #waiting: Waiter[] = [];
  #bootsForReserve = 0;
  #boots = 0;
  #isClosed = false;
  #isRetrying = false;

  /** Keeps `reserve` zygotes of `memoryMib` ready from `start` on. */
  constructor(deps: ZygotesDeps, options: { memoryMib: number; reserve: number }) {
    this.#deps = deps;
    this.#memoryMib = options.memoryMib;
    this.#reserve = options.reserve;
  }

  get readyCount(): number {
    return this.#ready.length;
  }

  start(): void {
    this.#refill();
  }

  /** Rejects with PlatformError when none can be booted. */
  take(memoryMib: number): Promise<Zygote> {
    const zygote = memoryMib === this.#memoryMib ? this.#ready.shift() : undefined;
    if (zygote !== undefined) {
      const delayMs = this.#ready.length > 0 ? REFILL_DELAY_MS : EMPTY_REFILL_DELAY_MS;
      this.#deps.clock.after(delayMs, () => this.#refill());
      return Promise.resolve(zygote);
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ memoryMib, resolve, reject });
      this.#refill();
    });
  }

  close(): void {
    this.#isClosed = true;
    for (const { sandbox } of this.#ready.splice(0)) sandbox.kill();
    const error = new PlatformError('unavailable', 'the platform is stopping');
    for (const waiter of this.#waiting.splice(0)) waiter.reject(error);
  }

  /** Boots for those who wait first, then for the reserve. */
  #refill(): void {
    while (!this.#isClosed && this.#boots < MAX_BOOTS) {
      const waiter = this.#nextWaiter();
      if (waiter === undefined && !this.#isReserveShort()) return;
      void this.#boot(waiter);
    }
  }

  /** A waiter whom no running boot of the reserve will serve. */
  #nextWaiter(): Waiter | undefined {
    const usual = this.#waiting.filter(({ memoryMib }) => memoryMib === this.#memoryMib).length;
    const index = this.#waiting.findIndex(
      ({ memoryMib }) => memoryMib !== this.#memoryMib || usual > this.#bootsForReserve,
    );
    return index === -1 ? undefined : this.#waiting.splice(index, 1)[0];
  }

  #isReserveShort(): boolean {
    return !this.#isRetrying && this.#ready.length + this.#bootsForReserve < this.#reserve;
  }

  async #boot(waiter: Waiter | undefined): Promise<void> {
    this.#boots++;
    if (waiter === undefined) this.#bootsForReserve++;
    try {
      const zygote = await this.#bootOne(waiter?.memoryMib ?? this.#memoryMib);
      if (waiter === undefined) this.#offer(zygote);
      else waiter.resolve(zygote);
    } catch (error) {
      if (waiter === undefined) this.#onReserveFailed(error);
      else waiter.reject(error);
    } finally {
      this.#boots--;
      if (waiter === undefined) this.#bootsForReserve--;
      this.#refill();
    }
  }

  async #bootOne(memoryMib: number): Promise<Zygote> {
    const sandbox = await this.#deps.sandboxes.start(memoryMib);
    const link = new WorkerLink(sandbox.socket, this.#deps.clock);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const fail = (reason: string): void => reject(new PlatformError('sandbox-failed', reason));
    const cancelDeadline = this.#deps.clock.after(BOOT_TIMEOUT_MS, () =>
      fail('a worker did not boot in time'),
    );
    link.listen({
      hello: resolve,
      closed: () => fail('a worker ended while it booted'),
      unusable: fail,
    });
    try {
      await promise;
    } catch (error) {
      sandbox.kill();
      link.destroy();
      throw error;
    } finally {
      cancelDeadline();
    }
    return { sandbox, link };
  }

  #offer(zygote: Zygote): void {
    if (this.#isClosed) {
      zygote.sandbox.kill();
      return;
    }
    const index = this.#waiting.findIndex(({ memoryMib }) => memoryMib === this.#memoryMib);
    const waiter = index === -1 ? undefined : this.#waiting.splice(index, 1)[0];
    if (waiter !== undefined) {
      waiter.resolve(zygote);
      return;
    }
    this.#ready.push(zygote);
    zygote.link.listen({
      closed: () => this.#lost(zygote),
      unusable: () => zygote.sandbox.kill(),
    });
  }

  /** A zygote that died while it waited; taken ones have another listener. */
  #lost(zygote: Zygote): void {
    const index = this.#ready.indexOf(zygote);
    if (index !== -1) this.#ready.splice(index, 1);
    this.#retryLater();
  }

  /** Who waited for it is told; the reserve is tried again after a while. */
  #onReserveFailed(error: unknown): void {
    const index = this.#waiting.findIndex(({ memoryMib }) => memoryMib === this.#memoryMib);
    if (index !== -1) this.#waiting.splice(index, 1)[0]?.reject(error);
    this.#retryLater();
  }

  #retryLater(): void {
    if (this.#isRetrying || this.#isClosed) return;
    this.#isRetrying = true;
    this.#deps.clock.after(RETRY_MS, () => {
      this.#isRetrying = false;
      this.#refill();
    });
  }
}

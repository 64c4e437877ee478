/**
 * Zygotes: workers that have booted and belong to nobody, so that a cold start is only the loading of a function's
 * code. Of one memory class a few are kept ready, and more after a second in which more were taken; any other
 * class is booted when it is asked for. Who boots for the reserve leaves the machine to the requests: one at a time,
 * after a pause, as long as one is ready.
 */
import { PlatformError } from '../protocol/errors.ts';
import type { Clock } from '../std/clock.ts';
import type { Sandbox, Sandboxes } from './ports.ts';
import { WorkerLink } from './worker-link.ts';
import { ZygoteDemand } from './zygote-demand.ts';

/** Boots at a time: more finish no sooner, since a boot is nearly all CPU. */
const MAX_BOOTS = 4;
/** Of those that nobody waits for, while one is ready: they only take what nobody else wants of the processor. */
const MAX_CALM_BOOTS = 2;
/** A sandboxed Node boots in 60 ms; on a machine this far behind, something is wrong. */
const BOOT_TIMEOUT_MS = 15_000;
/** After a boot that failed or a zygote that died; twice as long after each further one in a row. */
const RETRY_MS = 1_000;
const MAX_RETRY_MS = 60_000;
/** After HELLO a zygote still loads what many functions need, ahead of anybody's need: see worker/warm-up.ts. */
const SETTLING_MS = 250;
/** Leaves the machine to the cold start that has just taken a zygote. */
const REFILL_DELAY_MS = 25;

export interface Zygote {
  sandbox: Sandbox;
  link: WorkerLink;
}

export interface ZygotesDeps {
  sandboxes: Sandboxes;
  clock: Clock;
}

interface ZygoteOptions {
  memoryMib: number;
  reserve: number;
  maxReserve: number;
}

/** For who waits: what ended one boot, such as a process of the platform that was killed, rarely ends the next. */
const BOOTS_PER_WAITER = 2;

interface Waiter {
  memoryMib: number;
  bootsLeft: number;
  resolve(zygote: Zygote): void;
  reject(error: unknown): void;
}

export class Zygotes {
  readonly #deps: ZygotesDeps;
  readonly #memoryMib: number;
  #reserve: number;
  readonly #maxReserve: number;
  readonly #demand: ZygoteDemand;
  readonly #ready: Zygote[] = [];
  readonly #waiting: Waiter[] = [];
  #bootsForReserve = 0;
  #boots = 0;
  #isClosed = false;
  #isRetrying = false;
  #isRefillDue = false;
  #lossesInARow = 0;

  /** Keeps `reserve` zygotes of `memoryMib` ready from `start` on, and up to `maxReserve` when many are taken. */
  constructor(deps: ZygotesDeps, options: ZygoteOptions) {
    this.#deps = deps;
    this.#memoryMib = options.memoryMib;
    this.#reserve = options.reserve;
    this.#maxReserve = Math.max(options.reserve, options.maxReserve);
    this.#demand = new ZygoteDemand(() => deps.clock.monotonicMs());
  }

  get readyCount(): number {
    return this.#ready.length;
  }

  start(): void {
    this.#refill();
  }

  /** Rejects with PlatformError when none can be booted, also not in a second try. */
  take(memoryMib: number): Promise<Zygote> {
    if (memoryMib === this.#memoryMib) {
      this.#demand.took();
      const zygote = this.#ready.shift();
      if (zygote !== undefined) {
        this.#refillSoon();
        return Promise.resolve(zygote);
      }
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ memoryMib, bootsLeft: BOOTS_PER_WAITER, resolve, reject });
      this.#refill();
    });
  }

  close(): void {
    this.#isClosed = true;
    for (const { sandbox } of this.#ready.splice(0)) sandbox.kill();
    const error = new PlatformError('unavailable', 'the platform is stopping');
    for (const waiter of this.#waiting.splice(0)) waiter.reject(error);
  }

  /** Who waits still gets one. */
  keepNone(): void {
    this.#reserve = 0;
    for (const { sandbox } of this.#ready.splice(0)) sandbox.kill();
  }

  #refillSoon(): void {
    if (this.#isRefillDue) return;
    this.#isRefillDue = true;
    this.#deps.clock.after(REFILL_DELAY_MS, () => {
      this.#isRefillDue = false;
      this.#refill();
    });
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
    if (this.#isRetrying) return false;
    if (this.#ready.length > 0 && this.#bootsForReserve >= MAX_CALM_BOOTS) return false;
    return this.#ready.length + this.#bootsForReserve < this.#wanted;
  }

  /** None at all where nobody wants any kept. */
  get #wanted(): number {
    if (this.#reserve === 0) return 0;
    return Math.min(this.#maxReserve, Math.max(this.#reserve, this.#demand.busiestSecond));
  }

  async #boot(waiter: Waiter | undefined): Promise<void> {
    this.#boots++;
    if (waiter === undefined) this.#bootsForReserve++;
    try {
      const zygote = await this.#bootOne(waiter?.memoryMib ?? this.#memoryMib);
      this.#lossesInARow = 0;
      if (waiter === undefined) this.#offer(zygote);
      else waiter.resolve(zygote);
    } catch (error) {
      if (waiter === undefined) this.#onReserveFailed(error);
      else this.#waitsOn(waiter, error);
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
    link.greet();
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
    if (this.#reserve === 0) {
      zygote.sandbox.kill();
      return;
    }
    this.#ready.push(zygote);
    this.#deps.clock.after(SETTLING_MS, () => {
      if (this.#ready.includes(zygote)) zygote.sandbox.booted?.();
    });
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

  /** Who waited for it waits for another; the reserve is tried again after a while. */
  #onReserveFailed(error: unknown): void {
    const index = this.#waiting.findIndex(({ memoryMib }) => memoryMib === this.#memoryMib);
    const waiter = index === -1 ? undefined : this.#waiting.splice(index, 1)[0];
    if (waiter !== undefined) this.#waitsOn(waiter, error);
    this.#retryLater();
  }

  /** In front of the others, unless enough was tried for it. */
  #waitsOn(waiter: Waiter, error: unknown): void {
    waiter.bootsLeft -= 1;
    if (waiter.bootsLeft > 0 && !this.#isClosed) this.#waiting.unshift(waiter);
    else waiter.reject(error);
  }

  #retryLater(): void {
    if (this.#isRetrying || this.#isClosed) return;
    this.#isRetrying = true;
    const delayMs = Math.min(RETRY_MS * 2 ** this.#lossesInARow, MAX_RETRY_MS);
    this.#lossesInARow += 1;
    this.#deps.clock.after(delayMs, () => {
      this.#isRetrying = false;
      this.#refill();
    });
  }
}

/**
 * In which order the apps that start workers get zygotes: who has the fewest on their way comes first, so that an app
 * that starts many at a time, or one after the other, leaves the next zygote to whoever waits beside it.
 */
import type { Zygote, Zygotes } from './zygotes.ts';

/** As many as boot at a time: who is handed on beyond that could not be overtaken any more, and would get none sooner. */
const MAX_HANDED_ON = 4;

/** Zygotes as one app takes them. */
export type ZygoteSource = Pick<Zygotes, 'take'>;

interface Waiting {
  appName: string;
  memoryMib: number;
  resolve(zygote: Promise<Zygote>): void;
}

export class ZygoteTurns {
  readonly #zygotes: ZygoteSource;
  /** By the order in which they came. Bounded by the starts that each app may have at a time. */
  readonly #waiting: Waiting[] = [];
  /** App → those of it that Zygotes has been asked for and has not given. */
  readonly #handedOn = new Map<string, number>();
  #handedOnInAll = 0;

  constructor(zygotes: ZygoteSource) {
    this.#zygotes = zygotes;
  }

  of(appName: string): ZygoteSource {
    return { take: (memoryMib) => this.#take(appName, memoryMib) };
  }

  #take(appName: string, memoryMib: number): Promise<Zygote> {
    if (this.#handedOnInAll < MAX_HANDED_ON) return this.#handOn(appName, memoryMib);
    return new Promise((resolve) => this.#waiting.push({ appName, memoryMib, resolve }));
  }

  async #handOn(appName: string, memoryMib: number): Promise<Zygote> {
    this.#handedOnInAll++;
    this.#handedOn.set(appName, this.#handedOnOf(appName) + 1);
    try {
      return await this.#zygotes.take(memoryMib);
    } finally {
      this.#handedOnInAll--;
      const left = this.#handedOnOf(appName) - 1;
      if (left === 0) this.#handedOn.delete(appName);
      else this.#handedOn.set(appName, left);
      this.#next();
    }
  }

  #next(): void {
    let next: Waiting | undefined;
    for (const waiting of this.#waiting) {
      if (next === undefined) next = waiting;
      else if (this.#handedOnOf(waiting.appName) < this.#handedOnOf(next.appName)) next = waiting;
    }
    if (next === undefined) return;
    this.#waiting.splice(this.#waiting.indexOf(next), 1);
    next.resolve(this.#handOn(next.appName, next.memoryMib));
  }

  #handedOnOf(appName: string): number {
    return this.#handedOn.get(appName) ?? 0;
  }
}

/**
 * Zygotes for functions of every memory. How much V8 may take is fixed when a process boots (set later,
 * `--max-old-space-size` changes nothing: measured with V8 14.6), so a zygote of the usual class cannot become a larger
 * one. Of each class that many functions have a few are kept ready, too; any other is booted when it is asked for.
 */
import type { ZygoteSource } from './zygote-turns.ts';
import { type Zygote, Zygotes, type ZygotesDeps } from './zygotes.ts';

/** Beside the usual one: each zygote takes memory, whatever its class. */
const MAX_CLASSES = 4;
const RESERVE = 1;
/** After a second in which more than one was taken. */
const MAX_RESERVE = 4;

export interface ZygoteClassesOptions {
  /** Of the usual class. */
  memoryMib: number;
  reserve: number;
  maxReserve: number;
}

export class ZygoteClasses implements ZygoteSource {
  readonly #deps: ZygotesDeps;
  readonly #options: ZygoteClassesOptions;
  readonly #usual: Zygotes;
  readonly #others = new Map<number, Zygotes>();

  constructor(deps: ZygotesDeps, options: ZygoteClassesOptions) {
    this.#deps = deps;
    this.#options = options;
    this.#usual = new Zygotes(deps, options);
  }

  get readyCount(): number {
    return this.#all.reduce((sum, { readyCount }) => sum + readyCount, 0);
  }

  start(): void {
    this.#usual.start();
  }

  /** Like Zygotes'. */
  take(memoryMib: number): Promise<Zygote> {
    return (this.#others.get(memoryMib) ?? this.#usual).take(memoryMib);
  }

  /** Says of which memory the functions are that may be asked for, one entry for each. */
  serve(memoriesMib: Iterable<number>): void {
    if (this.#options.reserve === 0) return;
    const wanted = mostOf(memoriesMib, this.#options.memoryMib);
    for (const [memoryMib, zygotes] of this.#others) {
      if (wanted.includes(memoryMib)) continue;
      this.#others.delete(memoryMib);
      zygotes.keepNone();
    }
    for (const memoryMib of wanted) {
      if (this.#others.has(memoryMib)) continue;
      const maxReserve = Math.min(MAX_RESERVE, this.#options.maxReserve);
      const zygotes = new Zygotes(this.#deps, { memoryMib, reserve: RESERVE, maxReserve });
      this.#others.set(memoryMib, zygotes);
      zygotes.start();
    }
  }

  close(): void {
    for (const zygotes of this.#all) zygotes.close();
  }

  get #all(): Zygotes[] {
    return [this.#usual, ...this.#others.values()];
  }
}

/** The classes of most functions, without the usual one. */
function mostOf(memoriesMib: Iterable<number>, usual: number): number[] {
  const counts = new Map<number, number>();
  for (const memoryMib of memoriesMib) {
    if (memoryMib !== usual) counts.set(memoryMib, (counts.get(memoryMib) ?? 0) + 1);
  }
  const byCount = [...counts].toSorted(([, one], [, other]) => other - one);
  return byCount.slice(0, MAX_CLASSES).map(([memoryMib]) => memoryMib);
}

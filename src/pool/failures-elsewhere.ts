import type { Clock } from '../std/clock.ts';
import { functionOf } from './function-key.ts';
import type { FunctionFailures } from './ports.ts';

/** Functions that are remembered; of more, those that failed longest ago are forgotten. */
const MAX_FUNCTIONS = 1_000;

/** What other data processes tell of functions that have no pool here yet. */
export class FailuresElsewhere {
  readonly #clock: Clock;
  /** By function; the latest last. */
  readonly #noted = new Map<string, { failures: number; untilMs: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  note({ of, failures, forMs }: FunctionFailures): void {
    this.#noted.delete(of);
    if (failures === 0) return;
    this.#noted.set(of, { failures, untilMs: this.#clock.monotonicMs() + forMs });
    const [oldest = ''] = this.#noted.keys();
    if (this.#noted.size > MAX_FUNCTIONS) this.#noted.delete(oldest);
  }

  /** What is left of it. */
  take(of: string): Omit<FunctionFailures, 'of'> {
    const { failures, untilMs } = this.#noted.get(of) ?? { failures: 0, untilMs: 0 };
    this.#noted.delete(of);
    return { failures, forMs: Math.max(0, untilMs - this.#clock.monotonicMs()) };
  }

  forget(isGone: (deployment: string) => boolean): void {
    for (const of of this.#noted.keys())
      if (isGone(functionOf(of).deployment)) this.#noted.delete(of);
  }
}

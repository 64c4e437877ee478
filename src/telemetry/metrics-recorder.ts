/** Counts how invocations end, in data, until it is asked what it has. */
import type { FunctionDelta } from '../protocol/metrics.ts';
import type { InvocationEnd, InvocationLog, InvocationTarget } from '../router/ports.ts';
import { FunctionMeter } from './function-meter.ts';

/**
 * Functions that were invoked since what was counted last went to control, each with up to 17 KiB. They are let go when
 * they were idle from one time to the next, so only a control that stays away brings it near.
 */
const MAX_FUNCTIONS = 2_000;

export class MetricsRecorder implements InvocationLog {
  /** Deployment → function → what it has had. */
  readonly #meters = new Map<string, Map<string, FunctionMeter>>();
  readonly #maxFunctions: number;
  #functions = 0;
  #uncounted = 0;
  /** Requests come in rows for the same function. */
  #lastTarget: InvocationTarget | null = null;
  #lastMeter: FunctionMeter | null = null;

  /** So many data processes share what they may have together. */
  constructor(processes = 1) {
    this.#maxFunctions = Math.ceil(MAX_FUNCTIONS / processes);
  }

  ended(target: InvocationTarget, end: InvocationEnd): void {
    const meter = target === this.#lastTarget ? this.#lastMeter : this.#meterOf(target);
    if (meter === null) this.#uncounted += 1;
    else meter.count(end, target.served.memoryMib);
  }

  /** What each function has had, which is forgotten here as it is taken; each function once. */
  *drain(): Generator<FunctionDelta> {
    for (const [deployment, functions] of this.#meters) {
      for (const [functionName, meter] of functions) {
        if (meter.isEmpty) this.#forget(functions, functionName);
        else yield { deployment, functionName, ...meter.take() };
      }
      if (functions.size === 0) this.#meters.delete(deployment);
    }
  }

  /** Invocations for which there was no room. */
  takeUncounted(): number {
    const uncounted = this.#uncounted;
    this.#uncounted = 0;
    return uncounted;
  }

  #meterOf(target: InvocationTarget): FunctionMeter | null {
    const { deployment, served } = target;
    const functions = this.#meters.get(deployment.id);
    const meter = functions?.get(served.name) ?? this.#add(deployment.id, served.name);
    this.#lastTarget = meter === null ? null : target;
    this.#lastMeter = meter;
    return meter;
  }

  #add(deployment: string, functionName: string): FunctionMeter | null {
    if (this.#functions >= this.#maxFunctions) return null;
    this.#functions += 1;
    const meter = new FunctionMeter();
    const functions = this.#meters.get(deployment);
    if (functions === undefined) this.#meters.set(deployment, new Map([[functionName, meter]]));
    else functions.set(functionName, meter);
    return meter;
  }

  #forget(functions: Map<string, FunctionMeter>, functionName: string): void {
    functions.delete(functionName);
    this.#functions -= 1;
    this.#lastTarget = null;
    this.#lastMeter = null;
  }
}

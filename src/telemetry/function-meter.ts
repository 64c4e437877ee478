/** What one function of one deployment has had since it was last asked. Counting allocates nothing but the sketches. */
import type { InvocationFailure } from '../pool/ports.ts';
import { type Figure, FIGURES, type Figures, type FunctionDelta } from '../protocol/metrics.ts';
import type { InvocationEnd } from '../router/ports.ts';
import { QuantileSketch } from '../std/quantile-sketch.ts';

/** Where each figure stands. */
const AT = Object.fromEntries(FIGURES.map((name, at) => [name, at])) as Figures;
const LEAST_SERVER_ERROR = 500;

/** What an invocation that failed is counted as. */
const COUNTED_AS: Record<InvocationFailure['kind'], Figure> = {
  threw: 'throws',
  timeout: 'timeouts',
  'worker-gone': 'crashes',
  'out-of-memory': 'outOfMemory',
  'init-failed': 'startFailures',
  unavailable: 'refused',
  'queue-full': 'refused',
  'queue-timeout': 'refused',
  'backing-off': 'refused',
  'starts-spent': 'refused',
};

export class FunctionMeter {
  readonly #figures = new Float64Array(FIGURES.length);
  readonly #durations = new QuantileSketch();
  /** Most functions start seldom. */
  #coldStarts: QuantileSketch | null = null;
  /** Who had the last invocation: it tells of its memory right behind its answer, which is after this is counted. */
  #worker: InvocationEnd['worker'] = null;
  #isEmpty = true;

  get isEmpty(): boolean {
    return this.#isEmpty;
  }

  count(end: InvocationEnd, memoryMib: number): void {
    this.#isEmpty = false;
    const { failure, worker } = end;
    const counted = failure === null ? null : COUNTED_AS[failure.kind];
    if (counted !== null) this.#add(AT[counted], 1);
    // Who left before a worker was there has cost nothing, and neither has who was sent away.
    if (counted === 'refused' || (worker === null && counted === null)) return;
    this.#add(AT.invocations, 1);
    this.#add(AT.requestBytes, end.requestBytes);
    this.#add(AT.responseBytes, end.responseBytes);
    if (failure === null) this.#countStatus(end.status);
    if (worker !== null) this.#countWork(end, memoryMib);
  }

  #countStatus(status: number | null): void {
    if (status === null) this.#add(AT.abandoned, 1);
    else if (status >= LEAST_SERVER_ERROR) this.#add(AT.serverErrors, 1);
  }

  #countWork({ durationMs, coldStartMs, worker }: InvocationEnd, memoryMib: number): void {
    const billedMs = Math.ceil(durationMs + (coldStartMs ?? 0));
    this.#add(AT.durationMs, durationMs);
    this.#add(AT.billedMs, billedMs);
    this.#add(AT.billedMibMs, billedMs * memoryMib);
    this.#raise(AT.maxDurationMs, durationMs);
    this.#durations.add(durationMs);
    if (coldStartMs !== null) this.#countColdStart(coldStartMs);
    if (worker !== this.#worker) this.#noteMemory();
    this.#worker = worker;
  }

  #countColdStart(coldStartMs: number): void {
    this.#add(AT.coldStarts, 1);
    this.#add(AT.coldStartMs, coldStartMs);
    this.#coldStarts ??= new QuantileSketch();
    this.#coldStarts.add(coldStartMs);
  }

  #noteMemory(): void {
    if (this.#worker !== null) this.#raise(AT.maxMemoryKib, this.#worker.peakMemoryKib);
  }

  #add(at: number, amount: number): void {
    this.#figures[at] = (this.#figures[at] ?? 0) + amount;
  }

  #raise(at: number, value: number): void {
    if (value > (this.#figures[at] ?? 0)) this.#figures[at] = value;
  }

  /** What was counted, which is forgotten here. */
  take(): Omit<FunctionDelta, 'deployment' | 'functionName'> {
    this.#noteMemory();
    const figures = Object.fromEntries(
      FIGURES.map((name, at) => [name, this.#figures[at] ?? 0]),
    ) as Figures;
    const durations = this.#durations.encode().toString('base64');
    const coldStarts = this.#coldStarts?.encode().toString('base64') ?? '';
    this.#figures.fill(0);
    this.#durations.clear();
    this.#coldStarts = null;
    this.#worker = null;
    this.#isEmpty = true;
    return { figures, durations, coldStarts };
  }
}

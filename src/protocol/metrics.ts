/**
 * What was counted of functions, on its way from data to control: what each has had since the batch before.
 *
 *     data → storeMetrics(batch)      control commits, then answers: only then does data make the next batch
 *
 * Each data process names itself by a random `source` and numbers its batches from 1. One whose answer was lost is sent
 * again as it was, and control adds a batch only if its number is above the last that it has of the source.
 */

/** What is added up, each from 0 on; times in milliseconds. */
export const SUMMED = [
  /** Those that a worker had, and those that found a worker which could not start. */
  'invocations',
  'throws',
  'timeouts',
  /** The worker ended, or broke its protocol. */
  'crashes',
  'outOfMemory',
  /** The function's code did not start. */
  'startFailures',
  /** Answered with 5xx by the function itself, which is no error of the invocation. */
  'serverErrors',
  /** Answered 429 or 503 by the door: no invocations. */
  'refused',
  /** Invocations whose client went before the answer. */
  'abandoned',
  'coldStarts',
  'coldStartMs',
  'durationMs',
  /** Whole milliseconds of each invocation, its cold start among them. */
  'billedMs',
  /** The same by the memory that the function may have. */
  'billedMibMs',
  'requestBytes',
  'responseBytes',
] as const;
/** Of which the largest is kept. */
export const HIGHEST = ['maxDurationMs', 'maxMemoryKib'] as const;

export const FIGURES = [...SUMMED, ...HIGHEST] as const;
export type Figure = (typeof FIGURES)[number];
export type Figures = Record<Figure, number>;

/** What one function of one deployment has had. */
export interface FunctionDelta {
  deployment: string;
  functionName: string;
  figures: Figures;
  /** A QuantileSketch, encoded and in base64; of milliseconds. */
  durations: string;
  coldStarts: string;
}

export interface MetricsBatch {
  source: string;
  sequence: number;
  functions: FunctionDelta[];
}

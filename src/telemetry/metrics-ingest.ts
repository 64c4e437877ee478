/**
 * Adds batches of what was counted to the totals, in control, the only place where they are written. What a batch says
 * is checked: data is the process that parses strangers' bytes.
 */
import { PlatformError } from '../protocol/errors.ts';
import { FIGURES, type FunctionDelta, type MetricsBatch } from '../protocol/metrics.ts';
import { QuantileSketch } from '../std/quantile-sketch.ts';
import type { Database } from '../store/database.ts';
import { addMetrics, type NewMetrics } from '../store/metrics.ts';

const MAX_FUNCTIONS = 1_000;
const MAX_NAME_CHARACTERS = 128;
/** Of the longest sketch there can be, about. */
const MAX_SKETCH_CHARACTERS = 16 * 1024;
/** Beyond every sum that may have waited, and within what the database counts. */
const MAX_FIGURE = 1e18;
const SOURCE = /^[a-z2-7]{16}$/;

/** Resolves when the batch is committed, now or before. @throws PlatformError */
export async function ingestMetrics(db: Database, batch: MetricsBatch): Promise<void> {
  if (!isBatch(batch)) throw new PlatformError('bad-request', 'this is no batch of metrics');
  const added = batch.functions.map(readDelta).filter((one) => one !== null);
  await addMetrics(db, batch, added);
}

/** Null for what is none, so that it does not hold up the others. */
function readDelta(delta: FunctionDelta | null | undefined): NewMetrics | null {
  if (delta === null || delta === undefined || !isName(delta.deployment)) return null;
  const { deployment, functionName, figures } = delta;
  const areNumbers = FIGURES.every((name) => isCount(figures?.[name]));
  const durations = readSketch(delta.durations);
  const coldStarts = readSketch(delta.coldStarts);
  if (!isName(functionName) || !areNumbers || durations === null || coldStarts === null) {
    return null;
  }
  return { deployment, functionName, figures, durations, coldStarts };
}

function readSketch(text: unknown): QuantileSketch | null {
  if (typeof text !== 'string' || text.length > MAX_SKETCH_CHARACTERS) return null;
  return QuantileSketch.decode(Buffer.from(text, 'base64'));
}

function isCount(value: unknown): boolean {
  return typeof value === 'number' && value >= 0 && value <= MAX_FIGURE;
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && value.length <= MAX_NAME_CHARACTERS && !value.includes('\0');
}

function isBatch(batch: MetricsBatch | null | undefined): batch is MetricsBatch {
  const { source, sequence, functions } = batch ?? {};
  return (
    typeof source === 'string' &&
    SOURCE.test(source) &&
    Number.isSafeInteger(sequence) &&
    Number(sequence) > 0 &&
    Array.isArray(functions) &&
    functions.length <= MAX_FUNCTIONS
  );
}

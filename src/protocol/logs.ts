/**
 * Log entries on their way from data to control, in numbered batches.
 *
 *     data → storeLogs(batch)      control commits, then answers: only then does data forget the batch
 *
 * Each data process names itself by a random `source` and numbers its batches from 1. It sends one at a time and
 * never a later one before an earlier one, so control stores a batch if its number is above the last that it has
 * of the source: a batch that is sent again, because its answer was lost, is stored once.
 */
import type { MetricsBatch } from './metrics.ts';
import type { LogLevel } from './worker.ts';

/**
 * What an entry is: printed by a function; the summary of an invocation; why an invocation failed; or something that
 * the platform tells of the log itself, such as lines that it had to leave out.
 */
export const LOG_KINDS = ['line', 'report', 'failure', 'notice'] as const;
export type LogKind = (typeof LOG_KINDS)[number];

/** In the order of their weight. */
export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const satisfies LogLevel[];

export interface LogEntry {
  /** Milliseconds since the Unix epoch, by data's clock: a function cannot set it. */
  at: number;
  kind: LogKind;
  level: LogLevel;
  deployment: string;
  functionName: string;
  /** Null for what belongs to no request. */
  requestId: string | null;
  /** May have several lines and any character but NUL. */
  text: string;
  /** A JSON object, as JSON; null when there is none. */
  fields: string | null;
}

export interface LogBatch {
  source: string;
  sequence: number;
  entries: LogEntry[];
}

/** Methods that control serves to each data process; the last of them is of routes, since they share a socket. */
export interface ControlForData {
  /** Resolves when the batch is committed, now or before. The apps are those whose log somebody follows now. */
  storeLogs: { params: LogBatch; result: { followed: string[] } };
  /** Resolves when the batch is committed, now or before. */
  storeMetrics: { params: MetricsBatch; result: null };
  /** Ends the streams of all who follow a log: the door is about to close, and would wait for them. */
  endLogStreams: { params: null; result: null };
  /** Writes the routes anew and has them applied: what a data process found stored is not, or not whole, what it can use. */
  publishRoutes: { params: null; result: null };
}

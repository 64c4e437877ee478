/**
 * Telemetry: what functions say, from the worker to whoever reads it. Data records lines, reports and failures and
 * ships them in numbered batches; control redacts and stores them, tells those who follow an app, and forgets what
 * is old or too much.
 *
 * Beside them it counts invocations, which are summed in control: metrics-recorder.ts, metrics-shipper.ts (data),
 * metrics-ingest.ts (control).
 *
 * It never holds up a request: what finds no room is counted and told. It never believes a function who it is.
 * Read protocol/logs.ts, then log-recorder.ts and log-shipper.ts (data), log-ingest.ts (control).
 */
export { failureDetails } from './failure-text.ts';
export { createLogFollowers, type LogFollowers } from './log-followers.ts';
export { createLogIngest } from './log-ingest.ts';
export { startLogRetention } from './log-retention.ts';
export { LogRecorder } from './log-recorder.ts';
export { LogShipper } from './log-shipper.ts';
export { openLogSpool } from './log-spool.ts';
export { ingestMetrics } from './metrics-ingest.ts';
export { MetricsRecorder } from './metrics-recorder.ts';
export { MetricsShipper } from './metrics-shipper.ts';
export { createOrigins } from './origins.ts';
export type { Redactors } from './ports.ts';
export { RequestLines } from './request-lines.ts';
export { createStackResolver } from './stack-resolver.ts';

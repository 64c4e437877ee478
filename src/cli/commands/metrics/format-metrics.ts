/** What functions have had, as the commands show it. */
import type { AppMetrics, Metrics } from '../../../protocol/control-client.generated.ts';
import { formatTable } from '../../terminal/output.ts';

const BYTES_PER_MB = 1024 * 1024;
const HEADING = ['FUNCTION', 'INVOCATIONS', 'ERRORS', 'P50', 'P95', 'P99', 'COLD', 'COST'];

/** Line by line: all together, and each function where there are several. */
export function describeMetrics(view: AppMetrics): string[] {
  if (view.metrics.invocations + view.metrics.refused === 0) {
    return [`${nameOf(view)} has not been invoked yet. To try it: fn open`];
  }
  const summary = summaryOf(view.metrics).map(([name, value]) => `${name.padEnd(14)}${value}`);
  if (view.functions.length < 2) return summary;
  const rows = view.functions.map((one) => [one.function, ...rowOf(one.metrics)]);
  return [...summary, '', ...formatTable(HEADING, rows)];
}

/** The same in one line, with what is new since `before`. */
export function metricsLine({ metrics: now }: AppMetrics, before: AppMetrics | null): string {
  const since = (key: 'invocations' | 'errors' | 'coldStarts'): string =>
    before === null ? '' : ` (+${now[key] - before.metrics[key]})`;
  return [
    `${now.invocations} invocations${since('invocations')}`,
    `${now.errors} errors${since('errors')}`,
    `p50 ${now.p50Duration} ms`,
    `p95 ${now.p95Duration} ms`,
    `p99 ${now.p99Duration} ms`,
    `${now.coldStarts} cold starts${since('coldStarts')}`,
    `$${now.totalCost}`,
  ].join(', ');
}

/** Of the app, or of one function of it. */
export function nameOf({ app, function: name }: AppMetrics): string {
  return name === null ? app : `${app}:${name}`;
}

function summaryOf(of: Metrics): [string, string][] {
  const errors: [string, number][] = [
    ['threw', of.throws],
    ['timed out', of.timeouts],
    ['crashed', of.crashes],
    ['out of memory', of.outOfMemory],
    ['did not start', of.startFailures],
  ];
  const kinds = errors.filter(([, count]) => count > 0).map(([kind, count]) => `${count} ${kind}`);
  const reasons = kinds.length === 0 ? '' : `: ${kinds.join(', ')}`;
  return [
    ['Invocations', `${of.invocations}, ${of.refused} more were refused`],
    ['Errors', `${of.errors} (${of.errorRate} %)${reasons}; answered with 5xx: ${of.serverErrors}`],
    [
      'Duration',
      `p50 ${of.p50Duration} ms, p95 ${of.p95Duration} ms, p99 ${of.p99Duration} ms, longest ${of.maxDuration} ms`,
    ],
    [
      'Cold starts',
      `${of.coldStarts} (${of.coldStartRate} %), ${of.avgColdStartDuration} ms on average, p95 ${of.p95ColdStartDuration} ms`,
    ],
    ['Memory', `${of.maxMemoryUsed} MB at most`],
    ['Traffic', `${megabytes(of.requestBytes)} in, ${megabytes(of.responseBytes)} out`],
    ['Cost', `$${of.totalCost} at Lambda's prices: ${of.gbSeconds} GB-seconds`],
  ];
}

function rowOf(of: Metrics): string[] {
  return [
    String(of.invocations),
    `${of.errors} (${of.errorRate} %)`,
    `${of.p50Duration} ms`,
    `${of.p95Duration} ms`,
    `${of.p99Duration} ms`,
    `${of.coldStarts}`,
    `$${of.totalCost}`,
  ];
}

function megabytes(bytes: number): string {
  return `${(bytes / BYTES_PER_MB).toFixed(1)} MB`;
}

import type { Figures } from '../../protocol/metrics.ts';
import type { ListedFunctionMetrics, Metrics } from '../../protocol/control-client.generated.ts';
import type { FoundMetrics, FunctionMetrics } from '../../store/metrics.ts';

/** In US dollars, https://aws.amazon.com/lambda/pricing/ (x86, first tier). */
const PER_INVOCATION = 0.2 / 1_000_000;
const PER_GB_SECOND = 0.0000166667;
const MIB_MS_PER_GB_SECOND = 1024 * 1000;
const KIB_PER_MB = 1024;

export function presentMetrics({ figures, durations, coldStarts }: FunctionMetrics): Metrics {
  const { invocations, maxDurationMs } = figures;
  const errors = errorsOf(figures);
  const gbSeconds = figures.billedMibMs / MIB_MS_PER_GB_SECOND;
  const errorRate = rate(errors, invocations);
  // A bin's middle may lie above all that is in it.
  const duration = (part: number): number =>
    rounded(Math.min(durations.quantile(part), maxDurationMs));
  return {
    invocations,
    errors,
    coldStarts: figures.coldStarts,
    avgDuration: rounded(ratio(figures.durationMs, durations.count)),
    avgColdStartDuration: rounded(ratio(figures.coldStartMs, figures.coldStarts)),
    p95Duration: duration(0.95),
    successRate: invocations === 0 ? 0 : rounded(100 - errorRate),
    errorRate,
    coldStartRate: rate(figures.coldStarts, invocations),
    totalCost: rounded(invocations * PER_INVOCATION + gbSeconds * PER_GB_SECOND, 9),
    p50Duration: duration(0.5),
    p99Duration: duration(0.99),
    maxDuration: rounded(maxDurationMs),
    p95ColdStartDuration: rounded(coldStarts.quantile(0.95)),
    throws: figures.throws,
    timeouts: figures.timeouts,
    crashes: figures.crashes,
    outOfMemory: figures.outOfMemory,
    startFailures: figures.startFailures,
    serverErrors: figures.serverErrors,
    refused: figures.refused,
    abandoned: figures.abandoned,
    billedDuration: figures.billedMs,
    gbSeconds: rounded(gbSeconds, 6),
    maxMemoryUsed: Math.ceil(figures.maxMemoryKib / KIB_PER_MB),
    requestBytes: figures.requestBytes,
    responseBytes: figures.responseBytes,
  };
}

export function presentFunction(found: FoundMetrics): ListedFunctionMetrics {
  return {
    app: found.appName,
    function: found.functionName,
    metrics: presentMetrics(found),
  };
}

function errorsOf(figures: Figures): number {
  const { throws, timeouts, crashes, outOfMemory, startFailures } = figures;
  return throws + timeouts + crashes + outOfMemory + startFailures;
}

function rate(part: number, whole: number): number {
  return rounded(100 * ratio(part, whole));
}

function ratio(part: number, whole: number): number {
  return whole === 0 ? 0 : part / whole;
}

function rounded(value: number, digits = 2): number {
  return Number(value.toFixed(digits));
}

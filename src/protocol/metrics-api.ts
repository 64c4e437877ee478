/**
 * What functions have had since their first invocation, as the control API tells it. Times are milliseconds, rates are
 * per cent, costs US dollars at the prices of AWS Lambda.
 *
 *     GET    /apps/:app/metrics?function=&deployment=   → AppMetricsView
 *     GET    /functions/:id/metrics?version=            → { functionId, metrics: MetricsView }
 *     GET    /metrics                                   → PlatformMetricsView
 */
export interface MetricsView {
  invocations: number;
  /** Throws, timeouts, crashes, out of memory and failed starts; not what the function itself answered with 5xx. */
  errors: number;
  coldStarts: number;
  avgDuration: number;
  avgColdStartDuration: number;
  p95Duration: number;
  successRate: number;
  errorRate: number;
  coldStartRate: number;
  totalCost: number;
  p50Duration: number;
  p99Duration: number;
  maxDuration: number;
  p95ColdStartDuration: number;
  throws: number;
  timeouts: number;
  crashes: number;
  outOfMemory: number;
  startFailures: number;
  serverErrors: number;
  /** Sent away with 429 or 503 before a worker had them: no invocations. */
  refused: number;
  /** Whose client went before the answer. */
  abandoned: number;
  billedDuration: number;
  gbSeconds: number;
  /** In MB. */
  maxMemoryUsed: number;
  requestBytes: number;
  responseBytes: number;
}

export interface FunctionMetricsView {
  app: string;
  function: string;
  metrics: MetricsView;
}

export interface AppMetricsView {
  app: string;
  /** Null for all functions of the app. */
  function: string | null;
  /** Id of the deployment; null for all that there ever were. */
  deployment: string | null;
  metrics: MetricsView;
  /** Each by itself, the most invoked first; a bounded list. */
  functions: FunctionMetricsView[];
}

export interface PlatformMetricsView {
  /** Of all functions that the token may see, together. */
  metrics: MetricsView;
  apps: number;
  /** That were ever invoked. */
  functions: number;
  /** That serve now. */
  deployments: number;
  /** What runs now; null for a token that is confined to some apps, and while the door is away. */
  running: { workers: number; zygotes: number; inFlight: number } | null;
  /** The most invoked; a bounded list. */
  top: FunctionMetricsView[];
}

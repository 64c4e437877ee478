import { Type } from 'typebox';
import { nullable } from '../nullable.ts';

const Count = Type.Integer({ minimum: 0 });
const Milliseconds = Type.Number({ minimum: 0 });
const Percent = Type.Number({ minimum: 0, maximum: 100 });

const METRICS = {
  invocations: Count,
  errors: Type.Integer({
    minimum: 0,
    description:
      'Throws, timeouts, crashes, out of memory and failed starts; not what the function answered with 5xx itself.',
  }),
  coldStarts: Count,
  avgDuration: Milliseconds,
  avgColdStartDuration: Milliseconds,
  p95Duration: Milliseconds,
  successRate: Percent,
  errorRate: Percent,
  coldStartRate: Percent,
  totalCost: Type.Number({ minimum: 0, description: 'US dollars, at the prices of AWS Lambda.' }),
  p50Duration: Milliseconds,
  p99Duration: Milliseconds,
  maxDuration: Milliseconds,
  p95ColdStartDuration: Milliseconds,
  throws: Count,
  timeouts: Count,
  crashes: Count,
  outOfMemory: Count,
  startFailures: Count,
  serverErrors: Count,
  refused: Type.Integer({
    minimum: 0,
    description: 'Sent away with 429 or 503 before a worker had them: no invocations.',
  }),
  abandoned: Type.Integer({ minimum: 0, description: 'Whose client went before the answer.' }),
  billedDuration: Milliseconds,
  gbSeconds: Type.Number({ minimum: 0 }),
  maxMemoryUsed: Type.Integer({ minimum: 0, description: 'Megabytes.' }),
  requestBytes: Count,
  responseBytes: Count,
};

const MetricsSchema = Type.Object(METRICS, {
  title: 'Metrics',
  description: 'Since the first invocation. Times are milliseconds, rates per cent.',
});

const ListedFunctionSchema = Type.Object(
  { app: Type.String(), function: Type.String(), metrics: MetricsSchema },
  { title: 'ListedFunctionMetrics' },
);

const OF_DEPLOYMENT = {
  deployment: Type.Optional(
    Type.String({ maxLength: 255, description: 'An id, version, branch, tag or commit' }),
  ),
  version: Type.Optional(Type.Integer({ minimum: 1, maximum: 999_999 })),
};

export const FunctionMetricsQuery = Type.Object(OF_DEPLOYMENT, { additionalProperties: false });

export const FunctionMetricsSchema = Type.Object({
  functionId: Type.String(),
  metrics: MetricsSchema,
});

export const AppMetricsQuery = Type.Object(
  { function: Type.Optional(Type.String({ maxLength: 128 })), ...OF_DEPLOYMENT },
  { additionalProperties: false },
);

export const AppMetricsSchema = Type.Object(
  {
    app: Type.String(),
    function: nullable(Type.String(), 'Null for all functions of the app.'),
    deployment: nullable(Type.String(), 'Its id; null for all that there ever were.'),
    metrics: MetricsSchema,
    functions: Type.Array(ListedFunctionSchema, {
      description: 'Each by itself, the most invoked first; a bounded list.',
    }),
  },
  { title: 'AppMetrics' },
);

export const PlatformMetricsSchema = Type.Object(
  {
    metrics: MetricsSchema,
    apps: Count,
    functions: Type.Integer({ minimum: 0, description: 'That were ever invoked.' }),
    deployments: Type.Integer({ minimum: 0, description: 'That serve now.' }),
    running: nullable(
      Type.Object({ workers: Count, zygotes: Count, inFlight: Count }),
      'Null for a token of some apps only, and while the door is away.',
    ),
    top: Type.Array(ListedFunctionSchema, { description: 'The most invoked; a bounded list.' }),
  },
  { title: 'PlatformMetrics' },
);

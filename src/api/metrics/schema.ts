import { Type } from 'typebox';

const Count = Type.Integer({ minimum: 0 });
const Milliseconds = Type.Number({ minimum: 0 });
const Percent = Type.Number({ minimum: 0, maximum: 100 });

const MetricsSchema = Type.Object({
  invocations: Count,
  errors: Count,
  coldStarts: Count,
  avgDuration: Milliseconds,
  avgColdStartDuration: Milliseconds,
  p95Duration: Milliseconds,
  successRate: Percent,
  errorRate: Percent,
  coldStartRate: Percent,
  totalCost: Type.Number({ minimum: 0 }),
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
  refused: Count,
  abandoned: Count,
  billedDuration: Milliseconds,
  gbSeconds: Type.Number({ minimum: 0 }),
  maxMemoryUsed: Count,
  requestBytes: Count,
  responseBytes: Count,
});

const ListedFunctionSchema = Type.Object({
  app: Type.String(),
  function: Type.String(),
  metrics: MetricsSchema,
});

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

export const AppMetricsSchema = Type.Object({
  app: Type.String(),
  function: Type.Union([Type.String(), Type.Null()]),
  deployment: Type.Union([Type.String(), Type.Null()]),
  metrics: MetricsSchema,
  functions: Type.Array(ListedFunctionSchema),
});

export const PlatformMetricsSchema = Type.Object({
  metrics: MetricsSchema,
  apps: Count,
  functions: Count,
  deployments: Count,
  running: Type.Union([
    Type.Object({ workers: Count, zygotes: Count, inFlight: Count }),
    Type.Null(),
  ]),
  top: Type.Array(ListedFunctionSchema),
});

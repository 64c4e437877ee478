import { Type } from 'typebox';
import { pageOf, pageQuery } from '../paging.ts';
import { nullable } from '../nullable.ts';

const MAX_NAME_CHARACTERS = 100;

export const FunctionParams = Type.Object({
  function: Type.String({ minLength: 1, maxLength: MAX_NAME_CHARACTERS }),
});

export const FunctionQuery = Type.Object(
  {
    ...pageQuery,
    q: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: MAX_NAME_CHARACTERS,
        description: 'Part of the name of the app or of the function.',
      }),
    ),
    runtime: Type.Optional(Type.String({ minLength: 1, maxLength: MAX_NAME_CHARACTERS })),
    app: Type.Optional(Type.String({ minLength: 1, maxLength: MAX_NAME_CHARACTERS })),
  },
  { additionalProperties: false },
);

const summary = {
  id: Type.String({ description: '`fn-…`; stays, whatever is deployed.' }),
  name: Type.String({ description: "The app's where the app has one function." }),
  app: Type.String(),
  function: Type.String({ description: 'Its name within the app.' }),
  runtime: Type.String({ description: '`typescript`, or what it was built for.' }),
  endpoint: Type.String({ description: 'Where it is invoked by this API: a path.' }),
  url: Type.String({
    description: 'Where production answers it; of a path with parameters the beginning.',
  }),
  version: Type.Integer(),
  handler: nullable(Type.String(), 'The export that fn.json names; null when it is found out.'),
  memory: Type.Integer({ description: 'Megabytes.' }),
  timeout: Type.Integer({ description: 'Milliseconds.' }),
  createdAt: Type.String(),
  updatedAt: Type.String({ description: 'When what serves went live.' }),
};

const FunctionSummarySchema = Type.Object(summary, { title: 'FunctionSummary' });

export const FunctionPageSchema = pageOf(FunctionSummarySchema);

export const FunctionDetailSchema = Type.Object(
  {
    ...summary,
    entry: nullable(Type.String()),
    commit: Type.String(),
    deployment: Type.String(),
    triggers: Type.Array(
      Type.Object({
        type: Type.Literal('http'),
        config: Type.Object({
          methods: nullable(Type.Array(Type.String())),
          path: nullable(Type.String()),
        }),
      }),
    ),
    environment: Type.Array(Type.String(), { description: 'Names for production; no values.' }),
    links: Type.Object({ versions: Type.String(), logs: Type.String(), app: Type.String() }),
  },
  { title: 'FunctionDetail' },
);

const MAX_HANDLER_CHARACTERS = 200;
const MAX_TRIGGERS = 10;
const MAX_ENVIRONMENT_NAMES = 1_000;

const TriggerBody = Type.Object(
  {
    type: Type.Enum(['http', 'cron', 'event', 'queue', 'websocket']),
    config: Type.Optional(Type.Object({}, { additionalProperties: true })),
  },
  { additionalProperties: false },
);

const RateLimitBody = Type.Object(
  { maxRequests: Type.Integer({ minimum: 1 }), windowMs: Type.Integer({ minimum: 1 }) },
  { additionalProperties: false },
);

const settings = {
  handler: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: MAX_HANDLER_CHARACTERS,
      description: 'The export that is the handler; found out when it is left out.',
    }),
  ),
  memory: Type.Optional(Type.Integer({ description: 'Megabytes.' })),
  timeout: Type.Optional(Type.Integer({ description: 'Milliseconds.' })),
  triggers: Type.Optional(Type.Array(TriggerBody, { maxItems: MAX_TRIGGERS })),
  rateLimit: Type.Optional(RateLimitBody),
};

const runtime = Type.String({
  minLength: 1,
  maxLength: MAX_NAME_CHARACTERS,
  description: '`typescript` or `nodejs26`.',
});
const code = Type.String({ minLength: 1, description: 'The text of one file.' });

const customDomain = Type.Optional(
  Type.String({ minLength: 1, maxLength: 300, description: 'Served once DNS shows whose it is.' }),
);

export const CreateFunctionBody = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: MAX_NAME_CHARACTERS }),
    runtime,
    code,
    ...settings,
    environment: Type.Optional(
      Type.Record(Type.String(), Type.String(), {
        maxProperties: MAX_ENVIRONMENT_NAMES,
        description: 'Stored encrypted, and never in the repository.',
      }),
    ),
    customDomain,
  },
  { additionalProperties: false },
);

export const UpdateFunctionBody = Type.Object(
  {
    name: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: MAX_NAME_CHARACTERS,
        description: 'As it is, so that what made it can be sent again: a function keeps its name.',
      }),
    ),
    runtime: Type.Optional(runtime),
    code: Type.Optional(code),
    ...settings,
    environment: Type.Optional(
      Type.Record(Type.String(), Type.Unsafe<string | null>({ type: ['string', 'null'] }), {
        maxProperties: MAX_ENVIRONMENT_NAMES,
        description: 'Those that are named are set, or removed where they are null; others stay.',
      }),
    ),
    customDomain,
  },
  { additionalProperties: false, minProperties: 1 },
);

const Version = Type.Integer({ minimum: 1, maximum: 999_999 });

export const InvokeQuery = Type.Object(
  {
    version: Type.Optional({
      ...Version,
      description:
        'Of the app; without it what production serves. Another one runs as at the URL of its commit.',
    }),
  },
  { additionalProperties: false },
);

export const RollbackFunctionBody = Type.Object(
  { version: Version },
  { additionalProperties: false },
);

export const DeployedFunctionSchema = Type.Object(
  {
    function: FunctionDetailSchema,
    message: Type.String(),
    warnings: Type.Array(Type.String(), {
      description: 'What took effect in another way than somebody may think.',
    }),
  },
  { title: 'FunctionDeployment' },
);

export const InvocationSchema = Type.Object(
  {
    requestId: Type.String(),
    statusCode: Type.Integer(),
    body: Type.Unknown({ description: 'Of JSON its value, of other text a string.' }),
    isBase64Encoded: Type.Optional(
      Type.Boolean({ description: 'The body is no text: it is its bytes in base64.' }),
    ),
    duration: Type.Number({ description: 'Milliseconds.' }),
    memoryUsed: Type.Integer({ description: 'Megabytes.' }),
    coldStart: Type.Boolean({ description: 'It waited for a worker to start.' }),
    logs: Type.Array(Type.String(), { description: 'What it printed, secrets taken out.' }),
    errorType: Type.Optional(Type.String()),
    errorMessage: Type.Optional(Type.String()),
    stackTrace: Type.Optional(
      Type.Array(Type.String(), { description: 'In positions of the source, innermost first.' }),
    ),
  },
  { title: 'Invocation' },
);

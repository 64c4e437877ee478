import { Type, type TSchema } from 'typebox';

const MAX_PAGE = 200;
const DEFAULT_PAGE = 50;
const MAX_NAME_CHARACTERS = 100;

const Nullable = <Schema extends TSchema>(schema: Schema) => Type.Union([schema, Type.Null()]);

export const FunctionParams = Type.Object({
  function: Type.String({ minLength: 1, maxLength: MAX_NAME_CHARACTERS }),
});

export const FunctionQuery = Type.Object(
  {
    q: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: MAX_NAME_CHARACTERS,
        description: 'Part of the name of the app or of the function.',
      }),
    ),
    runtime: Type.Optional(Type.String({ minLength: 1, maxLength: MAX_NAME_CHARACTERS })),
    app: Type.Optional(Type.String({ minLength: 1, maxLength: MAX_NAME_CHARACTERS })),
    limit: Type.Integer({ minimum: 1, maximum: MAX_PAGE, default: DEFAULT_PAGE }),
    cursor: Type.Optional(Type.String({ minLength: 1, maxLength: 400 })),
  },
  { additionalProperties: false },
);

export const FunctionSummarySchema = Type.Object({
  id: Type.String(),
  name: Type.String(),
  app: Type.String(),
  function: Type.String(),
  runtime: Type.String(),
  endpoint: Type.String(),
  url: Type.String(),
  version: Type.Integer(),
  handler: Nullable(Type.String()),
  memory: Type.Integer({ description: 'Megabytes.' }),
  timeout: Type.Integer({ description: 'Milliseconds.' }),
  createdAt: Type.String(),
  updatedAt: Type.String(),
});

export const FunctionPageSchema = Type.Object({
  items: Type.Array(FunctionSummarySchema),
  next: Nullable(Type.String()),
});

export const FunctionDetailSchema = Type.Object({
  ...FunctionSummarySchema.properties,
  entry: Nullable(Type.String()),
  commit: Type.String(),
  deployment: Type.String(),
  triggers: Type.Array(
    Type.Object({
      type: Type.Literal('http'),
      config: Type.Object({
        methods: Nullable(Type.Array(Type.String())),
        path: Nullable(Type.String()),
      }),
    }),
  ),
  environment: Type.Array(Type.String()),
  links: Type.Object({ versions: Type.String(), logs: Type.String(), app: Type.String() }),
});

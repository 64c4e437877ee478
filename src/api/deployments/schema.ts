import { type TSchema, Type } from 'typebox';
import { DEPLOYMENT_KINDS, DEPLOYMENT_STATES } from '../../model/deployment.ts';
import { pageOf, pageQuery } from '../paging.ts';

const MAX_REF_CHARACTERS = 300;

export const DeploymentSchema = Type.Object(
  {
    id: Type.String(),
    version: Type.Union([Type.Integer(), Type.Null()]),
    kind: Type.Enum([...DEPLOYMENT_KINDS]),
    ref: Type.String(),
    commit: Type.String(),
    subject: Type.String(),
    author: Type.String(),
    state: Type.Enum([...DEPLOYMENT_STATES]),
    bundle: Type.Union([Type.String(), Type.Null()]),
    envVersion: Type.Integer(),
    createdAt: Type.String(),
    liveAt: Type.Union([Type.String(), Type.Null()]),
    buildMs: Type.Union([Type.Integer(), Type.Null()]),
    url: Type.String(),
    isCurrent: Type.Boolean(),
    reason: Type.Union([Type.String(), Type.Null()]),
    trigger: Type.Enum(['push', 'rollback', 'reconcile', 'environment', 'redeploy', 'promote']),
  },
  { title: 'Deployment' },
);

export const DeploymentPage = pageOf(DeploymentSchema);

export const DeploymentQuery = Type.Object(
  {
    ...pageQuery,
    state: Type.Optional(Type.Enum([...DEPLOYMENT_STATES])),
    kind: Type.Optional(Type.Enum([...DEPLOYMENT_KINDS])),
    ref: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: MAX_REF_CHARACTERS,
        description: 'A branch or a tag, by its name or in full',
      }),
    ),
  },
  { additionalProperties: false },
);

const Nullable = <Schema extends TSchema>(schema: Schema) => Type.Union([schema, Type.Null()]);

/** A version, an id, a branch or tag, or a commit. */
const MAX_NAME_CHARACTERS = 210;

export const DeploymentParams = Type.Object({
  app: Type.String({ maxLength: 60 }),
  deployment: Type.String({ minLength: 1, maxLength: MAX_NAME_CHARACTERS }),
});

const FunctionSchema = Type.Object(
  {
    name: Type.String(),
    entry: Nullable(Type.String()),
    path: Nullable(Type.String()),
    methods: Nullable(Type.Array(Type.String())),
    convention: Nullable(Type.String()),
    memoryMib: Type.Integer(),
    timeoutMs: Type.Integer(),
    concurrency: Type.Integer(),
  },
  { title: 'DeployedFunction' },
);

export const DeploymentDetailSchema = Type.Object(
  {
    ...DeploymentSchema.properties,
    commitUrl: Type.String(),
    sourceVersion: Nullable(Type.Integer()),
    createdBy: Nullable(Type.String()),
    endedAt: Nullable(Type.String()),
    bundleBytes: Nullable(Type.Integer()),
    functions: Type.Array(FunctionSchema),
  },
  { title: 'DeploymentDetail' },
);

/** What production served from one moment to another. */
export const ReleasePage = pageOf(
  Type.Object(
    {
      version: Type.Integer(),
      commit: Type.String(),
      subject: Type.String(),
      cause: DeploymentSchema.properties.trigger,
      sourceVersion: Nullable(
        Type.Integer({ description: 'The version whose bundle was deployed again' }),
      ),
      by: Nullable(
        Type.String({ description: 'The token that caused it; null for the platform itself' }),
      ),
      liveAt: Type.String(),
      endedAt: Nullable(Type.String()),
      isCurrent: Type.Boolean(),
    },
    { title: 'Release' },
  ),
);

export const RedeployBody = Type.Object(
  { target: Type.Optional(Type.String({ minLength: 1, maxLength: MAX_NAME_CHARACTERS })) },
  { additionalProperties: false },
);

export const PromoteBody = Type.Object(
  { target: Type.String({ minLength: 1, maxLength: MAX_NAME_CHARACTERS }) },
  { additionalProperties: false },
);

export const RollbackBody = Type.Object(
  {
    target: Type.Optional(Type.String({ minLength: 1, maxLength: 40 })),
    withEnvironment: Type.Optional(Type.Boolean()),
  },
  { additionalProperties: false },
);

export const RollbackSchema = Type.Object(
  {
    deployment: DeploymentSchema,
    environmentVersion: Type.Integer(),
    elapsedMs: Type.Number(),
  },
  { title: 'DeployedAgain' },
);

export const PromotionSchema = Type.Object(
  { ...RollbackSchema.properties, lines: Type.Array(Type.String()) },
  { title: 'Promotion' },
);

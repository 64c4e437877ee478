import { Type } from 'typebox';
import { DEPLOYMENT_KINDS, DEPLOYMENT_STATES } from '../../model/deployment.ts';
import { pageOf, pageQuery } from '../paging.ts';
import { nullable } from '../nullable.ts';

const MAX_REF_CHARACTERS = 300;

export const DeploymentSchema = Type.Object(
  {
    id: Type.String(),
    version: nullable(
      Type.Integer(),
      '`7` of v7; null for the unnumbered deployments that commit hosts serve.',
    ),
    kind: Type.Enum([...DEPLOYMENT_KINDS]),
    ref: Type.String(),
    commit: Type.String({ description: 'Full SHA, 40 hex digits.' }),
    subject: Type.String({ description: 'First line of the commit message.' }),
    author: Type.String(),
    state: Type.Enum([...DEPLOYMENT_STATES]),
    bundle: nullable(Type.String(), 'sha256 of the bundle; null until it is built.'),
    envVersion: Type.Integer(),
    createdAt: Type.String(),
    liveAt: nullable(Type.String(), 'Null until it went live.'),
    buildMs: nullable(
      Type.Integer(),
      'Null while building, and when the bundle was there already.',
    ),
    url: Type.String(),
    isCurrent: Type.Boolean({ description: 'Its host answers with it now.' }),
    reason: nullable(Type.String(), 'Why it failed; null otherwise.'),
    trigger: Type.Enum(['push', 'rollback', 'reconcile', 'environment', 'redeploy', 'promote'], {
      description: 'What caused it.',
    }),
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

/** A version, an id, a branch or tag, or a commit. */
const MAX_NAME_CHARACTERS = 210;

export const DeploymentParams = Type.Object({
  app: Type.String({ maxLength: 60 }),
  deployment: Type.String({ minLength: 1, maxLength: MAX_NAME_CHARACTERS }),
});

const FunctionSchema = Type.Object(
  {
    name: Type.String(),
    entry: nullable(Type.String(), 'Repository file; null where the bundle does not tell.'),
    path: nullable(Type.String(), 'Pattern of the paths that it answers; null for all.'),
    methods: nullable(Type.Array(Type.String()), 'Null for all.'),
    convention: nullable(
      Type.String(),
      'As fn.json names it; null when it is found out from the exports.',
    ),
    memoryMib: Type.Integer(),
    timeoutMs: Type.Integer(),
    concurrency: Type.Integer(),
  },
  { title: 'DeployedFunction' },
);

export const DeploymentDetailSchema = Type.Object(
  {
    ...DeploymentSchema.properties,
    commitUrl: Type.String({
      description: 'Where its commit answers, with the preview environment.',
    }),
    sourceVersion: nullable(
      Type.Integer(),
      'The version whose bundle it deployed again; null for a push.',
    ),
    createdBy: nullable(
      Type.String(),
      'Name of the token; null for what the platform did by itself.',
    ),
    endedAt: nullable(Type.String(), 'When it was replaced or failed.'),
    bundleBytes: nullable(Type.Integer()),
    functions: Type.Array(FunctionSchema, { description: 'Empty until it is built.' }),
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
      sourceVersion: nullable(
        Type.Integer({ description: 'The version whose bundle was deployed again' }),
      ),
      by: nullable(
        Type.String({ description: 'The token that caused it; null for the platform itself' }),
      ),
      liveAt: Type.String(),
      endedAt: nullable(Type.String()),
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
    environmentVersion: Type.Integer({ description: 'The environment that it runs with.' }),
    elapsedMs: Type.Number({
      description:
        "From the request's arrival to the moment when no new request can reach the old deployment.",
    }),
  },
  { title: 'DeployedAgain' },
);

export const PromotionSchema = Type.Object(
  { ...RollbackSchema.properties, lines: Type.Array(Type.String()) },
  { title: 'Promotion' },
);

import { Type } from 'typebox';
import { DEPLOYMENT_KINDS, DEPLOYMENT_STATES } from '../../model/deployment.ts';

const MAX_PAGE = 200;
const DEFAULT_PAGE = 20;

export const DeploymentSchema = Type.Object({
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
  trigger: Type.Enum(['push', 'rollback', 'reconcile']),
});

export const DeploymentPage = Type.Object({ items: Type.Array(DeploymentSchema) });

export const DeploymentQuery = Type.Object({
  limit: Type.Integer({ minimum: 1, maximum: MAX_PAGE, default: DEFAULT_PAGE }),
});

export const RollbackBody = Type.Object(
  { target: Type.Optional(Type.String({ minLength: 1, maxLength: 40 })) },
  { additionalProperties: false },
);

export const RollbackSchema = Type.Object({
  deployment: DeploymentSchema,
  environmentVersion: Type.Integer(),
  elapsedMs: Type.Number(),
});

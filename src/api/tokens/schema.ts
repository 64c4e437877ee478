import { Type } from 'typebox';
import { ROLES } from '../../model/role.ts';
import { pageOf } from '../paging.ts';

const MAX_LIFETIME_S = 10 * 365 * 24 * 3600;

export const TokenParams = Type.Object({ id: Type.String({ maxLength: 40 }) });

const fields = {
  id: Type.String(),
  name: Type.String(),
  role: Type.Enum([...ROLES]),
  apps: Type.Union([Type.Array(Type.String()), Type.Null()]),
  prefix: Type.String(),
  createdAt: Type.String(),
  expiresAt: Type.Union([Type.String(), Type.Null()]),
  revokedAt: Type.Union([Type.String(), Type.Null()]),
  lastUsedAt: Type.Union([Type.String(), Type.Null()]),
};

export const TokenPage = pageOf(Type.Object(fields, { title: 'Token' }));

export const CreatedTokenSchema = Type.Object(
  { ...fields, token: Type.String() },
  { title: 'CreatedToken' },
);

export const TokenBody = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: 100 }),
    role: Type.Enum([...ROLES]),
    apps: Type.Optional(Type.Array(Type.String(), { minItems: 1, maxItems: 1000 })),
    expiresInSeconds: Type.Optional(Type.Integer({ minimum: 1, maximum: MAX_LIFETIME_S })),
  },
  { additionalProperties: false },
);

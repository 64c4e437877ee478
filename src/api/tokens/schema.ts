import { Type } from 'typebox';
import { TOKEN_KINDS } from '../../model/grant.ts';
import { ROLES } from '../../model/role.ts';
import { pageOf } from '../paging.ts';

const MAX_LIFETIME_S = 10 * 365 * 24 * 3600;
const MAX_APPS = 1_000;
const MAX_ACTIONS = 100;
const MAX_NAME_CHARACTERS = 60;

export const TokenParams = Type.Object({ id: Type.String({ maxLength: 40 }) });

const AppName = Type.String({ minLength: 1, maxLength: MAX_NAME_CHARACTERS });

const GrantSchema = Type.Object(
  { app: Type.Union([AppName, Type.Null()]), role: Type.Enum([...ROLES]) },
  { additionalProperties: false },
);

/** What a token may do. */
export const scopeFields = {
  kind: Type.Enum([...TOKEN_KINDS]),
  role: Type.Union([Type.Enum([...ROLES]), Type.Null()]),
  apps: Type.Union([Type.Array(Type.String()), Type.Null()]),
  grants: Type.Array(GrantSchema),
  can: Type.Union([Type.Array(Type.String()), Type.Null()]),
};

const fields = {
  id: Type.String(),
  name: Type.String(),
  ...scopeFields,
  prefix: Type.String(),
  createdAt: Type.String(),
  createdBy: Type.Union([Type.String(), Type.Null()]),
  expiresAt: Type.Union([Type.String(), Type.Null()]),
  revokedAt: Type.Union([Type.String(), Type.Null()]),
  lastUsedAt: Type.Union([Type.String(), Type.Null()]),
};

export const TokenSchema = Type.Object(fields, { title: 'Token' });

export const TokenPage = pageOf(TokenSchema);

export const CreatedTokenSchema = Type.Object(
  { ...fields, token: Type.String() },
  { title: 'CreatedToken' },
);

/** What a person's token shall be. */
export const grantFields = {
  name: Type.String({ minLength: 1, maxLength: 100 }),
  role: Type.Optional(Type.Enum([...ROLES])),
  apps: Type.Optional(Type.Array(AppName, { minItems: 1, maxItems: MAX_APPS })),
  grants: Type.Optional(Type.Array(GrantSchema, { minItems: 1, maxItems: MAX_APPS })),
  expiresInSeconds: Type.Optional(Type.Integer({ minimum: 1, maximum: MAX_LIFETIME_S })),
};

export const TokenBody = Type.Object(
  {
    ...grantFields,
    kind: Type.Optional(Type.Enum([...TOKEN_KINDS])),
    can: Type.Optional(Type.Array(Type.String({ maxLength: 60 }), { maxItems: MAX_ACTIONS })),
  },
  { additionalProperties: false },
);

export const RevokeQuery = Type.Object(
  { lastAdmin: Type.Optional(Type.Boolean()) },
  { additionalProperties: false },
);

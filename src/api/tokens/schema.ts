import { Type } from 'typebox';
import { TOKEN_KINDS } from '../../model/grant.ts';
import { ROLES } from '../../model/role.ts';
import { pageOf } from '../paging.ts';
import { nullable } from '../nullable.ts';

const MAX_LIFETIME_S = 10 * 365 * 24 * 3600;
const MAX_APPS = 1_000;
const MAX_ACTIONS = 100;
const MAX_NAME_CHARACTERS = 60;

export const TokenParams = Type.Object({ id: Type.String({ maxLength: 40 }) });

const AppName = Type.String({ minLength: 1, maxLength: MAX_NAME_CHARACTERS });

const GrantSchema = Type.Object(
  { app: nullable(AppName), role: Type.Enum([...ROLES]) },
  { additionalProperties: false },
);

/** What a token may do. */
export const scopeFields = {
  kind: Type.Enum([...TOKEN_KINDS]),
  role: nullable(
    Type.Enum([...ROLES]),
    'Of all its apps; null where they differ, and of service tokens.',
  ),
  apps: nullable(
    Type.Array(Type.String()),
    'Names of the apps that the token is limited to; null for all.',
  ),
  grants: Type.Array(GrantSchema, {
    description: 'The role for each app; a null app stands for all and the platform.',
  }),
  can: nullable(Type.Array(Type.String()), 'The actions of a service token; null for the others.'),
};

const fields = {
  id: Type.String(),
  name: Type.String(),
  ...scopeFields,
  prefix: Type.String({
    description:
      "The token's first characters, enough to recognise it and useless to anybody else.",
  }),
  createdAt: Type.String(),
  createdBy: nullable(Type.String(), 'Id of the token that made it; null for the first one.'),
  expiresAt: nullable(Type.String()),
  revokedAt: nullable(Type.String()),
  lastUsedAt: nullable(Type.String()),
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
  apps: Type.Optional(
    Type.Array(AppName, {
      minItems: 1,
      maxItems: MAX_APPS,
      description: 'Absent for all and the platform.',
    }),
  ),
  grants: Type.Optional(
    Type.Array(GrantSchema, {
      minItems: 1,
      maxItems: MAX_APPS,
      description: 'In place of a role and apps.',
    }),
  ),
  expiresInSeconds: Type.Optional(Type.Integer({ minimum: 1, maximum: MAX_LIFETIME_S })),
};

export const TokenBody = Type.Object(
  {
    ...grantFields,
    kind: Type.Optional(
      Type.Enum([...TOKEN_KINDS], { description: '`personal` unless said otherwise.' }),
    ),
    can: Type.Optional(
      Type.Array(Type.String({ maxLength: 60 }), {
        maxItems: MAX_ACTIONS,
        description: 'What a service token may do.',
      }),
    ),
  },
  { additionalProperties: false },
);

export const RevokeQuery = Type.Object(
  { lastAdmin: Type.Optional(Type.Boolean()) },
  { additionalProperties: false },
);

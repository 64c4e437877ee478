import { Type } from 'typebox';
import { AppParams } from '../apps/schema.ts';
import { DeploymentSchema } from '../deployments/schema.ts';
import { pageOf } from '../paging.ts';
import { nullable } from '../nullable.ts';

/** More than an app may have; what is too many is said by the limit on names. */
const MAX_CHANGES = 4_000;
const MAX_NAME_CHARACTERS = 1_000;

/** The largest that a column of the database holds. */
const MAX_VERSION = 2 ** 31 - 1;

const SCOPES = '`all`, `production`, `preview` or `branch:<name>`.';
const Kind = Type.Enum(['plain', 'secret']);
const Name = Type.String({ maxLength: MAX_NAME_CHARACTERS });
const ScopeName = Type.String({ maxLength: MAX_NAME_CHARACTERS });

export const EnvironmentQuery = Type.Object(
  { version: Type.Optional(Type.Integer({ minimum: 0, maximum: MAX_VERSION })) },
  { additionalProperties: false },
);

export const EnvironmentSchema = Type.Object(
  {
    version: Type.Integer(),
    items: Type.Array(
      Type.Object({
        name: Type.String(),
        scope: Type.String({ description: SCOPES }),
        kind: Kind,
        build: Type.Boolean({ description: 'Builds get it too.' }),
        value: nullable(
          Type.String(),
          'Null for secrets, and for a token that may see names only.',
        ),
        version: Type.Integer({ description: 'The environment version that set it.' }),
        updatedAt: Type.String(),
        updatedBy: nullable(Type.String(), 'Name of the token.'),
      }),
    ),
  },
  { title: 'Environment' },
);

const ScopedNames = Type.Array(Type.Object({ name: Type.String(), scope: Type.String() }));

export const EnvironmentVersionPage = pageOf(
  Type.Object(
    {
      version: Type.Integer(),
      createdAt: Type.String(),
      createdBy: nullable(Type.String()),
      restoredFrom: nullable(Type.Integer(), 'The older version that it brought back.'),
      set: ScopedNames,
      unset: ScopedNames,
    },
    { title: 'EnvironmentVersion' },
  ),
);

const valueFields = {
  value: Type.String(),
  scope: Type.Optional(
    Type.String({ maxLength: MAX_NAME_CHARACTERS, description: `${SCOPES} The first without it.` }),
  ),
  kind: Type.Optional(Kind),
  build: Type.Optional(Type.Boolean()),
};

const strict = { additionalProperties: false };

export const EnvironmentPatchBody = Type.Object(
  {
    set: Type.Optional(
      Type.Array(Type.Object({ name: Name, ...valueFields }, strict), { maxItems: MAX_CHANGES }),
    ),
    unset: Type.Optional(
      Type.Array(Type.Object({ name: Name, scope: Type.Optional(ScopeName) }, strict), {
        maxItems: MAX_CHANGES,
      }),
    ),
  },
  strict,
);

export const EnvironmentPutBody = Type.Object(valueFields, strict);

export const EnvironmentNameParams = Type.Object({ ...AppParams.properties, name: Name });

export const EnvironmentScopeQuery = Type.Object({ scope: Type.Optional(ScopeName) }, strict);

export const EnvironmentResultSchema = Type.Object(
  {
    version: Type.Integer({
      description: 'The newest version; the one before when nothing was different.',
    }),
    set: Type.Array(Type.Object({ name: Type.String(), scope: Type.String(), kind: Kind })),
    unset: ScopedNames,
    production: Type.Object({
      state: Type.Enum(['none', 'current', 'failed', 'postponed'], {
        description:
          '`none`: nothing is live. `current`: what is live runs with these values. `failed`: the code does not start with them, so what was live before still serves, with the values of then. `postponed`: no worker could be had, and it is tried again.',
      }),
      isReleased: Type.Boolean({ description: 'This call made a new deployment.' }),
      live: nullable(DeploymentSchema),
      reason: nullable(Type.String()),
    }),
    previews: Type.Integer({ description: 'Previews that got other values.' }),
    warnings: Type.Array(Type.String(), {
      description: 'What live code reads and will miss, and what became a secret unasked.',
    }),
    elapsedMs: Type.Number(),
  },
  { title: 'EnvironmentResult' },
);

import { Type } from 'typebox';
import { AppParams } from '../apps/schema.ts';
import { DeploymentSchema } from '../deployments/schema.ts';
import { pageOf } from '../paging.ts';

/** More than an app may have; what is too many is said by the limit on names. */
const MAX_CHANGES = 4_000;
const MAX_NAME_CHARACTERS = 1_000;

/** The largest that a column of the database holds. */
const MAX_VERSION = 2 ** 31 - 1;

const Kind = Type.Enum(['plain', 'secret']);
const Name = Type.String({ maxLength: MAX_NAME_CHARACTERS });
const ScopeName = Type.String({ maxLength: MAX_NAME_CHARACTERS });
const NullableString = Type.Union([Type.String(), Type.Null()]);

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
        scope: Type.String(),
        kind: Kind,
        build: Type.Boolean(),
        value: NullableString,
        version: Type.Integer(),
        updatedAt: Type.String(),
        updatedBy: NullableString,
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
      createdBy: NullableString,
      restoredFrom: Type.Union([Type.Integer(), Type.Null()]),
      set: ScopedNames,
      unset: ScopedNames,
    },
    { title: 'EnvironmentVersion' },
  ),
);

const valueFields = {
  value: Type.String(),
  scope: Type.Optional(ScopeName),
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
    version: Type.Integer(),
    set: Type.Array(Type.Object({ name: Type.String(), scope: Type.String(), kind: Kind })),
    unset: ScopedNames,
    production: Type.Object({
      state: Type.Enum(['none', 'current', 'failed', 'postponed']),
      isReleased: Type.Boolean(),
      live: Type.Union([DeploymentSchema, Type.Null()]),
      reason: NullableString,
    }),
    previews: Type.Integer(),
    warnings: Type.Array(Type.String()),
    elapsedMs: Type.Number(),
  },
  { title: 'EnvironmentResult' },
);

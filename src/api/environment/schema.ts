import { Type } from 'typebox';
import { AppParams } from '../apps/schema.ts';
import { DeploymentSchema } from '../deployments/schema.ts';

const MAX_PAGE = 200;
const DEFAULT_PAGE = 20;
/** More than an app may have; what is too many is said by the limit on names. */
const MAX_CHANGES = 4_000;
const MAX_NAME_CHARACTERS = 1_000;

const Kind = Type.Enum(['plain', 'secret']);
const Name = Type.String({ maxLength: MAX_NAME_CHARACTERS });
const ScopeName = Type.String({ maxLength: MAX_NAME_CHARACTERS });
const NullableString = Type.Union([Type.String(), Type.Null()]);

export const EnvironmentQuery = Type.Object({
  version: Type.Optional(Type.Integer({ minimum: 0 })),
});

export const EnvironmentSchema = Type.Object({
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
});

const ScopedNames = Type.Array(Type.Object({ name: Type.String(), scope: Type.String() }));

export const EnvironmentVersionsQuery = Type.Object({
  limit: Type.Integer({ minimum: 1, maximum: MAX_PAGE, default: DEFAULT_PAGE }),
});

export const EnvironmentVersionPage = Type.Object({
  items: Type.Array(
    Type.Object({
      version: Type.Integer(),
      createdAt: Type.String(),
      createdBy: NullableString,
      restoredFrom: Type.Union([Type.Integer(), Type.Null()]),
      set: ScopedNames,
      unset: ScopedNames,
    }),
  ),
});

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

export const EnvironmentScopeQuery = Type.Object({ scope: Type.Optional(ScopeName) });

export const EnvironmentResultSchema = Type.Object({
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
});

import { Type } from 'typebox';
import { ACCESS_LEVELS } from '../../protocol/snapshot.ts';
import { pageOf } from '../paging.ts';
import { nullable } from '../nullable.ts';

const MAX_LIFETIME_S = 365 * 24 * 3600;
export const DEFAULT_LIFETIME_S = 7 * 24 * 3600;
const MAX_REF_CHARACTERS = 255;

const Level = Type.Enum([...ACCESS_LEVELS]);

export const AccessSchema = Type.Object(
  {
    production: Level,
    previews: Type.Enum([...ACCESS_LEVELS], { description: 'Of branches, tags and commits.' }),
    isPreviewDefault: Type.Boolean({ description: "The operator's default decides on previews." }),
  },
  { title: 'Access' },
);

export const AccessBody = Type.Object(
  {
    production: Type.Optional(Level),
    previews: Type.Optional(Type.Enum([...ACCESS_LEVELS, 'default'])),
  },
  { additionalProperties: false, minProperties: 1 },
);

export const ShareLinkBody = Type.Object(
  {
    branch: Type.Optional(
      Type.String({ minLength: 1, maxLength: MAX_REF_CHARACTERS, description: 'Or a tag.' }),
    ),
    commit: Type.Optional(
      Type.String({
        pattern: '^[0-9a-fA-F]{7,40}$',
        description: 'The SHA, or its first 7 digits and more.',
      }),
    ),
    expiresInSeconds: Type.Optional(
      Type.Integer({ minimum: 60, maximum: MAX_LIFETIME_S, default: DEFAULT_LIFETIME_S }),
    ),
  },
  { additionalProperties: false },
);

export const ShareLinkParams = Type.Object({
  app: Type.String({ maxLength: 60 }),
  id: Type.String({ maxLength: 40 }),
});

const fields = {
  id: Type.String(),
  opens: Type.String({
    description: '`production`, the full ref of a branch or tag, or the full SHA of a commit.',
  }),
  createdBy: nullable(Type.String()),
  createdAt: Type.String(),
  expiresAt: Type.String(),
};

export const ShareLinkPage = pageOf(Type.Object(fields, { title: 'ShareLink' }));

export const CreatedShareLinkSchema = Type.Object(
  {
    ...fields,
    url: Type.String({ description: 'With the secret, which is shown this once.' }),
    secret: Type.String({ description: 'For programs: they send it as x-fn-share.' }),
  },
  { title: 'CreatedShareLink' },
);

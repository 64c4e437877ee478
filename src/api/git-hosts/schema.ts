import { Type } from 'typebox';
import { GIT_HOST_KINDS } from '../../model/git-host.ts';
import { pageOf } from '../paging.ts';
import { nullable } from '../nullable.ts';

const MAX_URL_CHARACTERS = 500;
const MAX_SECRET_CHARACTERS = 500;

const Id = Type.String({ maxLength: 40 });

export const GitHostParams = Type.Object({ app: Type.String({ maxLength: 60 }), id: Id });

export const HookParams = Type.Object({ connection: Id });

const fields = {
  id: Type.String(),
  kind: Type.Enum([...GIT_HOST_KINDS]),
  url: Type.String(),
  hookUrl: Type.String({ description: 'What the host calls.' }),
  createdAt: Type.String(),
  heardAt: nullable(Type.String(), 'Null when its host was never heard.'),
  problem: nullable(Type.String(), 'What the host last answered wrongly; null when all is well.'),
  hint: nullable(Type.String()),
};

export const GitHostPage = pageOf(Type.Object(fields, { title: 'GitHost' }));

export const ConnectedGitHostSchema = Type.Object(
  { ...fields, webhookSecret: Type.String({ description: 'Shown this once.' }) },
  { title: 'ConnectedGitHost' },
);

export const GitHostBody = Type.Object(
  {
    kind: Type.Enum([...GIT_HOST_KINDS]),
    url: Type.String({ minLength: 1, maxLength: MAX_URL_CHARACTERS }),
    accessToken: Type.String({ minLength: 1, maxLength: MAX_SECRET_CHARACTERS }),
    webhookSecret: Type.Optional(Type.String({ minLength: 16, maxLength: MAX_SECRET_CHARACTERS })),
  },
  { additionalProperties: false },
);

export const HookSchema = Type.Object({ outcome: Type.Enum(['taken', 'known', 'ignored']) });

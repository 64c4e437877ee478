import { Type } from 'typebox';
import { pageOf, pageQuery } from '../paging.ts';
import { nullable } from '../nullable.ts';

const MAX_SEARCH_CHARACTERS = 60;

export const AppParams = Type.Object({ app: Type.String({ maxLength: 60 }) });

export const AppSchema = Type.Object(
  {
    id: Type.String(),
    name: Type.String(),
    productionBranch: nullable(
      Type.String(),
      '`main` or `master`, without `refs/heads/`; null before the first push of either.',
    ),
    url: Type.String({ description: 'Where production answers.' }),
    version: nullable(Type.Integer(), 'What production serves; null before the first release.'),
    commit: nullable(
      Type.String(),
      'Full SHA that production serves; null before the first release.',
    ),
    createdAt: Type.String(),
  },
  { title: 'App' },
);

export const AppQuery = Type.Object(
  {
    ...pageQuery,
    q: Type.Optional(
      Type.String({ maxLength: MAX_SEARCH_CHARACTERS, description: 'What their names contain' }),
    ),
  },
  { additionalProperties: false },
);

export const AppPage = pageOf(AppSchema);

import { Type } from 'typebox';
import { pageOf, pageQuery } from '../paging.ts';

const MAX_SEARCH_CHARACTERS = 60;

export const AppParams = Type.Object({ app: Type.String({ maxLength: 60 }) });

export const AppSchema = Type.Object(
  {
    id: Type.String(),
    name: Type.String(),
    productionBranch: Type.Union([Type.String(), Type.Null()]),
    url: Type.String(),
    version: Type.Union([Type.Integer(), Type.Null()]),
    commit: Type.Union([Type.String(), Type.Null()]),
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

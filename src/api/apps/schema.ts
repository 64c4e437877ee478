import { Type } from 'typebox';

export const AppParams = Type.Object({ app: Type.String({ maxLength: 60 }) });

export const AppSchema = Type.Object({
  id: Type.String(),
  name: Type.String(),
  productionBranch: Type.Union([Type.String(), Type.Null()]),
  url: Type.String(),
  version: Type.Union([Type.Integer(), Type.Null()]),
  commit: Type.Union([Type.String(), Type.Null()]),
  createdAt: Type.String(),
});

export const AppPage = Type.Object({ items: Type.Array(AppSchema) });

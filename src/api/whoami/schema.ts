import { Type } from 'typebox';
import { scopeFields } from '../tokens/schema.ts';

export const WhoAmISchema = Type.Object(
  {
    tokenId: Type.String(),
    name: Type.String(),
    ...scopeFields,
    expiresAt: Type.Union([Type.String(), Type.Null()]),
  },
  { title: 'WhoAmI' },
);

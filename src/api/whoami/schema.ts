import { Type } from 'typebox';
import { scopeFields } from '../tokens/schema.ts';
import { nullable } from '../nullable.ts';

export const WhoAmISchema = Type.Object(
  {
    tokenId: Type.String(),
    name: Type.String(),
    ...scopeFields,
    expiresAt: nullable(Type.String()),
  },
  { title: 'WhoAmI' },
);

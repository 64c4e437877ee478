import { Type } from 'typebox';
import { ROLES } from '../../model/role.ts';

export const WhoAmISchema = Type.Object(
  {
    tokenId: Type.String(),
    name: Type.String(),
    role: Type.Enum([...ROLES]),
    apps: Type.Union([Type.Array(Type.String()), Type.Null()]),
  },
  { title: 'WhoAmI' },
);

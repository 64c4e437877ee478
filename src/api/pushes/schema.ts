import { Type } from 'typebox';
import { PUSH_OUTCOMES } from '../../model/push.ts';

export const PushParams = Type.Object({
  app: Type.String({ maxLength: 60 }),
  push: Type.String({ maxLength: 60 }),
});

export const PushSchema = Type.Object({
  id: Type.String(),
  by: Type.String(),
  refs: Type.Array(
    Type.Object({ ref: Type.String(), commit: Type.Union([Type.String(), Type.Null()]) }),
  ),
  startedAt: Type.String(),
  endedAt: Type.Union([Type.String(), Type.Null()]),
  outcome: Type.Union([Type.Enum([...PUSH_OUTCOMES]), Type.Null()]),
});

export const PushPage = Type.Object({ items: Type.Array(PushSchema) });

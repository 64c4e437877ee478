import { Type } from 'typebox';
import { PUSH_OUTCOMES } from '../../model/push.ts';
import { pageOf } from '../paging.ts';

export const PushParams = Type.Object({
  app: Type.String({ maxLength: 60 }),
  push: Type.String({ maxLength: 60 }),
});

export const PushSchema = Type.Object(
  {
    id: Type.String(),
    by: Type.String(),
    refs: Type.Array(
      Type.Object({ ref: Type.String(), commit: Type.Union([Type.String(), Type.Null()]) }),
    ),
    startedAt: Type.String(),
    endedAt: Type.Union([Type.String(), Type.Null()]),
    outcome: Type.Union([Type.Enum([...PUSH_OUTCOMES]), Type.Null()]),
  },
  { title: 'Push' },
);

export const PushPage = pageOf(PushSchema);

/** A line; a sign of life; or, last, how the push has ended. */
const PushOutputSchema = Type.Object(
  {
    line: Type.Optional(Type.String()),
    outcome: Type.Optional(Type.Enum([...PUSH_OUTCOMES])),
  },
  { title: 'PushOutput' },
);

export const PushOutputStream = {
  description: 'A line of JSON for each line of output, until the push has ended',
  content: { 'application/x-ndjson': { schema: PushOutputSchema } },
};

import { Type } from 'typebox';
import { PUSH_OUTCOMES } from '../../model/push.ts';
import { pageOf } from '../paging.ts';
import { nullable } from '../nullable.ts';

export const PushParams = Type.Object({
  app: Type.String({ maxLength: 60 }),
  push: Type.String({ maxLength: 60 }),
});

export const PushSchema = Type.Object(
  {
    id: Type.String(),
    by: Type.String({ description: 'Name of the token that pushed.' }),
    refs: Type.Array(
      Type.Object({
        ref: Type.String(),
        commit: nullable(Type.String(), 'Null: it deletes the ref.'),
      }),
    ),
    startedAt: Type.String(),
    endedAt: nullable(Type.String(), 'Null while it runs, as is the outcome.'),
    outcome: nullable(Type.Enum([...PUSH_OUTCOMES])),
  },
  { title: 'Push' },
);

export const PushPage = pageOf(PushSchema);

const PushOutputSchema = Type.Object(
  {
    line: Type.Optional(Type.String()),
    outcome: Type.Optional(Type.Enum([...PUSH_OUTCOMES])),
  },
  {
    title: 'PushOutput',
    description:
      'A line as the pusher sees it; nothing but a sign of life; or, last, how the push has ended. Without an outcome the server stopped before the end.',
  },
);

export const PushOutputStream = {
  description: 'A line of JSON for each line of output, until the push has ended',
  content: { 'application/x-ndjson': { schema: PushOutputSchema } },
};

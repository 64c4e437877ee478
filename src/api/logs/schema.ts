import { Type } from 'typebox';
import { pageOf } from '../paging.ts';
import { LOG_KINDS, LOG_LEVELS } from '../../protocol/logs.ts';
import { nullable } from '../nullable.ts';

const MAX_PAGE = 1_000;
const DEFAULT_PAGE = 100;
const MAX_SEARCH_CHARACTERS = 200;
const MAX_NAME_CHARACTERS = 250;

const LogSchema = Type.Object(
  {
    id: Type.String({ description: 'Grows from entry to entry.' }),
    at: Type.String(),
    level: Type.Enum([...LOG_LEVELS]),
    kind: Type.Enum([...LOG_KINDS]),
    function: Type.String(),
    version: nullable(
      Type.Integer(),
      '`7` of v7; null for the unnumbered deployments that commit hosts serve.',
    ),
    deployment: Type.String(),
    requestId: nullable(Type.String(), 'Null for what belongs to no request.'),
    text: Type.String({
      description:
        'As it was printed: it may have several lines, and anything that a terminal would obey.',
    }),
    fields: nullable(
      Type.Record(Type.String(), Type.Unknown()),
      'What a structured line says; of a report its figures, of a failure `errorType` and `errorMessage`.',
    ),
  },
  { title: 'LogEntry' },
);

export const LogPageSchema = pageOf(LogSchema);

export const LogAnswer = {
  description:
    'A page; with tail an entry a line, or as server-sent events where they are accepted',
  content: {
    'application/json': { schema: LogPageSchema },
    'application/x-ndjson': { schema: LogSchema },
    'text/event-stream': { schema: Type.String() },
  },
};

const named = (description: string) =>
  Type.Optional(Type.String({ minLength: 1, maxLength: MAX_NAME_CHARACTERS, description }));

const Since = Type.String({
  maxLength: 40,
  description: 'ISO 8601, or how long ago: `90s`, `10m`, `2h`, `7d`.',
});
const Level = Type.Enum([...LOG_LEVELS], { description: 'This level and those above it.' });
const Search = Type.String({
  minLength: 1,
  maxLength: MAX_SEARCH_CHARACTERS,
  description: 'Text that the entry has, whatever its case.',
});
const page = {
  limit: Type.Integer({ minimum: 1, maximum: MAX_PAGE, default: DEFAULT_PAGE }),
  cursor: Type.Optional(
    Type.String({
      pattern: '^[0-9]{1,18}$',
      description:
        'Of a page: `next` of the page before. Of a tail: the id of the last entry that is known; those which came after it follow, as with `Last-Event-ID`.',
    }),
  ),
};

/** Of one function. */
export const FunctionLogQuery = Type.Object(
  {
    ...page,
    level: Type.Optional(Level),
    since: Type.Optional(Since),
    q: Type.Optional(Search),
  },
  { additionalProperties: false },
);

export const LogQuerySchema = Type.Object(
  {
    since: Type.Optional(Since),
    until: Type.Optional(Type.String({ maxLength: 40, description: 'As `since`.' })),
    level: Type.Optional(Level),
    search: Type.Optional(Search),
    function: named('Its name.'),
    deployment: named('`v7`, a branch, a commit or an id.'),
    request: named('The beginning of a request id.'),
    ...page,
    tail: Type.Optional(
      Type.Boolean({
        description: 'Entries as they come, with empty lines in between while none come.',
      }),
    ),
  },
  { additionalProperties: false },
);

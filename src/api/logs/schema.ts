import { Type } from 'typebox';
import { pageOf } from '../paging.ts';
import { LOG_KINDS, LOG_LEVELS } from '../../protocol/logs.ts';

const MAX_PAGE = 1_000;
const DEFAULT_PAGE = 100;
const MAX_SEARCH_CHARACTERS = 200;
const MAX_NAME_CHARACTERS = 250;

const LogSchema = Type.Object(
  {
    id: Type.String(),
    at: Type.String(),
    level: Type.Enum([...LOG_LEVELS]),
    kind: Type.Enum([...LOG_KINDS]),
    function: Type.String(),
    version: Type.Union([Type.Integer(), Type.Null()]),
    deployment: Type.String(),
    requestId: Type.Union([Type.String(), Type.Null()]),
    text: Type.String(),
    fields: Type.Union([Type.Record(Type.String(), Type.Unknown()), Type.Null()]),
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

const Name = Type.String({ minLength: 1, maxLength: MAX_NAME_CHARACTERS });

const Time = Type.String({ maxLength: 40 });
const Search = Type.String({ minLength: 1, maxLength: MAX_SEARCH_CHARACTERS });
const page = {
  limit: Type.Integer({ minimum: 1, maximum: MAX_PAGE, default: DEFAULT_PAGE }),
  cursor: Type.Optional(Type.String({ pattern: '^[0-9]{1,18}$' })),
};

/** Of one function. */
export const FunctionLogQuery = Type.Object(
  {
    ...page,
    level: Type.Optional(Type.Enum([...LOG_LEVELS])),
    since: Type.Optional(Time),
    q: Type.Optional(Search),
  },
  { additionalProperties: false },
);

export const LogQuerySchema = Type.Object(
  {
    since: Type.Optional(Time),
    until: Type.Optional(Time),
    level: Type.Optional(Type.Enum([...LOG_LEVELS])),
    search: Type.Optional(Search),
    function: Type.Optional(Name),
    deployment: Type.Optional(Name),
    request: Type.Optional(Name),
    ...page,
    tail: Type.Optional(Type.Boolean()),
  },
  { additionalProperties: false },
);

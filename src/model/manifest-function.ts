import { type Static, Type } from 'typebox';
import { DEFAULT_LIMITS, MAX_BODY_BYTES_CEILING, MAX_CONCURRENCY } from './limits.ts';

/** Node itself needs most of less. */
export const MIN_FUNCTION_MEMORY_MIB = 64;
export const MIN_TIMEOUT_SECONDS = 0.1;
export const MAX_LIST_ITEMS = 100;

const CONVENTIONS = ['methods', 'fetch', 'web', 'lambda', 'node', 'server', 'plain'] as const;
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const;

/** Unknown fields are errors: a typing mistake must not look like success. */
export const closed = { additionalProperties: false } as const;

export const file = (title: string, description: string, example: string) =>
  Type.String({
    title,
    description,
    examples: [example],
    minLength: 1,
    maxLength: 1024,
    pattern: '^[^\\u0000-\\u001f]+$',
    'x-expects': 'must be the path of a file or folder of the repository',
  });

const path = Type.String({
  title: 'Path',
  description:
    'The paths that it answers: text, ":name" for one segment, "*" or "*name" at the end for the rest. ' +
    'Its place below functions/ or api/ decides when it is left out.',
  examples: ['/users/:id', '/files/*rest'],
  pattern: '^/',
  maxLength: 512,
  'x-expects': 'must begin with "/"',
});

const methods = Type.Array(Type.Enum([...METHODS]), {
  title: 'Methods',
  description: 'The HTTP methods that it answers; all of them when it is left out.',
  examples: [['GET', 'POST']],
  minItems: 1,
  maxItems: METHODS.length,
});

const triggerType = (example: string) => ({
  title: 'Type',
  description: 'What causes the invocation.',
  examples: [example],
});

const triggerConfig = (example: object) => ({
  title: 'Settings',
  description: 'How it does so.',
  examples: [example],
});

const HttpTrigger = Type.Object(
  {
    type: Type.Literal('http', triggerType('http')),
    config: Type.Optional(
      Type.Object(
        { path: Type.Optional(path), methods: Type.Optional(methods) },
        { ...triggerConfig({ path: '/hello' }), ...closed },
      ),
    ),
  },
  closed,
);

const CronTrigger = Type.Object(
  {
    type: Type.Literal('cron', triggerType('cron')),
    config: Type.Object(
      {
        schedule: Type.String({
          title: 'Schedule',
          description: 'Five or six cron fields, or a name as @daily.',
          examples: ['0 9 * * 1-5', '@daily'],
          pattern: '^(@[a-z]+|\\S+( +\\S+){4,5})$',
          'x-expects': 'must have 5 or 6 cron fields, for example "0 9 * * *"',
        }),
        timezone: Type.Optional(
          Type.String({
            title: 'Time zone',
            description: 'A name of the IANA data base.',
            default: 'UTC',
            examples: ['Europe/Berlin'],
            minLength: 1,
          }),
        ),
        overlap: Type.Optional(
          Type.Enum(['skip', 'queue', 'allow', 'replace'], {
            title: 'Overlap',
            description: 'What happens while the last one still runs.',
            default: 'skip',
            examples: ['queue'],
          }),
        ),
        missed: Type.Optional(
          Type.Enum(['skip', 'run-once'], {
            title: 'Missed',
            description: 'What happens with a time at which the platform was away.',
            default: 'run-once',
            examples: ['skip'],
          }),
        ),
      },
      { ...triggerConfig({ schedule: '@daily' }), ...closed },
    ),
  },
  closed,
);

/** What these will take is not settled: any settings are accepted, and none acts. */
const OtherTrigger = Type.Object(
  {
    type: Type.Enum(['event', 'queue', 'websocket'], triggerType('queue')),
    config: Type.Optional(
      Type.Object({}, { ...triggerConfig({ name: 'mail' }), additionalProperties: true }),
    ),
  },
  closed,
);

/** What can be said of the app’s one function, or of each by its name. */
export const functionFields = {
  entry: Type.Optional(
    file(
      'Entry',
      'The file whose exports are the function. It is found when left out: index.*, handler.*, "main" of package.json.',
      'src/index.ts',
    ),
  ),
  handler: Type.Optional(
    Type.String({
      title: 'Handler',
      description: 'The export that is the handler. Lambda’s "file.export" is understood.',
      examples: ['handler'],
      pattern: '^([^.]*\\.)*[\\p{ID_Start}$_][\\p{ID_Continue}$]*$',
      'x-expects': 'must be the name of an export, for example "handler"',
    }),
  ),
  convention: Type.Optional(
    Type.Enum([...CONVENTIONS], {
      title: 'Convention',
      description: 'How the handler is called; found out from what the code exports when left out.',
      examples: ['web', 'lambda'],
    }),
  ),
  event: Type.Optional(
    Type.Enum(['lambda'], {
      title: 'Event',
      description: '"lambda": the event’s body is the raw text, as AWS has it.',
      examples: ['lambda'],
    }),
  ),
  memory: Type.Optional(
    Type.Integer({
      title: 'Memory',
      description: 'Megabytes that a worker may use. The operator sets the most.',
      default: DEFAULT_LIMITS.memoryMib,
      examples: [256],
      minimum: MIN_FUNCTION_MEMORY_MIB,
      'x-unit': 'MB',
    }),
  ),
  timeout: Type.Optional(
    Type.Number({
      title: 'Timeout',
      description: 'Seconds that an invocation may take. The operator sets the most.',
      default: DEFAULT_LIMITS.timeoutMs / 1000,
      examples: [10],
      minimum: MIN_TIMEOUT_SECONDS,
      'x-unit': 'seconds',
    }),
  ),
  concurrency: Type.Optional(
    Type.Integer({
      title: 'Concurrency',
      description: 'Invocations that one worker takes at a time.',
      default: DEFAULT_LIMITS.concurrency,
      examples: [1],
      minimum: 1,
      maximum: MAX_CONCURRENCY,
      'x-unit': 'requests',
    }),
  ),
  maxBodyBytes: Type.Optional(
    Type.Integer({
      title: 'Largest request body',
      description: 'Bytes; a longer body is answered with 413.',
      default: DEFAULT_LIMITS.maxBodyBytes,
      examples: [1_048_576],
      minimum: 0,
      maximum: MAX_BODY_BYTES_CEILING,
      'x-unit': 'bytes',
    }),
  ),
  path: Type.Optional(path),
  methods: Type.Optional(methods),
  triggers: Type.Optional(
    Type.Array(Type.Union([HttpTrigger, CronTrigger, OtherTrigger]), {
      title: 'Triggers',
      description:
        'What causes an invocation. "http" acts; the others are checked and have no effect yet.',
      examples: [[{ type: 'http', config: { path: '/hello', methods: ['GET'] } }]],
      maxItems: MAX_LIST_ITEMS,
    }),
  ),
};

export const FunctionSettingsSchema = Type.Object(functionFields, {
  title: 'Function',
  description: 'What differs from the settings of the app.',
  examples: [{ entry: 'src/hello.ts', path: '/hello' }],
  ...closed,
});

/** What can be said of one function. */
export type FunctionSettings = Static<typeof FunctionSettingsSchema>;

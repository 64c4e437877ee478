import { type Static, Type } from 'typebox';
import {
  closed,
  file,
  functionFields,
  FunctionSettingsSchema,
  MAX_LIST_ITEMS,
} from './manifest-function.ts';
import { MAX_EGRESS_RULE_CHARACTERS, MAX_EGRESS_RULES } from './egress-rule.ts';

/**
 * The one description of fn.json: the builder checks by it, editors complete by it (docs/fn.schema.json is its text,
 * the control API serves it), and its type is what the rest of the code reads. Beside what JSON Schema has, a field may
 * say `x-expects`, what its pattern means in words, and `x-unit`.
 */

const MAX_FUNCTIONS = 100;

export const MANIFEST_RUNTIMES = ['nodejs26', 'typescript'] as const;

const Build = Type.Object(
  {
    command: Type.Optional(
      Type.String({
        title: 'Build command',
        description: 'Runs before the functions are bundled, in rootDirectory.',
        examples: ['npm run build'],
        minLength: 1,
        maxLength: 4096,
      }),
    ),
    env: Type.Optional(
      Type.Record(Type.String({ pattern: '^[A-Za-z_][A-Za-z0-9_]*$' }), Type.String(), {
        title: 'Build environment',
        description: 'Variables of the build command and of install scripts.',
        default: {},
        examples: [{ NODE_ENV: 'production' }],
        ...closed,
      }),
    ),
    external: Type.Optional(
      Type.Array(Type.String({ minLength: 1, maxLength: 214 }), {
        title: 'External packages',
        description: 'Packages that are not bundled but shipped as they are.',
        default: [],
        examples: [['sharp']],
        maxItems: MAX_LIST_ITEMS,
      }),
    ),
    install: Type.Optional(
      Type.Boolean({
        title: 'Install dependencies',
        description: 'false: what is committed is all that there is.',
        default: true,
        examples: [false],
      }),
    ),
  },
  {
    title: 'Build',
    description: 'How the repository becomes a bundle.',
    default: {},
    examples: [{ command: 'npm run build' }],
    ...closed,
  },
);

const amount = (title: string, description: string, example: number, least: number) =>
  Type.Optional(Type.Number({ title, description, examples: [example], minimum: least }));

const Scaling = Type.Object(
  {
    minInstances: amount('Fewest workers', 'Workers that are kept warm.', 0, 0),
    maxInstances: amount('Most workers', 'Workers that run at a time.', 10, 1),
    scaleUpThreshold: amount('Scale up', 'Share of use above which one is added.', 0.7, 0),
    scaleDownThreshold: amount('Scale down', 'Share of use below which one ends.', 0.3, 0),
    cooldownPeriod: amount('Cool-down', 'Milliseconds between two decisions.', 30_000, 0),
  },
  {
    title: 'Scaling',
    description: 'How many workers there are. Checked, without effect yet.',
    examples: [{ minInstances: 0, maxInstances: 10 }],
    ...closed,
  },
);

const RateLimit = Type.Object(
  {
    maxRequests: Type.Integer({
      title: 'Requests',
      description: 'So many in a window.',
      examples: [100],
      minimum: 1,
    }),
    windowMs: Type.Integer({
      title: 'Window',
      description: 'Milliseconds.',
      examples: [60_000],
      minimum: 1,
    }),
  },
  {
    title: 'Rate limit',
    description: 'Requests that are answered before 429. Checked, without effect yet.',
    examples: [{ maxRequests: 100, windowMs: 60_000 }],
    ...closed,
  },
);

const names = (title: string, description: string, example: string) =>
  Type.Array(Type.String({ minLength: 1, maxLength: 253 }), {
    title,
    description,
    examples: [[example]],
    default: [],
    maxItems: MAX_LIST_ITEMS,
  });

export const FnManifestSchema = Type.Object(
  {
    $schema: Type.Optional(
      Type.String({
        title: 'Schema',
        description: 'Where editors find this description.',
        examples: ['http://localhost:3000/schema/fn.json'],
      }),
    ),
    runtime: Type.Optional(
      Type.Enum([...MANIFEST_RUNTIMES], {
        title: 'Runtime',
        description: 'What runs the code; "typescript" is the newest Node.',
        default: 'nodejs26',
        examples: ['nodejs26'],
      }),
    ),
    ...functionFields,
    rootDirectory: Type.Optional(
      file('Root directory', 'The folder that is built, in a repository of several.', 'apps/web'),
    ),
    build: Type.Optional(Build),
    env: Type.Optional(
      Type.Record(Type.String({ pattern: '^[A-Za-z_][A-Za-z0-9_]*$' }), Type.String(), {
        title: 'Environment',
        description: 'Plain values for all deployments; secrets are set with: fn env set.',
        default: {},
        examples: [{ GREETING: 'hello' }],
        ...closed,
      }),
    ),
    scaling: Type.Optional(Scaling),
    rateLimit: Type.Optional(RateLimit),
    domains: Type.Optional(
      names(
        'Domains',
        'Host names of your own at which production answers. Those that the app has not are added by a push to ' +
          'production, which prints the DNS record that each wants; none is ever removed by one: see: fn domains.',
        'example.com',
      ),
    ),
    egress: Type.Optional(
      Type.Array(Type.String({ minLength: 1, maxLength: MAX_EGRESS_RULE_CHARACTERS }), {
        title: 'Egress',
        description:
          'What functions reach beyond public addresses, as "host:port", "*.domain:port" or "10.0.0.0/8:port"; ' +
          'the operator of the server allows it by FN_EGRESS_ALLOW.',
        examples: [['db.internal:5432']],
        default: [],
        maxItems: MAX_EGRESS_RULES,
      }),
    ),
    functions: Type.Optional(
      Type.Record(Type.String({ pattern: '^[a-z][a-z0-9-]{0,39}$' }), FunctionSettingsSchema, {
        title: 'Functions',
        description:
          'Several functions by name. When one of them has an "entry", these are all there are; otherwise they ' +
          'change the settings of what is found below functions/ and api/.',
        examples: [{ hello: { entry: 'src/hello.ts', path: '/hello' } }],
        maxProperties: MAX_FUNCTIONS,
        ...closed,
        'x-expects': 'must be lower-case letters, digits and "-", at most 40, a letter first',
      }),
    ),
    public: Type.Optional(
      Type.Union(
        [
          file('Public folder', 'Its files are served as they are.', 'public'),
          Type.Literal(false, { title: 'None', description: 'Serves no files.' }),
        ],
        {
          title: 'Public files',
          description: 'The folder whose files are served before any function; false for none.',
          default: 'public',
          examples: ['dist', false],
        },
      ),
    ),
  },
  {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'fn.json',
    description: 'How gitfn builds and runs a repository. Every field is optional.',
    ...closed,
  },
);

/** fn.json as it was written, checked. */
export type FnManifest = Static<typeof FnManifestSchema>;

import { defineConfig, type OxlintOverride } from 'oxlint';

/** What holds in one folder of src/: whose values it may import. Types it may have from everywhere. */
interface Layer {
  folder: string;
  sees: string[];
  /** Told to who imports anything else. */
  rule: string;
  /** Files of folders that it does not see, which it may import all the same. */
  but?: string[];
}

const BELOW = ['protocol', 'model', 'std'];

const STAGES = [
  'git',
  'build',
  'bundles',
  'consistency',
  'egress',
  'network',
  'pool',
  'router',
  'runtimes',
  'sandbox',
];

const STAGES_WITH_STORE = [
  'access',
  'api',
  'audit',
  'certs',
  'deploy',
  'domains',
  'functions',
  'git-hosts',
  'secrets',
  'telemetry',
];

const stage = (folder: string, sees: string[]): Layer => ({
  folder,
  sees,
  rule: "a stage never imports another stage's values: declare a port, main wires it",
});

/** The layers of ARCHITECTURE.md's code map, lowest first. `main` is left out: it sees everything. */
const LAYERS: Layer[] = [
  { folder: 'std', sees: [], rule: 'std is the lowest layer: it imports node: modules only' },
  { folder: 'model', sees: ['std'], rule: 'model knows only std and itself' },
  { folder: 'protocol', sees: ['model', 'std'], rule: 'protocol knows only model and std' },
  { folder: 'store', sees: BELOW, rule: 'the store knows model, protocol and std' },
  ...STAGES.map((folder) => stage(folder, BELOW)),
  ...STAGES_WITH_STORE.map((folder) => stage(folder, ['store', ...BELOW])),
  {
    folder: 'worker',
    sees: ['protocol'],
    rule: 'code inside the sandbox imports protocol and node: modules only',
  },
  {
    folder: 'builder',
    sees: ['protocol'],
    rule: 'code inside the sandbox imports protocol, the description of fn.json, node: modules and its build packages only',
    but: ['manifest', 'manifest-function', 'egress-rule', 'domain-name'].map(
      (name) => `model/${name}.ts`,
    ),
  },
  {
    folder: 'cli',
    sees: ['protocol', 'std'],
    rule: 'the command line can do only what an outside client can: it sees protocol and std',
  },
];

const FOLDERS = ['main', ...LAYERS.map((layer) => layer.folder)];

/** Folders within folders: at depth 0 lie the files of `src/<folder>/` itself. */
const DEPTHS = [0, 1, 2, 3];

/** A file in `src/<folder>/` meets another folder of src/ as `../<other>/`, one a level deeper as `../../<other>/`. */
function overridesOf({ folder, sees, rule, but = [] }: Layer): OxlintOverride[] {
  const hidden = FOLDERS.filter((other) => other !== folder && !sees.includes(other));
  return DEPTHS.map((depth) => {
    const up = '../'.repeat(depth + 1);
    return {
      files: [`src/${folder}/${'*/'.repeat(depth)}*.ts`],
      rules: {
        'no-restricted-imports': [
          'error',
          {
            patterns: [
              {
                group: [
                  ...hidden.map((other) => `${up}${other}/**`),
                  ...but.map((file) => `!${up}${file}`),
                ],
                message: rule,
                allowTypeImports: folder !== 'std',
              },
            ],
          },
        ],
      },
    };
  });
}

export default defineConfig({
  plugins: ['typescript', 'import', 'unicorn', 'oxc', 'promise', 'node'],
  categories: { correctness: 'error', suspicious: 'error' },
  env: { node: true },
  ignorePatterns: [
    'test/fixtures/**',
    'test/hostile/fixtures/**',
    'templates/**',
    'bench/peers/functions/**',
  ],
  rules: {
    'import/no-cycle': 'error',
    'typescript/no-explicit-any': 'error',
    'typescript/no-non-null-assertion': 'error',
    'typescript/no-floating-promises': 'error',
    'typescript/no-misused-promises': 'error',
    'typescript/switch-exhaustiveness-check': [
      'error',
      { considerDefaultExhaustiveForUnions: true },
    ],
    'import/no-unassigned-import': 'off',
    'import/no-named-as-default-member': 'off',
    'typescript/no-unsafe-type-assertion': 'off',
    'unicorn/no-array-sort': 'off',
    'unicorn/require-post-message-target-origin': 'off',
    'no-underscore-dangle': 'off',
    'no-await-in-loop': 'off',
    'oxc/no-async-endpoint-handlers': 'off',
    'unicorn/consistent-function-scoping': 'off',
  },
  overrides: LAYERS.flatMap(overridesOf),
});

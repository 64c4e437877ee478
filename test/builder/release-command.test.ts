import { createRequire } from 'node:module';
import vm from 'node:vm';
import { expect, test } from 'vitest';
import { problemsOf, SourceFolder } from './source-folder.ts';

const FILES = {
  'index.ts': 'export default () => new Response();\n',
  'scripts/migrate.ts': "console.log('migrated');\n",
};
type Evaluate = (...parameters: unknown[]) => Promise<void>;
const scripts = (all: Record<string, string>): Record<string, string> => ({
  'package.json': JSON.stringify({ scripts: all }),
});

test.each([
  ['release: node scripts/migrate.ts', {}, []],
  ['release: node ./scripts/migrate.ts --to 7 "two words"', {}, ['--to', '7', 'two words']],
  ['release: npm run migrate', scripts({ migrate: 'node scripts/migrate.ts' }), []],
  [
    'release: npm run db -- --force',
    scripts({ db: 'npm run migrate', migrate: 'node scripts/migrate.ts all' }),
    ['all', '--force'],
  ],
])('%s runs the file', async (line, more, args) => {
  const folder = new SourceFolder({ ...FILES, ...more, Procfile: `${line}\n` });
  const { result, files } = await folder.run();
  expect(result).toMatchObject({
    releaseCommand: { entry: 'scripts/migrate.ts', file: '_release.js', args },
  });
  const code = files.find(({ path }) => path === '_release.js')?.content;
  expect(Buffer.from(code ?? []).toString()).toContain('migrated');
});

test.each([
  ['release: rake db:migrate', 'the release command is not supported: rake db:migrate'],
  ['release: node a.js && node b.js', 'the release command needs a shell: node a.js && node b.js'],
  ['release: node --inspect a.js', 'the release command is not supported: node --inspect a.js'],
  [
    'release: node scripts/migrat.ts',
    'the release command names scripts/migrat.ts, and the pushed commit has no such file',
  ],
  [
    'release: node ../migrate.ts',
    'the release command names ../migrate.ts, which lies outside the repository',
  ],
  ['release: npm run lost', 'package.json has no script "lost", which the release command runs'],
  ['release: npm run a', 'the release command leads in a circle: npm run a'],
])('%s is a problem', async (line, message) => {
  const circle = scripts({ a: 'npm run b', b: 'npm run a' });
  const [problem] = await problemsOf({ ...FILES, ...circle, Procfile: `web: x\n${line}\n` });
  expect(problem).toMatchObject({ message, at: { file: 'Procfile', line: 2, column: 1 } });
  expect(problem?.hint).toContain('npm run <script>');
});

test.each([
  [
    'scripts/migrate.js',
    "if (require.main === module) globalThis.started = 'as CommonJS';\n",
    'as CommonJS',
  ],
  [
    'scripts/migrate.ts',
    "const how: string = 'as a module';\nif (import.meta.main) globalThis.started = how;\nexport {};\n",
    'as a module',
  ],
])('%s knows that it is what was started', async (path, source, expected) => {
  const files = {
    'index.ts': FILES['index.ts'],
    [path]: source,
    Procfile: `release: node ${path}\n`,
  };
  const { files: made } = await new SourceFolder(files).run();
  const code = made.find((file) => file.path === '_release.js')?.content;
  const evaluate = vm.runInThisContext(Buffer.from(code ?? []).toString()) as Evaluate;
  const require = createRequire(import.meta.url);
  await evaluate(require, {}, () => {}, require);
  expect(Reflect.get(globalThis, 'started')).toBe(expected);
});

test('other process types are named and not started, and a web process needs no word', async () => {
  const Procfile = 'web: node index.js\nclock: node clock.js\n';
  const built = await new SourceFolder({ ...FILES, Procfile }).build();
  expect(built.releaseCommand).toBeNull();
  expect(built.warnings).toMatchObject([
    {
      message:
        'the process type "clock" is not started: functions answer requests, and nothing else runs',
      at: { file: 'Procfile', line: 2 },
    },
  ]);
});

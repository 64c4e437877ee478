import { expect, test } from 'vitest';
import { problemsOf, SourceFolder } from './source-folder.ts';

test.each([
  ['dependencies', 'npm ci'],
  ['devDependencies', 'npm install --save-prod chalk'],
])('a package under %s that is not installed is no package to add', async (field, command) => {
  const [problem] = await problemsOf({
    'package.json': JSON.stringify({ [field]: { chalk: '5.0.0' } }),
    'src/index.ts': "import chalk from 'chalk';\nexport default () => chalk;\n",
  });
  expect(problem).toMatchObject({
    message: 'The package "chalk" is not installed',
    at: { file: 'src/index.ts', line: 1 },
    hint: expect.stringContaining(command),
  });
});

test('a package that no package.json names is one to add', async () => {
  const [problem] = await problemsOf({
    'package.json': '{ "dependencies": {} }',
    'index.ts': "import value from 'constructor';\nexport default () => value;\n",
  });
  expect(problem?.message).toBe('The package "constructor" is not in the repository');
  expect(problem?.hint).toContain('npm install constructor');
});

test('an optional package that is not there is no problem beside one that is', async () => {
  const problems = await problemsOf({
    'index.js': [
      "try { require('optional-one'); } catch { /* done without */ }",
      "import('optional-two').catch(() => null);",
      "exports.handler = async () => require('needed');",
      '',
    ].join('\n'),
  });
  expect(problems).toMatchObject([
    { message: 'The package "needed" is not in the repository', at: { file: 'index.js', line: 3 } },
  ]);
});

test('code that does without a package or file that is not there is built', async () => {
  const built = new SourceFolder({
    'index.cjs': [
      "try { require('optional-one'); } catch { /* done without */ }",
      "try { require('./optional-file'); } catch { /* done without */ }",
      "import('optional-two').catch(() => null);",
      'exports.handler = async () => null;',
      '',
    ].join('\n'),
    'fn.json': '{ "entry": "index.cjs" }',
  });
  expect((await built.build()).warnings).toEqual([]);
});

import { expect, test } from 'vitest';
import { SourceFolder } from './source-folder.ts';

const FILES = {
  'functions/a.ts':
    "import { text } from '../lib/text.ts';\nexport default () => new Response(text);\n",
  'functions/b.ts': "import '../lib/other';\nexport default () => new Response();\n",
  'lib/text.ts': "export const text = 'text';\n",
  'lib/other/index.ts': 'export const other = 1;\n',
};

type Change = (folder: SourceFolder) => void;

/** What is taken from the first build after a change. */
async function reusedAfter(change: Change, files: Record<string, string> = FILES) {
  const folder = new SourceFolder(files);
  const first = await folder.build();
  change(folder);
  return (await folder.build(first.inputs)).reused.sort();
}

const write =
  (files: Record<string, string>): Change =>
  (folder) =>
    folder.write(files);

test.each<[string, Change, string[]]>([
  ['nothing', () => {}, ['a.js', 'b.js']],
  ['a file that nobody imports', write({ 'docs/new.md': '#' }), ['a.js', 'b.js']],
  ['an entry', write({ 'functions/a.ts': 'export default () => 1;' }), ['b.js']],
  ['an imported file', write({ 'lib/text.ts': "export const text = 'x';" }), ['b.js']],
  ['a file that is found before a folder', write({ 'lib/other.ts': 'export {};' }), ['a.js']],
  ['a file of the same stem', write({ 'lib/text.tsx': 'export {};' }), ['b.js']],
  ['a package.json above', write({ 'package.json': '{}' }), []],
  ['a package.json of a folder', write({ 'lib/other/package.json': '{}' }), ['a.js']],
  ['a tsconfig.json', write({ 'tsconfig.json': '{}' }), []],
  ['a new package', write({ 'node_modules/p/index.js': '' }), []],
  ['settings that shape the code', write({ 'fn.json': '{ "handler": "default" }' }), []],
  ['settings that do not', write({ 'fn.json': '{ "memory": 256 }' }), ['a.js', 'b.js']],
])('after %s has come or changed, only what it cannot touch is kept', async (_, change, kept) => {
  expect(await reusedAfter(change)).toEqual(kept);
});

test('what tsconfig.json extends counts, and with "paths" every new file does', async () => {
  const files = {
    ...FILES,
    'tsconfig.json': '{ "extends": "./base" /* shared */ }',
    'base.json': '{ "compilerOptions": {} }',
  };
  expect(await reusedAfter(write({ 'base.json': '{}' }), files)).toEqual([]);
  const paths = { compilerOptions: { paths: { '@/*': ['./x/*', './lib/*'] } } };
  const mapped = { ...FILES, 'tsconfig.json': JSON.stringify(paths) };
  expect(await reusedAfter(write({ 'x/text.ts': '' }), mapped)).toEqual([]);
});

test.each([
  ['@acme/base', 'node_modules/@acme/base/tsconfig.json'],
  ['@acme/base/strict.json', 'node_modules/@acme/base/strict.json'],
  ['@acme/base/strict', 'node_modules/@acme/base/lib/strict.json'],
  ['base', 'node_modules/base/tsconfig.json'],
])('what tsconfig.json extends counts in a package, too: %s', async (name, file) => {
  const shared = { jsxFactory: 'one' };
  const files = {
    ...FILES,
    'tsconfig.json': JSON.stringify({ extends: name }),
    [file]: JSON.stringify({ compilerOptions: shared }),
    'node_modules/@acme/base/package.json': '{ "exports": { "./strict": "./lib/strict.json" } }',
  };
  expect(await reusedAfter(() => {}, files)).toEqual(['a.js', 'b.js']);
  const changed = { [file]: JSON.stringify({ compilerOptions: { ...shared, jsxFactory: 'two' } }) };
  expect(await reusedAfter(write(changed), files)).toEqual([]);
});

test('an import by a pattern is made again each time', async () => {
  const files = {
    'index.js': 'export default (name) => import(`./pages/${name}.js`);\n',
    'pages/a.js': 'export {};\n',
  };
  expect(await reusedAfter(() => {}, files)).toEqual([]);
});

test('a symbolic link that leads elsewhere makes all again', async () => {
  const folder = new SourceFolder(FILES);
  const { inputs } = await folder.build(null, ['lib/link.ts → text.ts']);
  expect((await folder.build(inputs, ['lib/link.ts → text.ts'])).reused).toHaveLength(2);
  expect((await folder.build(inputs, ['lib/link.ts → other.ts'])).reused).toEqual([]);
});

test('code that is too large is told with what makes it so, packages before files', async () => {
  const big = `export const data = ${JSON.stringify('x'.repeat(15 * 1024 * 1024))};\n`;
  const folder = new SourceFolder({
    'index.js':
      "import { data } from 'big';\nimport { own } from './own.js';\nexport default () => data + own;\n",
    'own.js': `export const own = '${'y'.repeat(5000)}';\n`,
    'node_modules/big/index.js': big,
  });
  const { result } = await folder.run();
  if (result.kind !== 'failed') throw new Error('it was built');
  const [problem] = result.problems;
  expect(problem?.message).toMatch(
    /^the bundled code of index\.js has 15.* MB, and the limit is 15/,
  );
  expect(problem?.frame.map((line) => line.trim().split(/\s+/).at(-1))).toEqual([
    'big',
    'own.js',
    'index.js',
  ]);
  expect(problem?.hint).toContain('external');
});

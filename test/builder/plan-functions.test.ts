import { expect, test } from 'vitest';
import { problemsOf, SourceFolder } from './source-folder.ts';

const ANSWER = 'export default () => new Response();\n';

async function functionsOf(files: Record<string, string>) {
  const { functions } = await new SourceFolder(files).build();
  return functions;
}

const summaries = async (files: Record<string, string>): Promise<string[]> =>
  (await functionsOf(files)).map(({ name, entry, path }) => `${name} ${entry} ${path ?? '-'}`);

const json = (value: unknown): string => JSON.stringify(value);

test('a single function answers every path', async () => {
  expect(await summaries({ 'index.ts': ANSWER })).toEqual(['main index.ts -']);
});

test('files below functions/ and api/ are functions at their paths, beside a root entry', async () => {
  expect(
    await summaries({
      'index.ts': ANSWER,
      'functions/hello.ts': ANSWER,
      'functions/mail/index.ts': ANSWER,
      'functions/mail/parts.ts': ANSWER,
      'functions/Résumé Reader.js': ANSWER,
      'functions/_shared.ts': ANSWER,
      'functions/hello.test.ts': ANSWER,
      'functions/types.d.ts': 'export interface A {}',
      'api/index.ts': ANSWER,
      'api/users/[id].ts': ANSWER,
      'api/_lib/db.ts': ANSWER,
      'api/[...rest].ts': ANSWER,
      'api/readme.md': '#',
    }),
  ).toEqual([
    'r-sum-reader functions/Résumé Reader.js /R%C3%A9sum%C3%A9%20Reader',
    'hello functions/hello.ts /hello',
    'mail functions/mail/index.ts /mail',
    'api-rest api/[...rest].ts /api/*rest',
    'api api/index.ts /api',
    'api-users-id api/users/[id].ts /api/users/:id',
    'main index.ts /*',
  ]);
});

test('names are the same for the same files, fit FN_FUNCTION, and no two are alike', async () => {
  const files = {
    'functions/a b.ts': ANSWER,
    'functions/a-b.ts': ANSWER,
    'functions/9.ts': ANSWER,
    [`functions/${'long'.repeat(20)}.ts`]: ANSWER,
    [`functions/${'long'.repeat(20)}er.ts`]: ANSWER,
  };
  const names = (await functionsOf(files)).map(({ name }) => name);
  expect(names).toEqual((await functionsOf(files)).map(({ name }) => name));
  expect(new Set(names).size).toBe(5);
  for (const name of names) expect(name).toMatch(/^[a-z][a-z0-9-]{0,39}$/);
  expect(names).toContain('a-b-2');
});

test('fn.json names functions, each with settings of its own', async () => {
  const functions = await functionsOf({
    'a.ts': ANSWER,
    'b.ts': ANSWER,
    'functions/unlisted.ts': ANSWER,
    'fn.json': json({
      memory: 256,
      functions: {
        a: {
          entry: 'a.ts',
          memory: 512,
          triggers: [{ type: 'http', config: { methods: ['GET'] } }],
        },
        b: { entry: 'b.ts', path: '/other/:id', convention: 'web', event: 'lambda' },
      },
    }),
  });
  expect(functions).toMatchObject([
    { name: 'a', file: 'a.js', path: '/a', methods: ['GET'], memoryMib: 512 },
    { name: 'b', path: '/other/:id', memoryMib: 256, convention: 'web', event: 'lambda' },
  ]);
});

test('fn.json changes the settings of functions that were found by their place', async () => {
  const functions = await functionsOf({
    'functions/a.ts': ANSWER,
    'functions/b.ts': ANSWER,
    'fn.json': json({ functions: { a: { timeout: 5, path: '/elsewhere' } } }),
  });
  expect(functions).toMatchObject([
    { name: 'a', timeoutMs: 5000, path: '/elsewhere' },
    { name: 'b', timeoutMs: 30_000, path: '/b' },
  ]);
});

test('rootDirectory is where all is looked for, and names stay those of the repository', async () => {
  const files = { 'apps/web/index.ts': ANSWER, 'index.ts': ANSWER };
  expect(await summaries({ ...files, 'fn.json': json({ rootDirectory: 'apps/web' }) })).toEqual([
    'main apps/web/index.ts -',
  ]);
});

test('functions of one path with other methods live beside each other', async () => {
  const named = { 'a.ts': ANSWER, 'b.ts': ANSWER };
  const functions = {
    a: { entry: 'a.ts', path: '/x', methods: ['GET'] },
    b: { entry: 'b.ts', path: '/x', methods: ['POST'] },
  };
  expect(await problemsOf({ ...named, 'fn.json': json({ functions }) })).toEqual([]);
});

const oneHundredAndOne = Object.fromEntries(
  Array.from({ length: 101 }, (_, index) => [`functions/f${index}.ts`, ANSWER]),
);

test.each([
  [
    'two files of one path',
    { 'functions/a.ts': ANSWER, 'functions/a/index.ts': ANSWER },
    'two functions answer /a: functions/a/index.ts ("a") and functions/a.ts ("a-2")',
  ],
  [
    'two parameters of one place',
    { 'api/[id].ts': ANSWER, 'api/[name].ts': ANSWER },
    'two functions answer /api/:id and /api/:name: api/[id].ts ("api-id") and api/[name].ts ("api-name")',
  ],
  ['101 functions', oneHundredAndOne, 'the repository has 101 functions, and the limit is 100'],
  [
    'an unusable parameter',
    { 'api/[user-id].ts': ANSWER },
    'the path of api/[user-id].ts has "user-id" as a parameter: use letters, digits and "_"',
  ],
  [
    'a rest that is not last',
    { 'api/[...rest]/more.ts': ANSWER },
    'the path of api/[...rest]/more.ts may have "*" only at the end',
  ],
  [
    'an entry outside',
    { 'fn.json': json({ entry: '../index.ts' }) },
    '"entry" in fn.json names ../index.ts, which lies outside the repository',
  ],
  [
    'an entry that is missing',
    { 'src/hello.ts': ANSWER, 'fn.json': json({ functions: { a: { entry: 'src/helo.ts' } } }) },
    '"functions.a.entry" names src/helo.ts, and the pushed commit has no such file',
  ],
  [
    'settings of nothing',
    { 'functions/hello.ts': ANSWER, 'fn.json': json({ functions: { helo: { memory: 128 } } }) },
    'there is no function "helo" below functions/ or api/: did you mean "hello"?',
  ],
  [
    'a bad path',
    { 'index.ts': ANSWER, 'fn.json': json({ path: '/a/*b/c' }) },
    'the path "/a/*b/c" may have "*" only at the end',
  ],
  [
    'two http triggers',
    { 'index.ts': ANSWER, 'fn.json': json({ triggers: [{ type: 'http' }, { type: 'http' }] }) },
    'a function has one trigger of type "http"',
  ],
  [
    'a path given twice',
    {
      'index.ts': ANSWER,
      'fn.json': json({ path: '/a', triggers: [{ type: 'http', config: { path: '/b' } }] }),
    },
    '"path" is given twice: here and in the trigger of type "http"',
  ],
  [
    'a lost rootDirectory',
    { 'fn.json': json({ rootDirectory: 'apps/web' }) },
    '"rootDirectory" names apps/web, and the pushed commit has no such folder',
  ],
  [
    'a rootDirectory outside',
    { 'fn.json': json({ rootDirectory: '../..' }) },
    '"rootDirectory" names ../.., which lies outside the repository',
  ],
  ['an empty functions/ folder', { 'functions/readme.md': '' }, 'no function was found'],
  [
    'a root of workspaces',
    {
      'package.json': json({ workspaces: ['apps/*'] }),
      'apps/web/index.ts': 'export default () => null;',
    },
    'no function was found in the root of these workspaces',
  ],
  [
    'a root of pnpm’s workspaces',
    { 'pnpm-workspace.yaml': 'packages: ["apps/*"]\n', 'apps/web/index.ts': 'export default 1;' },
    'no function was found in the root of these workspaces',
  ],
])('%s is a problem', async (_, files, message) => {
  const [problem] = await problemsOf(files);
  expect(problem?.message).toBe(message);
});

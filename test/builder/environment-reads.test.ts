import { expect, test } from 'vitest';
import { SourceFolder } from './source-folder.ts';

async function readsOf(files: Record<string, string>): Promise<string[]> {
  const { environment } = await new SourceFolder(files).build();
  return environment.reads.map(({ name, file, line, hasDefault }) => {
    return `${name} ${file}:${line}${hasDefault ? ' default' : ''}`;
  });
}

const after = (code: string): Record<string, string> => ({
  'index.ts': `${code}\nexport default () => new Response();\n`,
});

test.each([
  ['process.env.A;', 'A'],
  ["process.env['A'];", 'A'],
  ['process.env[`A`];', 'A'],
  ['globalThis.process.env.A;', 'A'],
  ['String(process.env.A!.length);', 'A'],
  ['import.meta.env.A;', 'A'],
  ["Deno.env.get('A');", 'A'],
  ['Bun.env.A;', 'A'],
  ['const { A } = process.env;', 'A'],
  ['const { A: other } = process.env;', 'A'],
  ['const { env } = process; env.A;', 'A'],
  ["import { env } from 'node:process'; env.A;", 'A'],
  ['const settings = process.env; settings.A;', 'A'],
  ["process.env.A ?? 'x';", 'A default'],
  ["process.env.A || 'x';", 'A default'],
  ["process.env.A || process.env.B || 'x';", 'A default,B default'],
  ['(process.env.A ?? process.env.B)!.length', 'A default,B'],
  ["const { A = 'x' } = process.env;", 'A default'],
  ['if (process.env.A) void 0;', 'A default'],
  ['process.env.A ? 1 : 2;', 'A default'],
  ["process.env.A === 'x';", 'A default'],
  ['typeof process.env.A;', 'A default'],
  ['!process.env.A;', 'A default'],
  ['Boolean(process.env.A);', 'A default'],
  ['process.env.A?.trim();', 'A default'],
  ["'A' in process.env;", 'A default'],
  ["process.env.A ??= 'x';", 'A default'],
  ["process.env.A = 'x';", ''],
  ['delete process.env.A;', ''],
  ['// process.env.A\n/* process.env.A */', ''],
  ["'process.env.A';", ''],
  ['`process.env.A`;', ''],
  ['const name = String(1); process.env[name];', ''],
  ['process.environment;', ''],
  ["process.env['not a name'];", ''],
  ['const env = process.env; export const fetch = (r: Request, env: { A: string }) => env.A;', ''],
])('%s reads %j', async (code, expected) => {
  const reads = await readsOf(after(`declare const Deno: any, Bun: any;\n${code}`));
  expect(reads.map((read) => read.replace(/ index\.ts:\d+/, '')).join()).toBe(expected);
});

test('names the place in the source, of each variable the first that has no default', async () => {
  const reads = await readsOf({
    'index.ts':
      "import type { Settings } from './settings.ts';\nimport { load } from './settings.ts';\n" +
      'enum Level { Low, High }\n\nexport default (): Response => {\n' +
      '  const settings: Settings = load(Level.High);\n  return new Response(settings.url + process.env.B);\n};\n',
    'settings.ts':
      'export interface Settings {\n  url: string;\n}\n\n' +
      'export function load(level: number): Settings {\n  return { url: process.env.URL_BASE! + level };\n}\n' +
      "export const other = process.env.B ?? 'x';\n",
    'unused.ts': 'process.env.UNUSED;\n',
    'view.tsx': 'export const view = <p>{process.env.VIEW}</p>;\n',
  });
  expect(reads).toEqual(['B index.ts:7', 'URL_BASE settings.ts:6']);
});

test('a file that asks whether a variable is there does without it', async () => {
  const code = 'if (process.env.A !== undefined) {\n  console.log(process.env.A.length);\n}';
  expect(await readsOf(after(code))).toEqual(['A index.ts:1 default']);
});

test('packages are left out', async () => {
  const reads = await readsOf({
    'index.js': "import 'p';\nexport default () => new Response(process.env.MINE);\n",
    'node_modules/p/index.js': 'process.env.THEIRS;\n',
  });
  expect(reads).toEqual(['MINE index.js:2']);
});

test('app.json says what is required, as for Heroku', async () => {
  const env = {
    NEEDED: { description: 'a key' },
    ALSO: { required: true },
    OPTIONAL: { required: false },
    GIVEN: { value: 'x' },
    TEXT: 'x',
  };
  const files = { ...after(''), 'app.json': JSON.stringify({ name: 'demo', env }) };
  const { environment } = await new SourceFolder(files).build();
  expect(environment.required).toEqual(['NEEDED', 'ALSO']);
});

test('an app.json that is no JSON is named, and fails nothing', async () => {
  const { warnings } = await new SourceFolder({ ...after(''), 'app.json': '{ "env": }' }).build();
  expect(warnings).toMatchObject([
    {
      message: 'app.json is not read: Unexpected "}"',
      at: { file: 'app.json', line: 1, column: 10 },
    },
  ]);
});

test('fn.json gives plain values', async () => {
  const files = { ...after(''), 'fn.json': '{ "env": { "GREETING": "hello" } }' };
  expect((await new SourceFolder(files).build()).variables).toEqual({ GREETING: 'hello' });
});

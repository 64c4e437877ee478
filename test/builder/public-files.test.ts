import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, brotliDecompressSync, gunzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { problemsOf, SourceFolder } from './source-folder.ts';

const LONG = 'body { color: black; }\n'.repeat(100);

test('public files come as they are, with smaller siblings, alike in each build', async () => {
  const folder = new SourceFolder({
    'public/index.html': '<h1>here</h1>',
    'public/assets/site.css': LONG,
    'public/.gitkeep': '',
    'public/.well-known/x': 'x',
  });
  const { result, files } = await folder.run();
  if (result.kind !== 'built') throw new Error(JSON.stringify(result.problems));
  expect(result.functions).toEqual([]);
  expect(result.publicFiles).toEqual([
    { path: '/.well-known/x', file: 'public/.well-known/x', encodings: {} },
    {
      path: '/assets/site.css',
      file: 'public/assets/site.css',
      encodings: { br: 'public/assets/site.css.br', gzip: 'public/assets/site.css.gz' },
    },
    { path: '/index.html', file: 'public/index.html', encodings: {} },
  ]);
  const content = (path: string): Uint8Array =>
    files.find((file) => file.path === path)?.content ?? new Uint8Array();
  expect(String(brotliDecompressSync(content('public/assets/site.css.br')))).toBe(LONG);
  expect(String(gunzipSync(content('public/assets/site.css.gz')))).toBe(LONG);
  expect((await folder.run()).files).toEqual(files);
});

test('a compressed file of the repository is taken when it is true, and named when it is not', async () => {
  const folder = new SourceFolder({ 'public/a.css': LONG, 'public/b.css': LONG });
  writeFileSync(join(folder.root, 'public/a.css.br'), brotliCompressSync(LONG));
  writeFileSync(join(folder.root, 'public/b.css.br'), brotliCompressSync('old'));
  const { publicFiles, warnings } = await folder.build();
  const encodings = new Map(publicFiles.map((file) => [file.path, file.encodings]));
  expect(encodings.get('/a.css')?.br).toBe('public/a.css.br');
  expect(encodings.get('/b.css')?.br).toBeUndefined();
  expect(warnings.map(({ message }) => message)).toEqual([
    'b.css.br is not b.css compressed, and is not served in its place',
  ]);
});

test.each([
  [{ 'fn.json': '{ "public": "." }' }, /names the whole repository, source and all/],
  [{ 'fn.json': '{ "public": "../x" }' }, /lies outside the repository/],
  [{ 'fn.json': '{ "public": "dist" }' }, /names dist, and there is no such folder/],
])('%j is refused', async (files, message) => {
  const [problem] = await problemsOf({ ...files, 'index.js': 'export default () => 1;' });
  expect(problem?.message).toMatch(message);
});

test('"public": false serves nothing', async () => {
  const files = { 'fn.json': '{ "public": false }', 'public/a': 'x', 'index.js': 'export {};' };
  expect((await new SourceFolder(files).build()).publicFiles).toEqual([]);
});

test('a symbolic link out of the public folder is refused, one inside is served as its file', async () => {
  const folder = new SourceFolder({ 'public/a.txt': 'a', 'secret.txt': 'secret' });
  symlinkSync('a.txt', join(folder.root, 'public/b.txt'));
  expect((await folder.build()).publicFiles.map(({ path }) => path)).toEqual(['/a.txt', '/b.txt']);
  symlinkSync('../secret.txt', join(folder.root, 'public/c.txt'));
  const { result } = await folder.run();
  expect(result).toMatchObject({
    problems: [{ message: 'public/c.txt is a symbolic link out of public/' }],
  });
});

test('more files than a bundle holds are refused', async () => {
  const folder = new SourceFolder({ 'public/a': '' });
  mkdirSync(join(folder.root, 'public/many'));
  for (let index = 0; index < 20_000; index++) {
    writeFileSync(join(folder.root, `public/many/${index}`), '');
  }
  const { result } = await folder.run();
  expect(result).toMatchObject({
    problems: [{ message: 'public/ has more than 20000 files, and a bundle holds 20000' }],
  });
});

test('a name that is no UTF-8 is refused', async () => {
  const folder = new SourceFolder({ 'public/a': '' });
  const name = Buffer.concat([Buffer.from(`${folder.root}/public/caf`), Buffer.from([0xe9])]);
  writeFileSync(name, '');
  const { result } = await folder.run();
  expect(result).toMatchObject({
    problems: [{ message: 'the name "public/caf\uFFFD" holds control characters or is no UTF-8' }],
  });
});

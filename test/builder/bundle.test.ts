import { expect, test } from 'vitest';
import { SourceFolder } from './source-folder.ts';

const ENTRY = 'export default () => new Response();\n';

test('a file outside the repository is not bundled, however it could be', async () => {
  const outside = new SourceFolder({ 'secret.js': "export const secret = 'secret';\n" });
  const path = `${outside.root}/secret.js`;
  const folder = new SourceFolder({ 'index.js': `import '${path}';\n${ENTRY}` });
  const { result, files } = await folder.run();
  expect(result).toMatchObject({
    problems: [{ message: `"${path}" lies outside the repository and cannot be imported` }],
  });
  expect(files).toEqual([]);
});

test('a source map has the text of own files, and of packages their positions alone', async () => {
  const folder = new SourceFolder({
    'functions/[id].ts': `import { text } from 'p';\nconsole.log(text);\n${ENTRY}`,
    'node_modules/p/index.js': "export const text = 'text';\n",
  });
  const { files } = await folder.run();
  const { sources, sourcesContent } = JSON.parse(
    Buffer.from(files[1]?.content ?? []).toString(),
  ) as { sources: string[]; sourcesContent: (string | null)[] };
  const textOf = (source: string) => sourcesContent[sources.indexOf(source)];
  expect(textOf('functions/%5Bid%5D.ts')).toContain('console.log(text)');
  expect(textOf('node_modules/p/index.js')).toBeNull();
});

test('a source map that a repository’s own code brings reads no file outside of it', async () => {
  const outside = new SourceFolder({ 'secret.txt': 'secret' });
  const map = { version: 3, sources: [`${outside.root}/secret.txt`], names: [], mappings: 'AAAA' };
  const folder = new SourceFolder({
    'index.js': `${ENTRY}//# sourceMappingURL=index.js.map\n`,
    'index.js.map': JSON.stringify(map),
  });
  const { files } = await folder.run();
  expect(Buffer.from(files[1]?.content ?? []).toString()).not.toContain('"secret"');
});

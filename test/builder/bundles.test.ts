import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { createBuildHarness, type BuildHarness } from '../build/build-harness.ts';
import { loadCode } from './load-code.ts';
import { fixtureSource, folderSource, type Source } from '../build/source-repository.ts';
import { MIN_MEMORY_MIB } from '../../src/model/limits.ts';
import type { BuildProblem } from '../../src/protocol/builder.ts';

async function buildCode(harness: BuildHarness, source: Source) {
  const { answer } = await harness.build(source);
  if (answer.kind !== 'built') throw new Error(JSON.stringify(answer));
  const code = await harness.bundles.readFile(answer.bundle, 'main.js');
  return { ...answer, code: code.toString() };
}

async function problemsOf(source: Source): Promise<BuildProblem[]> {
  const { answer } = await createBuildHarness().build(source);
  return answer.kind === 'failed' ? answer.problems : [];
}

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'app-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

test('a TypeScript function becomes a bundle whose default export answers', async () => {
  const { code, manifest } = await buildCode(
    createBuildHarness(),
    fixtureSource('hello-typescript'),
  );
  const { default: hello } = await loadCode(code);
  const response = (hello as (request: Request) => Response)(new Request('http://fn/world'));
  expect(await response.json()).toEqual({ hello: '/world' });
  expect(manifest.runtime).toBe('nodejs26');
  expect(manifest.functions).toMatchObject([{ name: 'main', file: 'main.js', entry: 'index.ts' }]);
  expect(manifest.files.map(({ path }) => path)).toEqual(['main.js', 'main.js.map']);
});

test('what modules can do works in a bundle: await, import(), import.meta, JSON, text, aliases', async () => {
  const { code } = await buildCode(createBuildHarness(), fixtureSource('module-features'));
  const { seen } = await loadCode(code);
  expect(seen).toEqual({
    url: 'file:///code/main.js',
    colours: { red: '#f00' },
    page: '<h1>hello</h1>\n',
    double: 42,
    hasExistsSync: true,
    separator: '/',
    platform: 'linux',
    lazy: 'lazy',
    required: '/',
    __meta: 'a name that the wrapper might have had',
  });
});

test('a CommonJS entry gives module.exports as a plain default, and its properties by name', async () => {
  const { code } = await buildCode(createBuildHarness(), fixtureSource('common-js'));
  const namespace = await loadCode(code);
  expect(namespace['default']).toBeTypeOf('function');
  expect(namespace['place']).toBe('/code/main.js');
  // A plain property, not a getter as an ES module's exports are.
  expect(Object.getOwnPropertyDescriptor(namespace, 'default')).toHaveProperty('value');
});

test('the same files give the same bundle, whatever the folder that they are built in', async () => {
  const first = await buildCode(createBuildHarness(), fixtureSource('module-features'));
  const second = await buildCode(createBuildHarness(), fixtureSource('module-features'));
  expect(second.bundle).toBe(first.bundle);
  expect(first.code).not.toContain(tmpdir());
});

test('packages that are committed are bundled', async () => {
  const folder = temporaryFolder();
  mkdirSync(join(folder, 'node_modules/answer'), { recursive: true });
  writeFileSync(join(folder, 'node_modules/answer/index.js'), 'exports.answer = 42;');
  writeFileSync(join(folder, 'index.js'), "export { answer } from 'answer';");
  const { code } = await buildCode(createBuildHarness(), folderSource(folder));
  expect((await loadCode(code))['answer']).toBe(42);
});

test('fn.json chooses entry, handler and limits, with comments and trailing commas', async () => {
  const { code, manifest } = await buildCode(createBuildHarness(), fixtureSource('manifest'));
  expect(manifest.functions[0]).toEqual({
    name: 'main',
    file: 'main.js',
    entry: 'functions/resize.ts',
    handler: 'run',
    memoryMib: 512,
    timeoutMs: 2500,
    concurrency: 4,
    maxBodyBytes: 1_048_576,
  });
  expect(Object.keys(await loadCode(code))).toEqual(['handler']);
  expect(manifest.warnings.map(({ message, at }) => [at?.line, message])).toEqual([
    [9, '"scaling" has no effect in this version'],
    [10, 'a trigger of type "cron" has no effect in this version'],
  ]);
});

test.each([
  ['syntax-error', 'index.ts:2:25', 'Unexpected ";"'],
  ['missing-package', 'src/index.ts:1:19', 'The package "chalk" is not in the repository'],
  ['missing-file', 'handler.js:1:23', 'Could not resolve "./gret.js"'],
  ['manifest-torn', 'fn.json:3:3', 'Expected "," or "}"'],
  ['manifest-lost-handler', 'index.ts:1:1', 'has no such export'],
  ['manifest-wrong', 'fn.json:2:13', '"memory" must be a whole number from 64 to 10240 (MB)'],
  ['climbs-out', 'index.js:1:20', '"/etc/passwd" lies outside the repository'],
  ['climbs-by-tsconfig', 'index.js:1:20', '"/etc/passwd" lies outside the repository'],
])('%s is reported at %s', async (fixture, place, message) => {
  const [problem] = await problemsOf(fixtureSource(fixture));
  const { file, line, column } = problem?.at ?? { file: '', line: 0, column: 0 };
  expect(`${file}:${line}:${column}`).toBe(place);
  expect(problem?.message).toContain(message);
});

test.each([
  ['other-name', 'no function was found', 'rename hello.js to index.js'],
  ['python', 'main.py looks like Python', 'add index.ts'],
  ['manifest-lost-entry', 'functions/resise.ts', 'did you mean functions/resize.ts?'],
])('%s fails with a hint', async (fixture, message, hint) => {
  const [problem] = await problemsOf(fixtureSource(fixture));
  expect(problem?.message).toContain(message);
  expect(problem?.hint).toContain(hint);
});

test('an error shows the lines around it and a caret below its column', async () => {
  const [problem] = await problemsOf(fixtureSource('syntax-error'));
  expect(problem?.frame).toEqual([
    '  1 | export default () => {',
    '> 2 |   const grüße: number = ;',
    '    |                         ^',
    '  3 |   return new Response(String(grüße));',
    '  4 | };',
  ]);
});

test('memory that no sandbox can be given is reported at its place in fn.json', async () => {
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'fn.json'), `{ "memory": ${MIN_MEMORY_MIB - 1} }`);
  writeFileSync(join(folder, 'index.js'), 'export default () => new Response();');
  const [problem] = await problemsOf(folderSource(folder));
  expect(problem).toMatchObject({ at: { file: 'fn.json', line: 1, column: 13 } });
  expect(problem?.message).toContain('"memory" must be a whole number from 64');
});

test('all wrong fields of fn.json are reported at once', async () => {
  const problems = await problemsOf(fixtureSource('manifest-wrong'));
  expect(problems.map(({ at }) => at?.line)).toEqual([2, 3, 4]);
});

test('symbolic links inside the repository work, and those that leave it are left out', async () => {
  const folder = temporaryFolder();
  cpSync(join(import.meta.dirname, '../fixtures/apps/hello-typescript/index.ts'), `${folder}/a.ts`);
  symlinkSync('a.ts', join(folder, 'index.ts'));
  symlinkSync('/etc', join(folder, 'outside'));
  symlinkSync('outside/passwd', join(folder, 'chained'));
  symlinkSync('nowhere', join(folder, 'dangling'));
  const { manifest } = await buildCode(createBuildHarness(), folderSource(folder));
  const names = manifest.warnings.map(({ message }) => /"(.*)"/.exec(message)?.[1]);
  expect(new Set(names)).toEqual(new Set(['chained', 'dangling', 'outside']));
});

test('an import through a link that leaves the repository finds nothing', async () => {
  const folder = temporaryFolder();
  symlinkSync('/etc/hostname', join(folder, 'name.txt'));
  writeFileSync(join(folder, 'index.js'), "export { default } from './name.txt';");
  const [problem] = await problemsOf(folderSource(folder));
  expect(problem?.message).toContain('./name.txt');
});

import { createRequire } from 'node:module';
import vm from 'node:vm';
import { expect, test } from 'vitest';
import {
  describeProblems,
  describeWarnings,
  explainStack,
  resolveStack,
} from '../../src/build/index.ts';
import { createBuildHarness } from './build-harness.ts';
import { fixtureSource } from './source-repository.ts';

/** The stack that loading the code ends with. */
async function stackOf(code: string): Promise<string> {
  const evaluate = new vm.Script(code, { filename: '/code/main.js' }).runInThisContext() as (
    ...parts: unknown[]
  ) => Promise<void>;
  const require = createRequire('/code/main.js');
  try {
    await evaluate(require, {}, () => {}, require);
  } catch (error) {
    return (error as Error).stack ?? '';
  }
  return '';
}

test('a throw at import is shown in the pusher’s own source', async () => {
  const harness = createBuildHarness();
  const { answer } = await harness.build(fixtureSource('throws-at-import'));
  const bundle = answer.kind === 'built' ? answer.bundle : '';
  const stack = await stackOf((await harness.bundles.readFile(bundle, 'main.js')).toString());
  const map = (await harness.bundles.readFile(bundle, 'main.js.map')).toString();

  const { title, calls } = resolveStack(stack, map, 'main.js');
  expect(title).toBe("TypeError: Cannot read properties of undefined (reading 'name')");
  expect(calls).toMatchObject([
    { name: 'readSettings', file: 'settings.ts', line: 7 },
    { name: null, file: 'index.ts', line: 3 },
  ]);
  expect(await explainStack(harness.bundles, bundle, stack)).toEqual([
    '       settings.ts:7:33',
    '         5 | export function readSettings(settings: Settings | undefined): string {',
    '         6 |   // Undefined when nobody gave any.',
    '       > 7 |   return (settings as Settings).name.toUpperCase();',
    '           |                                 ^',
    '         8 | }',
    '       called at index.ts:3:18',
  ]);
});

test('a source whose name a URL would escape is named as its file is', () => {
  const map = {
    version: 3,
    sources: ['api/users/%5Bid%5D.ts'],
    sourcesContent: ['throw new Error();'],
    names: [],
    mappings: 'AAAA',
  };
  const stack = 'Error: x\n    at /code/main.js:1:1';
  expect(resolveStack(stack, JSON.stringify(map), 'main.js')).toMatchObject({
    calls: [{ file: 'api/users/[id].ts', line: 1, column: 1 }],
    frame: ['> 1 | throw new Error();', '    | ^'],
  });
});

test('a call in a file whose text is not known is shown by its place', () => {
  const sources = ['node_modules/p/index.js'];
  const map = { version: 3, sources, sourcesContent: [null], names: [], mappings: 'AAAA' };
  const stack = 'Error: x\n    at /code/main.js:1:1';
  expect(resolveStack(stack, JSON.stringify(map), 'main.js')).toMatchObject({
    calls: [{ file: 'node_modules/p/index.js', line: 1, column: 1 }],
    frame: [],
  });
});

test.each([
  ['', '{}'],
  ['Error: x\n    at /code/main.js:1:1', 'no JSON'],
  ['Error: x\n    at node:internal/main:1:1', '{"version":3,"sources":[],"mappings":""}'],
])('a stack that cannot be resolved gives no calls: %j', (stack, map) => {
  expect(resolveStack(stack, map, 'main.js').calls).toEqual([]);
});

test('problems are printed with place, source and hint', () => {
  const lines = describeProblems([
    {
      message: 'Unexpected "}"',
      at: { file: 'index.ts', line: 3, column: 7 },
      frame: ['> 3 | }', '    | ^'],
      hint: 'remove it',
    },
    { message: 'no function was found', at: null, frame: [] },
  ]);
  expect(lines).toEqual([
    ' !     index.ts:3:7  Unexpected "}"',
    '       > 3 | }',
    '           | ^',
    ' !     remove it',
    ' !     no function was found',
  ]);
});

test('warnings are a line each, and do not look like what made a build fail', () => {
  const at = { file: 'Procfile', line: 2, column: 1 };
  const lines = describeWarnings([
    { message: 'not started', at, frame: ['> 2 | clock: x', '    | ^'] },
    { message: 'left out', at: null, frame: [] },
  ]);
  expect(lines).toEqual(['       warning: Procfile:2:1  not started', '       warning: left out']);
});

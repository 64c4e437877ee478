/** Packages that are bundled apart from the code that imports them: that nobody can tell. */
import { rmSync, symlinkSync } from 'node:fs';
import { join, parse } from 'node:path';
import { Readable } from 'node:stream';
import { expect, test } from 'vitest';
import type { BuildContext } from '../../src/builder/build-context.ts';
import { type Code, makeCode } from '../../src/builder/make-code.ts';
import { emptyManifest } from '../../src/builder/manifest.ts';
import { VendorStore } from '../../src/builder/vendor/vendor-store.ts';
import { resolveStack } from '../../src/build/resolve-stack.ts';
import { DEFAULTS, MAXIMA } from '../build/build-harness.ts';
import { loadCode, type Namespace } from './load-code.ts';
import { SourceFolder } from './source-folder.ts';

type Files = Record<string, string>;

/** One package of each kind, and some of the ways in which packages are unusual. */
const PACKAGES: Files = {
  'esm/package.json': '{"type":"module","exports":"./index.js","sideEffects":false}',
  'esm/index.js': `
    export { part } from './part.js';
    export { unused } from './unused.js';
    export let count = 0;
    export function increase() { count += 1; return count; }
    export class Thing { name = 'thing'; }
    export default function whole() { return 'whole'; }
  `,
  'esm/part.js': "(globalThis.order ??= []).push('esm/part');\nexport const part = 'part';\n",
  'esm/unused.js': "export const unused = 'much code that nobody wants';\n",
  'cjs/index.js':
    "(globalThis.order ??= []).push('cjs');\nmodule.exports = function cjs() { return 'cjs'; };\nmodule.exports.named = 'named';\n",
  'transpiled/index.js': `
    Object.defineProperty(exports, '__esModule', { value: true });
    exports.default = 'the default';
    exports.named = 'named';
  `,
  'dual/package.json': '{"exports":{"import":"./index.mjs","require":"./index.cjs"}}',
  'dual/index.mjs': "export const kind = 'import';\nexport default 'import';\n",
  'dual/index.cjs': "exports.kind = 'require';\n",
  'single/index.js': 'exports.state = { uses: 0 };\n',
  'uses-single/index.js': "exports.single = require('single');\n",
  'reads-global/index.js': 'module.exports = globalThis.prepared;\n',
  'data/data.json': '{"value":[1,2]}',
  'data/notes.md': 'a text',
  'throws/index.js': "\n\nmodule.exports = () => { throw new Error('of the package'); };\n",
  'awaits/package.json': '{"type":"module"}',
  'awaits/index.js': "export const awaited = await Promise.resolve('awaited');\n",
  'no-default/package.json': '{"type":"module"}',
  'no-default/index.js': 'export const a = 1;\n',
};

/** Own code, and what its handler is to give. */
const CASES: { title: string; files: Files; expected: unknown; isWhole?: true }[] = [
  {
    title: 'names of an ES module',
    files: {
      'index.js':
        "import { part, Thing } from 'esm';\nexport default () => [part, new Thing().name];",
    },
    expected: ['part', 'thing'],
  },
  {
    title: 'the default of an ES module',
    files: { 'index.js': "import whole from 'esm';\nexport default () => whole();" },
    expected: 'whole',
  },
  {
    title: 'the default of an ES module, in one that Node takes for such',
    files: {
      'index.mjs': "import whole, { part } from 'esm';\nexport default () => [whole(), part];",
    },
    expected: ['whole', 'part'],
  },
  {
    title: 'exports that change',
    files: {
      'index.js':
        "import { count, increase } from 'esm';\nexport default () => [count, increase(), count];",
    },
    expected: [0, 1, 1],
  },
  {
    title: 'a namespace of which properties are read',
    files: {
      'index.js': "import * as esm from 'esm';\nexport default () => [esm.part, esm.default()];",
    },
    expected: ['part', 'whole'],
  },
  {
    title: 'a namespace that is handed on',
    files: {
      'index.js':
        "import * as esm from 'esm';\nimport * as none from 'no-default';\nexport default () => [Object.keys(esm).sort(), Object.keys(none)];",
    },
    expected: [['Thing', 'count', 'default', 'increase', 'part', 'unused'], ['a']],
  },
  {
    title: 'CommonJS, imported',
    files: {
      'index.js':
        "import cjs, { named } from 'cjs';\nimport * as all from 'cjs';\nexport default () => [cjs(), named, all.named, Object.keys(all).sort()];",
    },
    expected: ['cjs', 'named', 'named', ['default', 'named']],
  },
  {
    title: 'CommonJS, required',
    files: {
      'index.cjs': "const cjs = require('cjs');\nmodule.exports = () => [cjs(), cjs.named];",
    },
    expected: ['cjs', 'named'],
  },
  {
    title: 'a transpiled module, by the rules of bundlers',
    files: {
      'index.js':
        "import value, { named } from 'transpiled';\nexport default () => [value, named];",
    },
    expected: ['the default', 'named'],
  },
  {
    title: 'a transpiled module, by the rules of Node',
    files: {
      'index.mjs':
        "import value, { named } from 'transpiled';\nexport default () => [value.default, named];",
    },
    expected: ['the default', 'named'],
  },
  {
    title: 'a package that is imported and required',
    files: {
      'index.js':
        "import { kind } from 'dual';\nimport { required } from './required.cjs';\nexport default () => [kind, required];",
      'required.cjs': "exports.required = require('dual').kind;",
    },
    expected: ['import', 'require'],
  },
  {
    title: 'an ES module, required',
    files: {
      'index.cjs': "const esm = require('esm');\nmodule.exports = () => [esm.part, esm.default()];",
    },
    expected: ['part', 'whole'],
  },
  {
    title: 'import() of either kind',
    files: {
      'index.js':
        "export default async () => { const [esm, cjs] = await Promise.all([import('esm'), import('cjs')]); return [esm.part, esm.default(), cjs.default()]; };",
    },
    expected: ['part', 'whole', 'cjs'],
  },
  {
    title: 'one copy of a package that several use',
    files: {
      'index.js':
        "import { state } from 'single';\nimport { single } from 'uses-single';\nstate.uses += 1;\nexport default () => single.state.uses;",
    },
    expected: 1,
  },
  {
    title: 'own code that prepares what a package finds',
    files: {
      'index.js':
        "import './prepare.js';\nimport prepared from 'reads-global';\nexport default () => prepared;",
      'prepare.js': "globalThis.prepared = 'prepared';",
    },
    expected: 'prepared',
  },
  {
    title: 'packages and own modules in the order of their imports',
    files: {
      'index.js':
        "import './first.js';\nimport 'cjs';\nimport './second.js';\nimport { part } from 'esm';\nexport default () => [...globalThis.order, part];",
      'first.js': "globalThis.order = ['first'];",
      'second.js': "globalThis.order.push('second');",
    },
    expected: ['first', 'cjs', 'second', 'esm/part', 'part'],
  },
  {
    title: 'data and texts of packages',
    files: {
      'index.js':
        "import data, { value } from 'data/data.json';\nimport text from 'data/notes.md';\nexport default () => [data.value, value, text];",
    },
    expected: [[1, 2], [1, 2], 'a text'],
  },
  {
    title: 'a package that unused code imports',
    files: {
      'index.js': "import { used } from './two.js';\nexport default () => used;",
      'two.js':
        "import whole, { part, unused } from 'esm';\nexport const used = part;\nexport const never = () => [unused, whole];",
    },
    expected: 'part',
  },
  {
    title: 'own modules that hand on what packages export',
    files: {
      'index.js': `import { part, whole, cjs, named } from './all.js';
        export default () => [part, whole(), cjs(), named];`,
      'all.js': `export * from 'esm'; export { default as whole } from 'esm';
        export { default as cjs, named } from 'cjs';`,
    },
    expected: ['part', 'whole', 'cjs', 'named'],
  },
  {
    title: 'a handler that a package exports',
    files: { 'index.mjs': "export { default } from 'cjs';" },
    expected: 'cjs',
  },
  {
    title: 'a class of a package as a base, in own modules that import each other',
    files: {
      'index.js': `import { Own } from './own.js';
        export const suffix = '!';
        export default () => new Own().shown();`,
      'own.js': `import { suffix } from './index.js'; import { Thing } from 'esm';
        export class Own extends Thing { shown() { return this.name + suffix; } }`,
    },
    expected: 'thing!',
  },
  {
    title: 'a package that is required when it is wanted',
    files: {
      'index.cjs': `module.exports = () => { globalThis.order = ['called']; require('cjs');
        return globalThis.order; };`,
    },
    expected: ['called', 'cjs'],
  },
  {
    title: 'a package that is missing and can be done without',
    files: {
      'index.cjs':
        "let found;\ntry { found = require('missing'); } catch { found = 'none'; }\nmodule.exports = () => found;",
    },
    expected: 'none',
    isWhole: true,
  },
  {
    title: 'a package that awaits',
    files: { 'index.js': "import { awaited } from 'awaits';\nexport default () => awaited;" },
    expected: 'awaited',
    isWhole: true,
  },
  {
    title: 'a file of a package by its path',
    files: {
      'index.js': "import { part } from './node_modules/esm/part.js';\nexport default () => part;",
    },
    expected: 'part',
    isWhole: true,
  },
];

interface Made extends Code {
  code: string;
  map: string;
}

/** A repository whose packages are there; `store` null: they are bundled with its code. */
class Project extends SourceFolder {
  isInstalled = true;

  constructor(files: Files) {
    super(files);
    for (const [path, text] of Object.entries(PACKAGES)) {
      this.write({ [`node_modules/${path}`]: text });
    }
  }

  /** Leaves the packages where they are read from no more. */
  uninstall(): void {
    rmSync(join(this.root, 'node_modules'), { recursive: true });
    this.isInstalled = false;
  }

  async make(store: VendorStore | null, entries?: string[]): Promise<Made | null> {
    const [first = ''] =
      entries ?? ['index.js', 'index.mjs', 'index.cjs'].filter((file) => this.has(file));
    const units = (entries ?? [first]).map((entry) => {
      return { file: `${parse(entry).name}.js`, entry, handler: null };
    });
    const code = await makeCode(units, this.#context(store));
    if (code.kind === 'failed') return null;
    const text = (file: string): string =>
      Buffer.from(code.files.find(({ path }) => path === file)?.content ?? []).toString();
    const [{ file } = { file: '' }] = units;
    return { ...code, code: text(file), map: text(`${file}.map`) };
  }

  #context(store: VendorStore | null): BuildContext {
    const start = { appName: 'demo', defaults: DEFAULTS, maxima: MAXIMA, previous: null };
    const vendor = store && {
      store,
      home: '',
      externals: null,
      areThere: this.isInstalled,
      save: () => {},
    };
    return {
      root: this.root,
      folder: this.root,
      prefix: '',
      manifest: emptyManifest(),
      start,
      report: () => {},
      services: null,
      pending: [],
      completePackages: () => Promise.resolve(),
      warnings: [],
      externals: null,
      externalsSignature: null,
      vendor,
      dependencyState: 'installed',
      settledFolders: ['node_modules/'],
      links: [],
    };
  }
}

async function handled(made: Made | null): Promise<unknown> {
  const namespace: Namespace = await loadCode(made?.code ?? '');
  try {
    return await (namespace['default'] as () => unknown)();
  } finally {
    Reflect.deleteProperty(globalThis, 'order');
  }
}

async function copyOf(store: VendorStore): Promise<VendorStore> {
  const copy = await VendorStore.read(Readable.from(store.encode()));
  if (copy === null) throw new Error('the store cannot be read');
  return copy;
}

for (const { title, files, expected, isWhole = false } of CASES) {
  test(`${title}: the same with packages apart`, async () => {
    const project = new Project(files);
    expect(await handled(await project.make(null))).toEqual(expected);
    const store = new VendorStore('one', null);
    const made = await project.make(store);
    expect(await handled(made)).toEqual(expected);
    expect(made?.code.includes('__vendor$fn')).toBe(!isWhole);

    // The next build finds the script in the cache, and no package.
    project.uninstall();
    const again = await project.make(await copyOf(store));
    expect(again?.code).toBe(isWhole ? undefined : made?.code);
    expect(again?.map).toBe(isWhole ? undefined : made?.map);
  });
}

test('what nobody names of an ES module is in no script', async () => {
  const project = new Project({
    'index.js': "import * as esm from 'esm';\nexport default () => esm.part;",
  });
  const made = await project.make(new VendorStore('one', null));
  expect(made?.code).not.toContain('much code');
});

test('a change of own code needs no package, one more name of a package does', async () => {
  const project = new Project({
    'index.js': "import { part } from 'esm';\nexport default () => part;",
  });
  const store = new VendorStore('one', null);
  await project.make(store);
  project.uninstall();
  project.write({ 'index.js': "import { part } from 'esm';\nexport default () => part + '!';" });
  expect(await handled(await project.make(await copyOf(store)))).toBe('part!');
  project.write({ 'index.js': "import { part, count } from 'esm';\nexport default () => count;" });
  expect(await project.make(await copyOf(store))).toBeNull();
});

test('of CommonJS one more name needs no package', async () => {
  const project = new Project({
    'index.js': "import cjs from 'cjs';\nexport default () => cjs();",
  });
  const store = new VendorStore('one', null);
  await project.make(store);
  project.uninstall();
  project.write({ 'index.js': "import { named } from 'cjs';\nexport default () => named;" });
  expect(await handled(await project.make(await copyOf(store)))).toBe('named');
});

test('units are made alike, whatever is made beside them', async () => {
  const project = new Project({
    'a.js': "import { part } from 'esm';\nexport default () => part;",
    'b.js':
      "import whole from 'esm';\nimport cjs from 'cjs';\nexport default () => [whole(), cjs()];",
    'c.js': "export default () => 'no package';",
    'd.js': "import { awaited } from 'awaits';\nexport default () => awaited;",
  });
  const together = await project.make(new VendorStore('one', null), [
    'a.js',
    'b.js',
    'c.js',
    'd.js',
  ]);
  for (const entry of ['a.js', 'b.js', 'c.js', 'd.js']) {
    const alone = await project.make(new VendorStore('one', null), [entry]);
    const beside = together?.files.find(({ path }) => path === entry)?.content;
    expect(Buffer.from(beside ?? []).toString(), entry).toBe(alone?.code);
  }
});

test('stacks lead to the lines of own code and of packages', async () => {
  const project = new Project({
    'index.js': "import fail from 'throws';\n\nexport default () => {\n  fail();\n};",
  });
  const { code = '', map = '' } = (await project.make(new VendorStore('one', null))) ?? {};
  const { default: fail } = await loadCode(code);
  const { stack = '' } = await Promise.try(fail as () => never).catch((error: Error) => error);
  const { calls, frame } = resolveStack(stack, map, 'main.js');
  expect(calls.map(({ file, line }) => `${file}:${line}`)).toEqual([
    'node_modules/throws/index.js:3',
    'index.js:4',
  ]);
  expect(frame).toEqual([]);
  const own = resolveStack(stack.split('\n').toSpliced(1, 1).join('\n'), map, 'main.js');
  expect(own.frame.join('\n')).toContain('fail();');
});

const WHOLE: { title: string; files: Files; link?: [from: string, to: string] }[] = [
  {
    title: 'another folder of packages on the way',
    files: {
      'sub/index.js': "import cjs from 'cjs';\nexport default () => cjs;",
      'sub/node_modules/cjs/index.js': "module.exports = 'another';",
    },
  },
  {
    title: 'a package that is a folder of the repository',
    files: {
      'sub/index.js': "import own from 'own';\nexport default () => own;",
      'packages/own/index.js': "module.exports = 'another';",
    },
    link: ['../packages/own', 'node_modules/own'],
  },
  {
    title: 'the repository itself by its name',
    files: {
      'package.json': '{"name":"itself","exports":{"./other":"./other.js"}}',
      'sub/index.js': "import own from 'itself/other';\nexport default () => own;",
      'other.js': "export default 'another';",
    },
  },
];

for (const { title, files, link } of WHOLE) {
  test(`${title}: nothing is bundled apart`, async () => {
    const project = new Project(files);
    if (link !== undefined) symlinkSync(link[0], join(project.root, link[1]));
    const made = await project.make(new VendorStore('one', null), ['sub/index.js']);
    expect(made?.code).not.toContain('__vendor$fn');
    expect(await handled(made)).toBe('another');
  });
}

test('settings of a package’s tsconfig need the package', async () => {
  const project = new Project({
    'tsconfig.json': '{"extends":"cjs/tsconfig.json"}',
    'index.ts': "import cjs from 'cjs';\nexport default () => cjs();",
    'node_modules/cjs/tsconfig.json': '{}',
  });
  const store = new VendorStore('one', null);
  expect(await handled(await project.make(store, ['index.ts']))).toBe('cjs');
  project.uninstall();
  expect(await project.make(await copyOf(store), ['index.ts'])).toBeNull();
});

test('what is no store, or half of one, is none', async () => {
  const project = new Project({
    'index.js': "import cjs from 'cjs';\nexport default () => cjs();",
  });
  const store = new VendorStore('one', null);
  await project.make(store);
  const whole = Buffer.concat([...store.encode()]);
  for (const stored of [
    Buffer.alloc(0),
    Buffer.from('nonsense'),
    whole.subarray(0, whole.length / 2),
  ]) {
    expect(await VendorStore.read(Readable.from([stored]))).toBeNull();
  }
  const spoilt = Buffer.from(whole).fill(0, whole.length - 20);
  const read = await VendorStore.read(Readable.from([spoilt]));
  project.uninstall();
  expect(await project.make(read)).toBeNull();
});

import { execFileSync, spawnSync } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ERROR_TABLE } from '../src/protocol/errors.ts';

/** The rules of the house that a machine can hold. */
const PROJECT = resolve(import.meta.dirname, '..');
const MAX_FILE_LINES = 300;

const files = trackedFiles('src', 'test', 'bench').filter(
  (path) => path.endsWith('.ts') && !path.startsWith('test/fixtures/'),
);

const read = (path: string): Promise<string> => readFile(join(PROJECT, path), 'utf8');

describe('the source', () => {
  const source = files.filter((path) => path.startsWith('src/'));

  it('is in files that one can read, or that say why they are longer', async () => {
    const long: string[] = [];
    for (const path of source) {
      const text = await read(path);
      const saysWhy = /over 300 lines/i.test(text.slice(0, 1500));
      if (text.split('\n').length > MAX_FILE_LINES && !saysWhy) long.push(path);
    }
    expect(long).toEqual([]);
  });

  const homes: [string, RegExp, (path: string) => boolean][] = [
    [
      'process.env',
      /process\.env\b/,
      (path) =>
        ['src/main/config/env.ts', 'src/cli/environment.ts', 'src/main/demo.ts'].includes(path) ||
        path.startsWith('src/worker/') ||
        path === 'src/runtimes/nodejs/prober.ts' ||
        path === 'src/git/git-environment.ts',
    ],
    ['console.', /\bconsole\.\w+\(/, (path) => /^src\/(cli|main|worker)\//.test(path)],
    ['as any', /\bas any\b/, () => false],
    ['@ts-ignore', /@ts-(ignore|expect-error)/, () => false],
  ];

  it.each(homes)('has %s only where it belongs', async (_, pattern, isHome) => {
    const strays: string[] = [];
    for (const path of source) {
      if (!isHome(path) && pattern.test(withoutComments(await read(path)))) strays.push(path);
    }
    expect(strays).toEqual([]);
  });

  it('has no folder that the code map leaves out', async () => {
    const map = await read('ARCHITECTURE.md');
    const folders = new Set(source.map((path) => path.split('/')[1]));
    expect([...folders].filter((folder) => !map.includes(`\`${folder}/\``))).toEqual([]);
  });

  it('introduces each stage with a paragraph in its index.ts of at most 30 lines', async () => {
    for (const path of source.filter((name) => /^src\/[a-z]+\/index\.ts$/.test(name))) {
      const text = await read(path);
      expect(text, path).toMatch(/^\/\*\*\n/);
      expect(text.split('\n').length, path).toBeLessThanOrEqual(31);
    }
  });
});

describe('the tests', () => {
  it('signal nobody but whom they have found: to process 0 means to everybody here', async () => {
    for (const path of files.filter((name) => name.startsWith('test/'))) {
      expect(await read(path), path).not.toMatch(/\bkill\([^)\n]*\?\? 0\b/);
    }
  });

  it('leave out no other test', async () => {
    for (const path of files.filter(
      (name) => name.endsWith('.test.ts') && !name.includes('tidy'),
    )) {
      expect(await read(path), path).not.toMatch(/\b(it|describe|test)\.(only|skip|todo)\b/);
    }
  });
});

describe('the documents', () => {
  it('describe every variable that the platform reads', async () => {
    const documented = await read('docs/configuration.md');
    const names = [...(await read('src/main/config/env.ts')).matchAll(/'([A-Z][A-Z_]{3,})'/g)];
    expect(names.length).toBeGreaterThan(5);
    for (const [, name] of names) expect(documented).toContain(`\`${name}\``);
  });

  it('name no file that has moved', async () => {
    const all = trackedFiles('.');
    const strays: string[] = [];
    for (const page of all.filter((path) => path.endsWith('.md'))) {
      for (const [, name = ''] of (await read(page)).matchAll(/`([\w./-]+\.ts)`/g)) {
        if (!all.some((path) => path === name || path.endsWith(`/${name}`))) {
          strays.push(`${page}: ${name}`);
        }
      }
    }
    expect(strays).toEqual([]);
  });

  it('give every error a status and an exit code that tools can rely on', () => {
    for (const [code, { status, exit }] of Object.entries(ERROR_TABLE)) {
      expect(status, code).toBeGreaterThanOrEqual(400);
      expect(exit, code).toBeGreaterThanOrEqual(1);
    }
  });
});

describe('the layers', () => {
  /** One violation of each rule; the linter must refuse every one of them. */
  const violations: [path: string, text: string][] = [
    ['src/std/clock.ts', "import { slugForRef } from '../model/slug.ts';\nslugForRef();\n"],
    [
      'src/model/app.ts',
      "import { PlatformError } from '../protocol/errors.ts';\nPlatformError();\n",
    ],
    ['src/protocol/rpc.ts', "import { createPool } from '../pool/index.ts';\ncreatePool();\n"],
    ['src/store/apps.ts', "import { can } from '../access/index.ts';\ncan();\n"],
    ['src/router/door.ts', "import { createPool } from '../pool/index.ts';\ncreatePool();\n"],
    [
      'src/router/table.ts',
      "import { openDatabase } from '../store/database.ts';\nopenDatabase();\n",
    ],
    [
      'src/certs/orders/order.ts',
      "import { createBuilds } from '../../build/index.ts';\ncreateBuilds();\n",
    ],
    ['src/deploy/push.ts', "import { createBuilds } from '../build/index.ts';\ncreateBuilds();\n"],
    ['src/worker/main.ts', "import { systemClock } from '../std/clock.ts';\nsystemClock();\n"],
    ['src/builder/main.ts', "import { slugForRef } from '../model/slug.ts';\nslugForRef();\n"],
    [
      'src/cli/commands/rollback.ts',
      "import { openDatabase } from '../../store/database.ts';\nopenDatabase();\n",
    ],
    ['src/api/a.ts', "import { b } from './b.ts';\nexport const a = b;\n"],
    ...foldersBelowMain().map((path): [string, string] => [
      `${path}/strays.ts`,
      `import { main } from '${'../'.repeat(path.split('/').length - 1)}main/main.ts';\nmain();\n`,
    ]),
  ];

  /** What is like one, and none. */
  const allowed: [path: string, text: string][] = [
    ['src/api/b.ts', "import { a } from './a.ts';\nexport const b = a;\n"],
    ['src/api/c.ts', "import { openDatabase } from '../store/database.ts';\nopenDatabase();\n"],
    ['src/api/apps/d.ts', "import { view } from '../functions/view.ts';\nview();\n"],
    [
      'src/deploy/e.ts',
      "import type { Builds } from '../build/index.ts';\nexport type E = Builds;\n",
    ],
    ['src/builder/f.ts', "import { manifest } from '../model/manifest.ts';\nmanifest();\n"],
    ['src/main/g.ts', "import { createPool } from '../pool/index.ts';\ncreatePool();\n"],
  ];

  let folder: string;
  let refused: Set<string>;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'gitfn-layers-'));
    await cp(join(PROJECT, 'oxlint.config.ts'), join(folder, 'oxlint.config.ts'));
    await symlink(join(PROJECT, 'node_modules'), join(folder, 'node_modules'));
    for (const [path, text] of [...violations, ...allowed]) {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await writeFile(join(folder, path), text);
    }
    const { stdout } = spawnSync(
      join(PROJECT, 'node_modules/.bin/oxlint'),
      ['--format=json', 'src'],
      { cwd: folder, encoding: 'utf8' },
    );
    const { diagnostics } = JSON.parse(stdout) as {
      diagnostics: { code: string; filename: string }[];
    };
    refused = new Set(
      diagnostics
        .filter(({ code }) => /no-restricted-imports|no-cycle/.test(code))
        .map(({ filename }) => filename),
    );
  });

  afterAll(() => rm(folder, { recursive: true, force: true }));

  it.each(violations)('refuse the import in %s', (path) => {
    expect(refused).toContain(path);
  });

  it.each(allowed.slice(1))('allow the import in %s', (path) => {
    expect(refused).not.toContain(path);
  });
});

function trackedFiles(...folders: string[]): string[] {
  const args = ['ls-files', '-co', '--exclude-standard', ...folders];
  return execFileSync('git', args, { cwd: PROJECT, encoding: 'utf8' }).trim().split('\n');
}

/** Every folder with sources, however deep, but those of `main`, which sees everything. */
function foldersBelowMain(): string[] {
  const folders = files.filter((path) => path.startsWith('src/')).map((path) => dirname(path));
  return [...new Set(folders)].filter((path) => !/^src\/main\b/.test(path)).sort();
}

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '');
}

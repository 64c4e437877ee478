import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join, normalize } from 'node:path';
import { nearestName } from './nearest-name.ts';

export type EntrySearch =
  | { kind: 'found'; file: string }
  | { kind: 'none'; message: string; hint: string };

/** In the order in which they are tried: source before what was compiled from it. */
const EXTENSIONS = ['ts', 'mts', 'cts', 'tsx', 'js', 'mjs', 'cjs', 'jsx'];

/** Entry files of languages that are recognised and cannot be deployed. */
const FOREIGN_ENTRIES: Record<string, string> = {
  'main.py': 'Python',
  'app.py': 'Python',
  'handler.py': 'Python',
  'handler.rb': 'Ruby',
  'config.ru': 'Ruby',
  'main.go': 'Go',
  'Cargo.toml': 'Rust',
};

const ACCEPTED =
  'index.ts or handler.ts (also .js, .mjs, .cjs, .mts, .cts, .tsx, .jsx), "main" in package.json, ' +
  'src/index.ts, functions/*.ts, api/*.ts, files below public/, or { "entry": "path/to/file.ts" } in fn.json';

/** Finds the file whose exports are the function. `entry` is what fn.json names, and then the only candidate. */
export function findEntry(root: string, entry: string | null): EntrySearch {
  if (entry !== null) return namedEntry(root, entry);
  const file =
    firstFile(root, [...withExtensions('index'), ...withExtensions('handler')]) ??
    packageMain(root) ??
    firstFile(root, [...withExtensions('src/index'), ...withExtensions('src/handler')]);
  return file === null ? nothingFound(root) : { kind: 'found', file };
}

/** The entry that a repository has beside the functions of functions/ and api/: only one that can be nothing else. */
export function findRootEntry(root: string): string | null {
  return firstFile(root, [...withExtensions('index'), ...withExtensions('handler')]);
}

function namedEntry(root: string, entry: string): EntrySearch {
  const file = normalize(entry);
  const isInside = !file.startsWith('..') && !file.startsWith('/');
  if (isInside && isFile(join(root, file))) return { kind: 'found', file };
  if (!isInside) {
    return {
      kind: 'none',
      message: 'which lies outside the repository',
      hint: 'name a file of the repository, relative to its root',
    };
  }
  const folder = join(root, file, '..');
  const others = existsSync(folder) ? readdirSync(folder) : [];
  const nearest = nearestName(file.split('/').at(-1) ?? '', others);
  return {
    kind: 'none',
    message: 'and the pushed commit has no such file',
    hint:
      nearest === null
        ? 'name a file of the repository, relative to its root; is it committed?'
        : `did you mean ${normalize(join(file, '..', nearest))}?`,
  };
}

/** `main` of package.json where it names a file that is there: a build output often is not committed. */
function packageMain(root: string): string | null {
  const { main } = readPackage(root);
  if (typeof main !== 'string' || main === '') return null;
  const file = normalize(main).replace(/\/$/, '');
  if (file.startsWith('..') || file.startsWith('/')) return null;
  return firstFile(root, [file, ...withExtensions(file), ...withExtensions(join(file, 'index'))]);
}

function hasWorkspaces(root: string): boolean {
  return readPackage(root).workspaces !== undefined || isFile(join(root, 'pnpm-workspace.yaml'));
}

function readPackage(root: string): { main?: unknown; workspaces?: unknown } {
  try {
    const value: unknown = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    return {}; // No package.json, or one that esbuild will report.
  }
}

function nothingFound(root: string): EntrySearch {
  const names = readdirSync(root);
  const foreign = Object.entries(FOREIGN_ENTRIES).find(([name]) => names.includes(name));
  if (foreign !== undefined) {
    return {
      kind: 'none',
      message: `${foreign[0]} looks like ${foreign[1]}, and this version deploys JavaScript and TypeScript only`,
      hint: `add ${ACCEPTED}`,
    };
  }
  const programs = names.filter((name) => /\.[cm]?[jt]sx?$/.test(name) && !name.endsWith('.d.ts'));
  const only = programs.length === 1 ? programs[0] : undefined;
  if (programs.length === 0 && names.includes('index.html')) {
    return {
      kind: 'none',
      message: 'no function was found, and no public folder',
      hint: 'a site of files alone lies in public/, or fn.json names its folder: { "public": "." }',
    };
  }
  if (hasWorkspaces(root)) {
    return {
      kind: 'none',
      message: 'no function was found in the root of these workspaces',
      hint: 'name the folder to deploy in fn.json: { "rootDirectory": "apps/web" }',
    };
  }
  return {
    kind: 'none',
    message: names.length === 0 ? 'the pushed commit has no files' : 'no function was found',
    hint:
      only === undefined
        ? `accepted: ${ACCEPTED}`
        : `rename ${only} to index${only.slice(only.lastIndexOf('.'))}, or add fn.json with { "entry": "${only}" }`,
  };
}

export function withExtensions(stem: string): string[] {
  return EXTENSIONS.map((extension) => `${stem}.${extension}`);
}

export function firstFile(root: string, candidates: string[]): string | null {
  return candidates.find((candidate) => isFile(join(root, candidate))) ?? null;
}

export function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}

import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join, normalize } from 'node:path';
import type { BuildProblem } from '../protocol/builder.ts';
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
  'src/index.ts, or { "entry": "path/to/file.ts" } in fn.json';

/** Finds the file whose exports are the function. `entry` is what fn.json names, and then the only candidate. */
export function findEntry(root: string, entry: string | null): EntrySearch {
  if (entry !== null) return namedEntry(root, entry);
  const file =
    firstFile(root, [...withExtensions('index'), ...withExtensions('handler')]) ??
    packageMain(root) ??
    firstFile(root, [...withExtensions('src/index'), ...withExtensions('src/handler')]);
  return file === null ? nothingFound(root) : { kind: 'found', file };
}

/** The same as a problem. */
export function entryProblem({ message, hint }: { message: string; hint: string }): BuildProblem {
  return { message, hint, at: null, frame: [] };
}

function namedEntry(root: string, entry: string): EntrySearch {
  const file = normalize(entry);
  if (!file.startsWith('..') && isFile(join(root, file))) return { kind: 'found', file };
  const folder = join(root, file, '..');
  const others = existsSync(folder) ? readdirSync(folder) : [];
  const nearest = file.startsWith('..') ? null : nearestName(file.split('/').at(-1) ?? '', others);
  return {
    kind: 'none',
    message: `"entry" in fn.json names ${entry}, and the pushed commit has no such file`,
    hint:
      nearest === null
        ? 'name a file of the repository, relative to its root; is it committed?'
        : `did you mean ${normalize(join(file, '..', nearest))}?`,
  };
}

/** `main` of package.json where it names a file that is there: a build output often is not committed. */
function packageMain(root: string): string | null {
  let main: unknown;
  try {
    main = (JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { main?: unknown })
      .main;
  } catch {
    return null; // No package.json, or one that esbuild will report.
  }
  if (typeof main !== 'string' || main === '') return null;
  const file = normalize(main).replace(/\/$/, '');
  if (file.startsWith('..') || file.startsWith('/')) return null;
  return firstFile(root, [file, ...withExtensions(file), ...withExtensions(join(file, 'index'))]);
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
  return {
    kind: 'none',
    message: names.length === 0 ? 'the pushed commit has no files' : 'no function was found',
    hint:
      only === undefined
        ? `accepted: ${ACCEPTED}`
        : `rename ${only} to index${only.slice(only.lastIndexOf('.'))}, or add fn.json with { "entry": "${only}" }`,
  };
}

function withExtensions(stem: string): string[] {
  return EXTENSIONS.map((extension) => `${stem}.${extension}`);
}

function firstFile(root: string, candidates: string[]): string | null {
  return candidates.find((candidate) => isFile(join(root, candidate))) ?? null;
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}

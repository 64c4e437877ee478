import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BuildProblem } from '../../protocol/builder.ts';
import { problem } from './problem.ts';

/** What installs depend on; everything else of a package.json is its owner's business. */
export interface PackageJson {
  name?: string;
  main?: string;
  packageManager?: string;
  scripts: Record<string, string>;
  dependencies: Record<string, string>;
  devDependencies: Record<string, string>;
  optionalDependencies: Record<string, string>;
  workspaces: string[];
  /** As it stands, for what few fields mean something to one package manager only. */
  raw: Record<string, unknown>;
}

export const PACKAGE_FILE = 'package.json';
/** The fields whose packages are fetched. */
export const DEPENDENCY_FIELDS = [
  'dependencies',
  'optionalDependencies',
  'devDependencies',
] as const;

const MAX_WORKSPACES = 500;

export type PackageReading =
  | { kind: 'read'; package: PackageJson }
  | { kind: 'none' }
  | { kind: 'failed'; problem: BuildProblem };

/** The package.json of a folder; `file` is how messages name it. */
export function readPackageJson(folder: string, file: string): PackageReading {
  const path = join(folder, PACKAGE_FILE);
  if (!existsSync(path)) return { kind: 'none' };
  try {
    const raw = JSON.parse(readFileSync(path, 'utf8').replace(/^\uFEFF/, '')) as unknown;
    if (typeof raw !== 'object' || raw === null || Array.isArray(raw)) throw new Error('no object');
    return { kind: 'read', package: toPackageJson(raw as Record<string, unknown>) };
  } catch (error) {
    const message = `${file} cannot be read: ${(error as Error).message}`;
    return { kind: 'failed', problem: problem(message) };
  }
}

function toPackageJson(raw: Record<string, unknown>): PackageJson {
  const text = (value: unknown): string | undefined =>
    typeof value === 'string' && value !== '' ? value : undefined;
  const name = text(raw['name']);
  const main = text(raw['main']);
  const packageManager = text(raw['packageManager']);
  return {
    ...(name !== undefined && { name }),
    ...(main !== undefined && { main }),
    ...(packageManager !== undefined && { packageManager }),
    scripts: textMap(raw['scripts']),
    dependencies: textMap(raw['dependencies']),
    devDependencies: textMap(raw['devDependencies']),
    optionalDependencies: textMap(raw['optionalDependencies']),
    workspaces: workspacePatterns(raw['workspaces']),
    raw,
  };
}

function textMap(value: unknown): Record<string, string> {
  if (typeof value !== 'object' || value === null) return {};
  const entries = Object.entries(value).filter(([, item]) => typeof item === 'string');
  return Object.fromEntries(entries);
}

/** npm's list, or Yarn's object around it. */
function workspacePatterns(value: unknown): string[] {
  const list: unknown = Array.isArray(value)
    ? value
    : (value as { packages?: unknown } | null | undefined)?.packages;
  return Array.isArray(list) ? list.filter((item): item is string => typeof item === 'string') : [];
}

/** Folders of the workspaces below `root`, relative and sorted; pnpm lists them in a file of its own. */
export function workspaceFolders(root: string, { workspaces }: PackageJson): string[] {
  const patterns = [...workspaces, ...pnpmPatterns(root)].filter(
    (pattern) => !pattern.startsWith('/') && !pattern.split('/').includes('..'),
  );
  const wanted = patterns.filter((pattern) => !pattern.startsWith('!'));
  const found = wanted.flatMap((pattern) =>
    globSync(`${pattern.replace(/\/+$/, '')}/${PACKAGE_FILE}`, {
      cwd: root,
      exclude: (name) => name === 'node_modules',
    }),
  );
  const folders = found.map((path) => path.slice(0, -PACKAGE_FILE.length - 1));
  return [...new Set(folders)].sort().slice(0, MAX_WORKSPACES);
}

/** The list items below `packages:`; nothing else of that file matters here. */
function pnpmPatterns(root: string): string[] {
  const path = join(root, 'pnpm-workspace.yaml');
  if (!existsSync(path)) return [];
  const block = /^packages:\s*\n((?:[ \t]*(?:-.*|#.*)?\n?)*)/m.exec(readFileSync(path, 'utf8'));
  const items = block?.[1]?.matchAll(/^\s*-\s*['"]?([^'"#\n]+?)['"]?\s*(?:#.*)?$/gm) ?? [];
  return [...items].map(([, pattern = '']) => pattern);
}

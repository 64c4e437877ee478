import { readFileSync, realpathSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { parsePositionedJson, toPlainValue } from './positioned-json.ts';
import type { SourceFiles } from './source-files.ts';

export interface TsconfigChain {
  /** Itself and what it extends, those that are there; empty when it is not there. */
  files: string[];
  /** It maps imports to folders, or cannot be read and might. */
  hasPaths: boolean;
  /** False: it may extend more than `files`. */
  isWhole: boolean;
}

/** Longer chains are circles. */
const MAX_CHAIN = 256;
/** Packages of settings are small. */
const MAX_PACKAGE_ENTRIES = 1000;

/** A tsconfig.json with all that it extends, of the repository and of installed packages. */
export function readTsconfigChain(source: SourceFiles, path: string): TsconfigChain {
  const chain: TsconfigChain = { files: [], hasPaths: false, isWhole: true };
  const waiting = [path];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (source.sha256(next) === null || chain.files.includes(next)) continue;
    if (chain.files.length === MAX_CHAIN) return { ...chain, hasPaths: true, isWhole: false };
    chain.files.push(next);
    const settings = readSettings(join(source.root, next));
    const options = settings?.compilerOptions;
    chain.hasPaths ||= settings === null || options?.paths !== undefined;
    chain.hasPaths ||= options?.baseUrl !== undefined;
    for (const base of [settings?.extends ?? []].flat()) {
      const targets = typeof base === 'string' ? findBase(source, next, base) : [];
      if (targets === null) chain.isWhole = false;
      else waiting.push(...targets);
    }
  }
  return chain;
}

/** The files that `extends` may mean; null when they cannot be told. */
function findBase(source: SourceFiles, file: string, base: string): string[] | null {
  if (base.startsWith('/')) return null;
  if (!base.startsWith('.')) return packageSettings(source, dirname(file), base);
  // A workspace is seen by a link, and may mean what is beside the link or beside itself.
  const real = relative(source.root, realpathSync(join(source.root, file)));
  const targets = [join(dirname(file), base), join(dirname(real), base)];
  // TypeScript takes the name with and without its ending.
  return targets.flatMap((target) => [target, `${target}.json`]);
}

/** All JSON of a package, wherever it is installed above the folder: its "exports" may lead to any of it. */
function packageSettings(source: SourceFiles, folder: string, base: string): string[] | null {
  const parts = base.split('/').slice(0, base.startsWith('@') ? 2 : 1);
  const waiting = foldersUp(folder).map((above) => join(above, 'node_modules', ...parts));
  // An array takes what is added while it is walked through. What is a file has no names in it.
  for (const path of waiting) {
    if (waiting.length > MAX_PACKAGE_ENTRIES) return null;
    const names = source.names(path).filter((name) => name !== 'node_modules');
    waiting.push(...names.map((name) => join(path, name)));
  }
  return waiting.filter((path) => path.endsWith('.json'));
}

/** `a/b` → `a/b`, `a`, `.`. */
function foldersUp(folder: string): string[] {
  return folder === '.' ? ['.'] : [folder, ...foldersUp(dirname(folder))];
}

interface Settings {
  extends?: unknown;
  compilerOptions?: { paths?: unknown; baseUrl?: unknown };
}

function readSettings(path: string): Settings | null {
  try {
    return toPlainValue(parsePositionedJson(readFileSync(path, 'utf8'))) as Settings | null;
  } catch {
    return null; // esbuild reports what it cannot read.
  }
}

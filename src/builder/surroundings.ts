import { createHash, randomUUID } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { BuildContext } from './build-context.ts';
import type { SourceFiles } from './source-files.ts';
import { readTsconfigChain } from './tsconfig-chain.ts';

/** Files that say how imports of the files below their folder are resolved. */
const SETTINGS = ['package.json'];
const TSCONFIGS = ['tsconfig.json', 'jsconfig.json'];

interface SurroundingsState extends Pick<BuildContext, 'links' | 'settledFolders'> {
  source: SourceFiles;
}

/**
 * A hash of all that decides what the imports of these files lead to, without being one of them:
 *
 *     beside each file       names with the same stem: `a.tsx` would be taken before `a.ts`
 *     beside each folder     names with the same stem: `lib.ts` would be taken before `lib/index.ts`
 *     in each folder above   package.json, tsconfig.json with what it extends, the names in node_modules where
 *                            nothing else stands for its content
 *     symbolic links         all of the repository
 *     with "paths"           the names of all files: fallbacks may lead anywhere
 */
export function hashSurroundings(
  files: readonly string[],
  { source, links, settledFolders }: SurroundingsState,
): string {
  const hash = createHash('sha256');
  const note = (...parts: (string | null)[]): void =>
    void hash.update(`${JSON.stringify(parts)}\n`);
  const folders = new Set<string>();
  for (const file of files) {
    note('beside', file, ...source.namesLike(file));
    for (let folder = parentOf(file); folder !== null; folder = parentOf(folder))
      folders.add(folder);
  }
  let isAnywhere = false;
  for (const folder of [...folders].sort()) {
    if (folder !== '') note('beside', folder, ...source.namesLike(folder));
    for (const name of SETTINGS) note('settings', folder, name, source.sha256(join(folder, name)));
    for (const name of TSCONFIGS) {
      const chain = readTsconfigChain(source, join(folder, name));
      for (const file of chain.files) note('settings', file, source.sha256(file));
      isAnywhere ||= chain.hasPaths;
      if (!chain.isWhole) note('unknown', randomUUID());
    }
    const packages = join(folder, 'node_modules/');
    if (!settledFolders.includes(packages)) note('packages', folder, ...namesIn(source, packages));
  }
  for (const link of links) note('link', link);
  if (isAnywhere) note('all', ...allFiles(source.root));
  return hash.digest('hex');
}

/** '' is the repository's root, which has no parent. */
function parentOf(path: string): string | null {
  if (path === '') return null;
  const parent = dirname(path);
  return parent === '.' ? '' : parent;
}

function namesIn(source: SourceFiles, packages: string): string[] {
  return source.names(packages).flatMap((name) => {
    if (!name.startsWith('@')) return [name];
    return source.names(join(packages, name)).map((inner) => `${name}/${inner}`);
  });
}

function allFiles(root: string): string[] {
  const paths: string[] = [];
  const walk = (folder: string): void => {
    for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
      const path = join(folder, entry.name);
      if (entry.name === 'node_modules') continue;
      if (entry.isDirectory()) walk(path);
      else paths.push(path);
    }
  };
  walk('');
  return paths.sort();
}

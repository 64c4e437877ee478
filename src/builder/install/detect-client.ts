import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { BuildProblem } from '../../protocol/builder.ts';
import type { PackageJson } from './package-json.ts';
import { problem } from './problem.ts';

export type ClientName = 'npm' | 'pnpm' | 'yarn' | 'yarnBerry';

/** Which package manager installs, where, by which lockfile. */
export interface DetectedClient {
  client: ClientName;
  /** Folder of the lockfile, relative to the repository; empty for its root. */
  folder: string;
  lockfile: string;
}

export type Detection =
  | { kind: 'detected'; detected: DetectedClient }
  | { kind: 'no-lockfile' }
  | { kind: 'failed'; problem: BuildProblem };

/** In npm's order of precedence; one file per family is enough to tell it. */
const LOCKFILES: [file: string, family: 'npm' | 'pnpm' | 'yarn'][] = [
  ['npm-shrinkwrap.json', 'npm'],
  ['package-lock.json', 'npm'],
  ['pnpm-lock.yaml', 'pnpm'],
  ['yarn.lock', 'yarn'],
];
const FOREIGN_LOCKFILES: Record<string, string> = {
  'bun.lock': 'Bun',
  'bun.lockb': 'Bun',
  'deno.lock': 'Deno',
};

/** Looks from the app's folder up to the repository's root for the nearest lockfile. */
export function detectClient(root: string, appFolder: string, app: PackageJson): Detection {
  for (const folder of foldersUp(appFolder)) {
    const found = LOCKFILES.filter(([file]) => existsSync(join(root, folder, file)));
    if (found.length > 0) return chooseClient(root, { folder, found, app });
    const foreign = Object.keys(FOREIGN_LOCKFILES).find((file) =>
      existsSync(join(root, folder, file)),
    );
    if (foreign !== undefined) return { kind: 'failed', problem: foreignProblem(foreign) };
  }
  return { kind: 'no-lockfile' };
}

/** `apps/api` → `apps/api`, `apps`, ``. */
function foldersUp(folder: string): string[] {
  if (folder === '' || folder === '.') return [''];
  return [folder, ...foldersUp(dirname(folder))];
}

function chooseClient(
  root: string,
  { folder, found, app }: { folder: string; found: typeof LOCKFILES; app: PackageJson },
): Detection {
  const wanted = app.packageManager?.split('@')[0];
  const named = found.filter(([, family]) => family === wanted);
  const families = new Set(found.map(([, family]) => family));
  if (named.length === 0 && families.size > 1) {
    const files = found.map(([file]) => file);
    const message = `${files.join(' and ')} both say what is to be installed`;
    const hint = `remove the one that is out of use (git rm ${files.at(-1)}), or name the package manager in package.json: "packageManager": "npm@11.0.0"`;
    return { kind: 'failed', problem: problem(message, { hint }) };
  }
  const [file, family] = named[0] ?? found[0] ?? ['package-lock.json', 'npm'];
  const path = join(root, folder, file);
  const client = family === 'yarn' && isBerry(path) ? 'yarnBerry' : family;
  return {
    kind: 'detected',
    detected: { client, folder, lockfile: folder === '' ? file : `${folder}/${file}` },
  };
}

/** Yarn from 2 on begins its lockfile with metadata. */
function isBerry(path: string): boolean {
  return /^__metadata:/m.test(readFileSync(path, 'utf8'));
}

function foreignProblem(file: string): BuildProblem {
  return problem(
    `${file} is a lockfile of ${FOREIGN_LOCKFILES[file]}, which does not install here`,
    {
      hint: 'add one of npm beside it: npm install --package-lock-only && git add package-lock.json',
    },
  );
}

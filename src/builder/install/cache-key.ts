import { createHash } from 'node:crypto';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CLIENT_FOLDERS } from '../places.ts';
import type { DetectedClient } from './detect-client.ts';
import {
  DEPENDENCY_FIELDS,
  PACKAGE_FILE,
  type PackageJson,
  readPackageJson,
} from './package-json.ts';

/** Changes when what an archive holds, or how it is made, does. */
const FORMAT = 3;
const SETTINGS = ['.npmrc', '.yarnrc', '.yarnrc.yml', 'pnpm-workspace.yaml', '.pnpmfile.cjs'];
/** Patches that package managers apply while they install. */
const PATCHES = ['patches/**/*', '.yarn/patches/**/*'];
const FIELDS = [
  'overrides',
  'resolutions',
  'pnpm',
  'packageManager',
  'workspaces',
  'allowScripts',
  'dependenciesMeta',
];

interface Installed {
  root: string;
  detected: DetectedClient;
  withDev: boolean;
  /** Folder → package.json of the lockfile's folder and its workspaces. */
  packages: readonly { folder: string; package: PackageJson }[];
  variables: Readonly<Record<string, string>>;
  registries: readonly string[];
}

/** The name of all that decides what an installation comes out as, 64 hex digits. */
export function cacheKey(installed: Installed): string {
  const { root, detected, withDev, packages, variables, registries } = installed;
  const folder = join(root, detected.folder);
  const parts = [
    FORMAT,
    detected.client,
    // Another version may lay the same packages out differently.
    clientVersion(detected),
    process.version,
    `${process.platform}-${process.arch}`,
    withDev,
    registries,
    Object.entries(variables).sort(([a], [b]) => (a < b ? -1 : 1)),
    readFileSync(join(root, detected.lockfile), 'utf8'),
    packages.map((entry) => [entry.folder, dependencyFields(entry.package)]),
    SETTINGS.map((file) => readOptional(join(folder, file))),
    patches(folder),
  ];
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}

function clientVersion({ client }: DetectedClient): unknown {
  const reading = readPackageJson(CLIENT_FOLDERS[client], PACKAGE_FILE);
  return reading.kind === 'read' ? reading.package.raw['version'] : null;
}

function dependencyFields(content: PackageJson): unknown[] {
  const fields: unknown[] = DEPENDENCY_FIELDS.map((field) => content[field]);
  return [...fields, ...FIELDS.map((field) => content.raw[field] ?? null)];
}

function readOptional(path: string): string | null {
  return existsSync(path) ? readFileSync(path, 'utf8') : null;
}

function patches(folder: string): [string, string][] {
  const files = globSync(PATCHES, { cwd: folder, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
  return files.sort().map((path) => [path.slice(folder.length), readFileSync(path, 'latin1')]);
}

/** Gets the packages that the lockfile names into their folders: out of the app's cache, or by its package manager. */
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BuildProblem } from '../../protocol/builder.ts';
import type { BuilderServices } from './builder-services.ts';
import { cacheKey } from './cache-key.ts';
import {
  CLIENT_CACHE,
  hasScriptPolicy,
  installCommand,
  runScriptCommand,
} from './client-commands.ts';
import { installationName } from '../external-packages.ts';
import type { ClientName, DetectedClient } from './detect-client.ts';
import {
  explainInstallFailure,
  mismatchProblem,
  tailOf,
  unreachedProblem,
} from './explain-failure.ts';
import { noteFilesBesideCode } from './files-beside-code.ts';
import { packFolders, unpackFolders } from './module-archive.ts';
import { namedRegistries } from './named-registries.ts';
import { hasSameMeaning, olderYarnLock } from './older-yarn-lock.ts';
import { VendorStore, vendorKey } from '../vendor/vendor-store.ts';
import type { PackageJson } from './package-json.ts';
import { type Command, type CommandEnd, runCommand } from './run-command.ts';

export interface PackagesRequest {
  root: string;
  detected: DetectedClient;
  withDev: boolean;
  /** By a command of the project's own, when packages are there. */
  isBuilt: boolean;
  /** The lockfile's folder first, then its workspaces. */
  packages: readonly { folder: string; package: PackageJson }[];
  environment: Readonly<Record<string, string>>;
  /** The build-scoped ones that the environment has. */
  variables: Readonly<Record<string, string>>;
  registries: readonly string[];
  /** Why connections were refused until now. */
  refusals: readonly string[];
  /** Aborts when there is no registry to be had. */
  unreached: AbortSignal;
  /** Keys that this app has caches of. */
  caches: readonly string[];
  diskMib: number;
  memoryMib: number;
  services: BuilderServices;
  report: (line: string) => void;
}

export interface InstalledPackages {
  kind: 'installed';
  key: string;
  /** Null when the project's own scripts ran, which may have changed it since. */
  settled: SettledPackages | null;
  /** Resolves when the cache has gone on its way; the build need not wait for it before its end. */
  stored: Promise<void>;
  /** Brings what was left in the cache because hardly anybody reads it; nothing the second time. */
  complete: () => Promise<void>;
}

interface SettledPackages {
  /** The name of this very installation, in the cache too: another one from the same lockfile has its own. */
  installation: string;
  /** Where it lies, `node_modules/`, relative to the repository. */
  folders: string[];
}

/** What a client runs of the project's own scripts; run again when packages come out of the cache. */
const INSTALL_SCRIPTS = ['preinstall', 'install', 'postinstall'];
const ALL_SCRIPTS = [...INSTALL_SCRIPTS, 'prepare'];
const PROJECT_SCRIPTS: Record<ClientName, { root: string[]; workspaces: string[] }> = {
  npm: { root: ALL_SCRIPTS, workspaces: ALL_SCRIPTS },
  pnpm: { root: ALL_SCRIPTS, workspaces: ALL_SCRIPTS },
  yarn: { root: ALL_SCRIPTS, workspaces: INSTALL_SCRIPTS },
  yarnBerry: { root: INSTALL_SCRIPTS, workspaces: INSTALL_SCRIPTS },
};
const MODULES = 'node_modules';

export async function installPackages(
  request: PackagesRequest,
): Promise<InstalledPackages | { kind: 'failed'; problem: BuildProblem }> {
  const key = cacheKey(request);
  if (request.caches.includes(key) && (await restore(request, key))) {
    const problem = await runProjectScripts(request);
    if (problem !== null) return { kind: 'failed', problem };
    return {
      kind: 'installed',
      key,
      settled: settledPackages(request),
      stored: Promise.resolve(),
      complete: completion(request, key),
    };
  }
  removeModules(request);
  const problem = await install(request);
  if (problem !== null) return { kind: 'failed', problem };
  return {
    kind: 'installed',
    key,
    settled: settledPackages(request),
    stored: storeModules(request, key),
    complete: () => Promise.resolve(),
  };
}

type CachedPackages = Pick<
  PackagesRequest,
  'root' | 'detected' | 'withDev' | 'isBuilt' | 'packages' | 'variables' | 'registries' | 'caches'
>;

/**
 * What builds have made of packages that are in the cache, so that hardly any has to read these themselves. Null when
 * they are not there, nothing was made of them, or commands may read them.
 */
export async function leaveInCache(
  request: CachedPackages,
  { services, builderVersion }: { services: BuilderServices; builderVersion: string },
): Promise<{ installed: InstalledPackages; store: VendorStore } | null> {
  const { root, packages, caches } = request;
  if (runsCommands(request)) return null;
  const key = cacheKey(request);
  const made = vendorKey(key, builderVersion);
  if (!caches.includes(key) || !caches.includes(made)) return null;
  const store = await VendorStore.read(services.readCache(made));
  if (store === null) return null;
  removeModules({ root, packages });
  const folders = moduleFolders({ packages }).map((path) => `${path}/`);
  const nothing = (): Promise<void> => Promise.resolve();
  const settled = { installation: store.installation, folders };
  const installed = {
    kind: 'installed',
    key,
    settled,
    stored: nothing(),
    complete: nothing,
  } as const;
  return { installed, store };
}

/** Commands may read anything, so what they run beside is whole from the start. */
function runsCommands({ packages, isBuilt }: CachedPackages): boolean {
  return isBuilt || isScripted(packages);
}

function isScripted(packages: PackagesRequest['packages']): boolean {
  return packages.some((entry) =>
    ALL_SCRIPTS.some((name) => entry.package.scripts[name] !== undefined),
  );
}

function completion(request: PackagesRequest, key: string): () => Promise<void> {
  const { root, services } = request;
  if (runsCommands(request)) return () => Promise.resolve();
  let completing: Promise<void> | null = null;
  return () => (completing ??= unpackFolders(services.readCache(key), root, 'seldom-read'));
}

function settledPackages(request: PackagesRequest): SettledPackages | null {
  const { root, detected, packages } = request;
  const installation = installationName(join(root, detected.folder));
  if (isScripted(packages) || installation === null) return null;
  return { installation, folders: moduleFolders(request).map((path) => `${path}/`) };
}

/** False when what is stored is of no use. */
async function restore(request: PackagesRequest, key: string): Promise<boolean> {
  const { root, services, report } = request;
  const beganAtMs = performance.now();
  removeModules(request);
  const archive = services.readCache(key);
  try {
    await unpackFolders(archive, root, runsCommands(request) ? 'all' : 'often-read');
  } catch {
    archive.resume(); // What is left of it must not hold up the connection.
    report('the stored dependencies cannot be used: installing them anew');
    return false;
  }
  report(`Dependencies as before, from the cache in ${seconds(performance.now() - beganAtMs)}`);
  return true;
}

async function install(request: PackagesRequest): Promise<BuildProblem | null> {
  const { root, detected, withDev, packages, registries, unreached } = request;
  const folder = join(root, detected.folder);
  const [first] = packages;
  const hasOwnPolicy =
    first !== undefined && hasScriptPolicy(detected.client, folder, first.package);
  const lockfile = join(root, detected.lockfile);
  if (detected.client === 'yarn') askConfiguredRegistry(lockfile, registries);
  const older = detected.client === 'yarnBerry' ? olderYarnLock(lockfile) : null;
  const options = { withDev, hasOwnPolicy, isOlderLock: older !== null };
  const { title, command } = installCommand(detected.client, options);
  request.report(`Installing dependencies: ${title}`);
  const end = await run(request, { title, command, cwd: folder, signal: unreached });
  rmSync(CLIENT_CACHE, { recursive: true, force: true }); // It lies in memory.
  if (end.code === 0 && older !== null && !hasSameMeaning(lockfile, older)) {
    return mismatchProblem(detected, []);
  }
  if (end.code === 0) {
    request.report(`Installed in ${seconds(end.elapsedMs)}`);
    for (const entry of packages) await noteFilesBesideCode(root, entry.folder);
    return null;
  }
  return explainFailure(request, title, end);
}

/** Yarn asks the very URLs of its lockfile, which name the public registry by either of its names. */
function askConfiguredRegistry(lockfile: string, [registry = '']: readonly string[]): void {
  const text = readFileSync(lockfile, 'utf8');
  const asked = text.replaceAll(
    /(resolved ")https?:\/\/registry\.(?:yarnpkg\.com|npmjs\.org)\//g,
    (_, start: string) => start + registry,
  );
  if (asked !== text) writeFileSync(lockfile, asked);
}

/** They may depend on the source, and what they make outside the folders of packages is in no cache. */
async function runProjectScripts(request: PackagesRequest): Promise<BuildProblem | null> {
  const { root, detected, packages } = request;
  if (ignoresScripts(join(root, detected.folder))) return null;
  const [top, ...workspaces] = packages;
  const { root: own, workspaces: theirs } = PROJECT_SCRIPTS[detected.client];
  for (const workspace of workspaces) {
    const problem = await runScripts(request, workspace, theirs);
    if (problem !== null) return problem;
  }
  return top === undefined ? null : runScripts(request, top, own);
}

async function runScripts(
  request: PackagesRequest,
  { folder, package: content }: PackagesRequest['packages'][number],
  names: readonly string[],
): Promise<BuildProblem | null> {
  const { root, detected } = request;
  for (const name of names) {
    if (content.scripts[name] === undefined) continue;
    const { title, command } = runScriptCommand(detected.client, name);
    const end = await run(request, { title, command, cwd: join(root, folder) });
    if (end.code === 0) continue;
    return explainFailure(request, title, end);
  }
  return null;
}

/** As npm and pnpm were told not to run any. */
function ignoresScripts(folder: string): boolean {
  const file = join(folder, '.npmrc');
  return existsSync(file) && /^\s*ignore-scripts\s*=\s*true/m.test(readFileSync(file, 'utf8'));
}

function explainFailure(request: PackagesRequest, title: string, end: CommandEnd): BuildProblem {
  const { root, detected, diskMib, memoryMib, registries, refusals, unreached } = request;
  const [registry = ''] = registries;
  const named = namedRegistries(join(root, detected.folder));
  const common = { title, registry, refusals, named };
  if (unreached.aborted) return unreachedProblem({ ...common, lines: tailOf(end) });
  return explainInstallFailure({ ...common, detected, end, diskMib, memoryMib });
}

function run(
  { environment, services, report }: PackagesRequest,
  command: Omit<Command, 'environment'>,
) {
  const { tellActivity } = services;
  return runCommand({ ...command, environment }, { report, tellActivity });
}

/** A cache that is not stored costs the next build its time, and nothing else. */
async function storeModules(request: PackagesRequest, key: string): Promise<void> {
  const folders = moduleFolders(request).filter((path) => existsSync(join(request.root, path)));
  if (folders.length === 0) return;
  try {
    await request.services.writeCache(key, packFolders(request.root, folders));
  } catch {
    // Too large, or its files change while it is packed.
  }
}

function removeModules(request: Pick<PackagesRequest, 'root' | 'packages'>): void {
  for (const path of moduleFolders(request)) {
    rmSync(join(request.root, path), { recursive: true, force: true });
  }
}

function moduleFolders({ packages }: Pick<PackagesRequest, 'packages'>): string[] {
  return packages.map(({ folder }) => join(folder, MODULES));
}

function seconds(elapsedMs: number): string {
  return `${(elapsedMs / 1000).toFixed(1)} s`;
}

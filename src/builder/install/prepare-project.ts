/**
 * What happens between unpacking the source and looking for functions in it: dependencies are installed and the
 * project's own build runs. Both are the tenant's code, and the sandbox is all that holds them.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BuildProblem } from '../../protocol/builder.ts';
import { createRedactor, type Redact } from '../../protocol/redaction.ts';
import type { BuildContext } from '../build-context.ts';
import { ExternalPackages } from '../external-packages.ts';
import { VendorStore, vendorKey } from '../vendor/vendor-store.ts';
import { type BuildPlan, planBuild, runBuild } from './build-command.ts';
import type { BuilderServices } from './builder-services.ts';
import { checkLockfile, checkSpecifiers } from './check-dependencies.ts';
import { commandEnvironment, LOCK_COMMANDS, writeClientSettings } from './client-commands.ts';
import { type DetectedClient, detectClient } from './detect-client.ts';
import { type InstalledPackages, installPackages, leaveInCache } from './install-packages.ts';
import {
  PACKAGE_FILE,
  type PackageJson,
  readPackageJson,
  workspaceFolders,
} from './package-json.ts';
import { problemInFile } from './problem.ts';
import { startForwarder } from './registry-forwarder.ts';

const DEFAULT_MEMORY_MIB = 1024;
const DISK_SHARE = 3 / 4;
const MODULES = 'node_modules/';

interface Preparation {
  /** Whether packages of which there are scripts may be left in the cache. */
  mayStayInCache: boolean;
}

/** Installs and builds as fn.json, package.json and the lockfile say; what it returns fails the build. */
export async function prepareProject(
  context: BuildContext,
  { mayStayInCache }: Preparation,
): Promise<BuildProblem[]> {
  const { folder, prefix, start, services, manifest } = context;
  const [registry] = start.registries ?? [];
  if (services === null || registry === undefined) return [];
  const { command = null, install = true } = manifest.values.build ?? {};
  const reading = readPackageJson(folder, join(prefix, PACKAGE_FILE));
  if (reading.kind === 'failed') return [reading.problem];
  const app = reading.kind === 'read' ? reading.package : null;
  const plan = planBuild(folder, { command, app });
  const found = app === null || !install ? null : findProject(context, app, plan !== null);
  if (found?.kind === 'failed') return found.problems;
  const project = found?.project ?? null;
  if (project === null && plan === null) return [];
  return run(context, { plan, project, registry, services, mayStayInCache });
}

interface Project {
  detected: DetectedClient;
  withDev: boolean;
  packages: { folder: string; package: PackageJson }[];
}

/** What is to be installed; null when nothing is. */
function findProject(
  { root, prefix: appFolder, start }: BuildContext,
  app: PackageJson,
  isBuilt: boolean,
): { kind: 'found'; project: Project | null } | { kind: 'failed'; problems: BuildProblem[] } {
  const failed = (...problems: BuildProblem[]) => ({ kind: 'failed' as const, problems });
  const detection = detectClient(root, appFolder, app);
  if (detection.kind === 'failed') {
    return needsPackages(app, true) ? failed(detection.problem) : { kind: 'found', project: null };
  }
  const registries = start.registries ?? [];
  if (detection.kind === 'no-lockfile') {
    const isCommitted = existsSync(join(root, appFolder, 'node_modules'));
    if (isCommitted || !needsPackages(app, isBuilt)) return { kind: 'found', project: null };
    const own = [{ folder: appFolder, package: app }];
    const wrong = checkSpecifiers(root, own, registries);
    return failed(...(wrong.length > 0 ? wrong : [noLockfileProblem(root, appFolder, app)]));
  }
  const { detected } = detection;
  const first = readPackageJson(join(root, detected.folder), join(detected.folder, PACKAGE_FILE));
  if (first.kind === 'failed') return failed(first.problem);
  const top = first.kind === 'read' ? first.package : app;
  const packages = [{ folder: detected.folder, package: top }, ...workspaces(root, detected, top)];
  // A project's own preparations use its tools.
  const isPrepared = packages.some((entry) => entry.package.scripts['prepare'] !== undefined);
  const withDev = isBuilt || isPrepared;
  if (!packages.some((entry) => needsPackages(entry.package, withDev))) {
    return { kind: 'found', project: null };
  }
  const problems = [
    ...checkSpecifiers(root, packages, registries),
    ...plugAndPlayProblems(root, detected),
  ];
  if (problems.length > 0) return failed(...problems);
  const lockProblems = checkLockfile(root, detected.lockfile, registries);
  if (lockProblems.length > 0) return failed(...lockProblems);
  return { kind: 'found', project: { detected, withDev, packages } };
}

function workspaces(
  root: string,
  { folder }: DetectedClient,
  top: PackageJson,
): { folder: string; package: PackageJson }[] {
  return workspaceFolders(join(root, folder), top).flatMap((name) => {
    const path = join(folder, name);
    const reading = readPackageJson(join(root, path), join(path, PACKAGE_FILE));
    return reading.kind === 'read' ? [{ folder: path, package: reading.package }] : [];
  });
}

function needsPackages(content: PackageJson, withDev: boolean): boolean {
  const maps = [content.dependencies, content.optionalDependencies];
  if (withDev) maps.push(content.devDependencies);
  return maps.some((map) => Object.keys(map).length > 0) || content.workspaces.length > 0;
}

function noLockfileProblem(root: string, folder: string, app: PackageJson): BuildProblem {
  const wanted = app.packageManager?.split('@')[0];
  const client = wanted === 'pnpm' ? 'pnpm' : wanted === 'yarn' ? 'yarn' : 'npm';
  return problemInFile(root, join(folder, PACKAGE_FILE), {
    find: (line) => /"(?:dependencies|devDependencies|optionalDependencies)"/.test(line),
    message: 'package.json names dependencies, and there is no lockfile that says which versions',
    hint: LOCK_COMMANDS[client],
  });
}

function plugAndPlayProblems(root: string, { client, folder }: DetectedClient): BuildProblem[] {
  const file = join(folder, '.yarnrc.yml');
  if (client !== 'yarnBerry' || !existsSync(join(root, file))) return [];
  const isPlugAndPlay = (line: string): boolean => /^nodeLinker:\s*["']?pnp/.test(line);
  if (!readFileSync(join(root, file), 'utf8').split('\n').some(isPlugAndPlay)) return [];
  return [
    problemInFile(root, file, {
      find: isPlugAndPlay,
      message: "functions find their packages in folders, which Yarn's Plug'n'Play does not make",
      hint: 'set nodeLinker: node-modules in .yarnrc.yml, run yarn install, and commit yarn.lock',
    }),
  ];
}

interface InstallationNote {
  services: BuilderServices;
  /** What builds have made of the packages before. */
  store?: VendorStore;
  /** False for packages that were left in the cache. */
  areThere: boolean;
}

/** What is installed, and what may be made of it. */
function noteInstallation(
  context: BuildContext,
  { key, settled, stored, complete }: InstalledPackages,
  { services, store: found = context.vendor?.store, areThere }: InstallationNote,
): void {
  context.pending.push(stored);
  context.completePackages = complete;
  context.dependencyState = settled === null ? key : `${key} ${settled.installation}`;
  context.settledFolders = settled?.folders ?? [];
  const [modules = '', ...others] = context.settledFolders;
  context.vendor = null;
  // Several folders of packages: which one an import leads to depends on where it stands.
  if (settled === null || others.length > 0) return;
  const { externals, externalsSignature } = context;
  const { installation } = settled;
  const isSame =
    found?.installation === installation && found.externalsSignature === externalsSignature;
  const store = isSame ? found : new VendorStore(installation, externalsSignature);
  const name = vendorKey(key, context.start.builderVersion ?? '');
  const save = (): void =>
    void context.pending.push(stored.then(() => services.writeCache(name, store.encode())));
  const home = modules.slice(0, -MODULES.length);
  context.vendor = { store, home, externals, areThere, save };
}

function namedExternals({ manifest }: BuildContext): readonly string[] {
  return manifest.values.build?.external ?? [];
}

function findExternals(context: BuildContext, { packages }: Project): ExternalPackages | null {
  const folders = new Set([context.prefix, ...packages.map(({ folder }) => folder)]);
  const externals = new ExternalPackages(context.root, [...folders], namedExternals(context));
  return externals.isEmpty ? null : externals;
}

interface ProjectWork extends Preparation {
  plan: BuildPlan | null;
  project: Project | null;
  registry: string;
  services: BuilderServices;
}

async function run(context: BuildContext, work: ProjectWork): Promise<BuildProblem[]> {
  const { project, plan, mayStayInCache } = work;
  const mayStay = mayStayInCache && plan === null && namedExternals(context).length === 0;
  if (project !== null && mayStay && (await isLeftInCache(context, project, work))) return [];
  return installAndBuild(context, work);
}

async function isLeftInCache(
  context: BuildContext,
  project: Project,
  { services }: ProjectWork,
): Promise<boolean> {
  const { root, start } = context;
  const { registries = [], caches = [], builderVersion = '' } = start;
  const variables = buildVariables(context);
  const request = { ...project, root, isBuilt: false, variables, registries, caches };
  const left = await leaveInCache(request, { services, builderVersion });
  if (left === null) return false;
  context.externalsSignature = left.store.externalsSignature;
  noteInstallation(context, left.installed, { services, store: left.store, areThere: false });
  return true;
}

/** Those of the build scope are secrets; what fn.json says is not. */
function buildVariables({ manifest, start }: BuildContext): Record<string, string> {
  return { ...manifest.values.build?.env, ...start.buildEnvironment };
}

async function installAndBuild(
  context: BuildContext,
  { plan, project, registry, services }: ProjectWork,
): Promise<BuildProblem[]> {
  const { root, folder, start } = context;
  const { registries = [], buildEnvironment = {} } = start;
  const variables = buildVariables(context);
  const redact = createRedactor(buildEnvironment);
  const report = (line: string): void => context.report(redact(line));
  const memoryMib = start.memoryMib ?? DEFAULT_MEMORY_MIB;
  const limits = { memoryMib, diskMib: Math.floor(memoryMib * DISK_SHARE) };
  const client = project?.detected.client ?? 'npm';
  const forwarder = await startForwarder(services);
  const { url: proxyUrl, refusals, unreached } = forwarder;
  writeClientSettings({ client, registry, proxyUrl });
  const folders = [folder, join(root, project?.detected.folder ?? '')];
  const environment = commandEnvironment({ proxyUrl, registries, folders, variables });
  const shared = { environment, services, report, ...limits };
  try {
    if (project !== null) {
      const { caches = [] } = start;
      const isBuilt = plan !== null;
      const connections = { variables, registries, refusals, unreached, caches };
      const options = { ...shared, ...project, ...connections, isBuilt, root };
      const installed = await installPackages(options);
      if (installed.kind === 'failed') return [redactProblem(installed.problem, redact)];
      context.externals = findExternals(context, project);
      context.externalsSignature = context.externals?.signature ?? null;
      const kept = isBuilt ? { ...installed, settled: null } : installed;
      noteInstallation(context, kept, { services, areThere: true });
    }
    if (plan === null) return [];
    await Promise.all(context.pending); // The build may change what is being packed.
    const failure = await runBuild({ ...shared, plan, client, cwd: folder });
    return failure === null ? [] : [redactProblem(failure, redact)];
  } finally {
    forwarder.close();
  }
}

function redactProblem(found: BuildProblem, redact: Redact): BuildProblem {
  return {
    ...found,
    message: redact(found.message),
    frame: found.frame.map(redact),
    ...(found.hint !== undefined && { hint: redact(found.hint) }),
  };
}

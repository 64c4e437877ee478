/**
 * Packages that stay outside the bundle, because they are more than their code: native addons, files that they read
 * beside it, workers and engines that they start, requires that only running tells. They are shipped as files, and the
 * bundle requires them from there.
 */
import { existsSync, lstatSync, readdirSync, readFileSync, realpathSync } from 'node:fs';
import { dirname, extname, join, relative } from 'node:path';
import type { OnResolveArgs, OnResolveResult, Plugin, PluginBuild } from 'esbuild';
import { anyOf } from './any-of.ts';
import { IS_PROBED } from './import-plugins.ts';

/** Packages of which it is known, and which no look at their folder would tell. */
const KNOWN = [
  '@google-cloud/profiler',
  '@grpc/grpc-js',
  '@opentelemetry/instrumentation',
  '@prisma/client',
  '@sentry/profiling-node',
  '@sparticuz/chromium',
  'aws-crt',
  'canvas',
  'dd-trace',
  'firebase-admin',
  'import-in-the-middle',
  'jsdom',
  'mongodb-client-encryption',
  'newrelic',
  'next',
  'oracledb',
  'pdfkit',
  'pino',
  'pino-pretty',
  'piscina',
  'playwright',
  'playwright-core',
  'puppeteer',
  'puppeteer-core',
  'require-in-the-middle',
  'sharp',
  'thread-stream',
  'tinypool',
  'typescript',
  'vscode-oniguruma',
];
/** Whoever depends on one of these loads machine code at run time. */
const ADDON_LOADERS = [
  '@mapbox/node-pre-gyp',
  'bindings',
  'node-gyp-build',
  'node-gyp-build-optional-packages',
  'node-pre-gyp',
  'prebuild-install',
  'napi-postinstall',
];
const MODULES = 'node_modules/';
/** What of the installation was found out once, when it was made; travels in the cache. */
export const FINDINGS_FILE = 'node_modules/.fn-files-beside-code.json';

const REQUIRED = 'external';
/** Namespace of modules around an ES module. */
export const IMPORTED = 'external-module';
const STANDS_OUTSIDE = new RegExp(`^(?:${REQUIRED}|${IMPORTED}):`);
const MAX_FOLDER_DEPTH = 24;

export class ExternalPackages {
  readonly #root: string;
  readonly #names: ReadonlySet<string>;
  readonly #links: ReadonlyMap<string, string>;
  /** What the bundle requires → repository files that it may be: two folders may have a package each. */
  readonly #entries = new Map<string, Set<string>>();

  /** `folders` hold the installation's node_modules; `named` are those of fn.json. Paths are relative to `root`. */
  constructor(root: string, folders: readonly string[], named: readonly string[]) {
    this.#root = root;
    const found = folders.flatMap((folder) => [
      ...readFindings(join(root, folder)),
      ...packagesIn(join(root, folder, MODULES))
        .filter(isExternal)
        .map(nameOf),
    ]);
    this.#names = new Set([...named, ...found]);
    this.#links = new Map(folders.flatMap((folder) => linksIn(join(root, folder, MODULES))));
  }

  get isEmpty(): boolean {
    return this.#names.size === 0;
  }

  /** Tells apart what decides which packages these are, and where they stand. */
  get signature(): string {
    const links = [...this.#links].map(([target, link]) => [relative(this.#root, target), link]);
    return JSON.stringify([[...this.#names].sort(), links]);
  }

  /** The repository files that a module of the bundle stands for, by its name there; none for any other module. */
  entriesAt(module: string): string[] {
    return [...(this.#entries.get(module.replace(STANDS_OUTSIDE, '')) ?? [])];
  }

  /** Where a file of an installed package stands in the bundle; null for any other file. */
  place(file: string): string | null {
    const path = relative(this.#root, file);
    const at = path.indexOf(MODULES);
    if (at === 0 || path[at - 1] === '/') return path.slice(at);
    // A workspace: its packages see it by a link.
    for (const [target, link] of this.#links) {
      if (file.startsWith(`${target}/`)) return join(link, file.slice(target.length));
    }
    return null;
  }

  /** `requireFunction` is the name by which the bundle has the worker's require. */
  plugin(requireFunction: string): Plugin {
    return {
      name: 'external-packages',
      setup: (build) => {
        const filter = new RegExp(`^${anyOf([...this.#names])}(?:/|$)`);
        build.onResolve({ filter }, (args) => this.#resolve(build, args));
        build.onLoad({ filter: /./, namespace: REQUIRED }, ({ path }) => ({
          contents: `module.exports=${requireFunction}(${JSON.stringify(path)})`,
          loader: 'js',
        }));
        // Names of a CommonJS module are looked up when it runs; its default is what the ES module exports as such.
        build.onLoad({ filter: /./, namespace: IMPORTED }, ({ path }) => {
          const from = JSON.stringify(`${REQUIRED}:${path}`);
          return {
            contents: `import whole from ${from};export * from ${from};export default whole`,
            loader: 'js',
          };
        });
        build.onResolve({ filter: /^external:/, namespace: IMPORTED }, ({ path }) => ({
          path: path.slice(REQUIRED.length + 1),
          namespace: REQUIRED,
        }));
      },
    };
  }

  async #resolve(build: PluginBuild, args: OnResolveArgs): Promise<OnResolveResult | undefined> {
    const { path, kind, importer, namespace, resolveDir, pluginData } = args;
    if (pluginData === IS_PROBED || !this.#names.has(packageName(path))) return undefined;
    const probe = { kind, importer, namespace, resolveDir, pluginData: IS_PROBED };
    const found = await build.resolve(path, { ...probe, with: args.with });
    const place = found.errors.length > 0 ? null : this.place(found.path);
    if (place === null) return undefined;
    const required = `./${place}`;
    const entries = this.#entries.get(required) ?? new Set();
    this.#entries.set(required, entries.add(relative(this.#root, found.path)));
    if (kind === 'dynamic-import' || kind === 'require-resolve') {
      return { path: required, external: true };
    }
    const isModule = kind === 'import-statement' && isEsModule(found.path);
    return { path: required, namespace: isModule ? IMPORTED : REQUIRED };
  }
}

/** What `import` and `require` name of a package's path: `@scope/name/deep.js` → `@scope/name`. */
function packageName(path: string): string {
  return path
    .split('/')
    .slice(0, path.startsWith('@') ? 2 : 1)
    .join('/');
}

/** Folders of all packages below a node_modules, nested ones too; each once. */
export function packagesIn(modules: string, depth = 0): string[] {
  if (depth > MAX_FOLDER_DEPTH || !existsSync(modules)) return [];
  return readdirSync(modules, { withFileTypes: true }).flatMap((entry) => {
    if (!entry.isDirectory() || entry.name.startsWith('.')) return [];
    const folder = join(modules, entry.name);
    if (entry.name.startsWith('@')) return packagesIn(folder, depth + 1);
    return [folder, ...packagesIn(join(folder, MODULES), depth + 1)];
  });
}

export function nameOf(folder: string): string {
  return folder.slice(folder.lastIndexOf(MODULES) + MODULES.length).replace(/\/$/, '');
}

/** Whether the package's description or its folder tells that it is more than its code. */
export function isExternal(folder: string): boolean {
  if (KNOWN.includes(nameOf(folder))) return true;
  const content = readJson(join(folder, 'package.json'));
  const dependencies = Object.keys((content['dependencies'] as object | undefined) ?? {});
  if (content['gypfile'] === true || dependencies.some((name) => ADDON_LOADERS.includes(name))) {
    return true;
  }
  // Built for one kind of machine: the halves of packages such as @img/sharp.
  if (content['cpu'] !== undefined && content['os'] !== undefined) return true;
  if (isPlatformDependent(content)) return true;
  return readdirSync(folder).some(
    (name) => name === 'binding.gyp' || name === 'prebuilds' || name.endsWith('.node'),
  );
}

/** It chooses among packages that are named after kinds of machines. */
function isPlatformDependent(content: Record<string, unknown>): boolean {
  const optional = Object.keys((content['optionalDependencies'] as object | undefined) ?? {});
  return optional.some((name) => /(?:linux|darwin|win32)[-_.](?:x64|arm64)/.test(name));
}

function readJson(path: string): Record<string, unknown> {
  try {
    const content = JSON.parse(readFileSync(path, 'utf8')) as unknown;
    return typeof content === 'object' && content !== null
      ? (content as Record<string, unknown>)
      : {};
  } catch {
    return {};
  }
}

function readFindings(folder: string): string[] {
  const { packages } = readJson(join(folder, FINDINGS_FILE));
  return Array.isArray(packages) ? packages.filter((name) => typeof name === 'string') : [];
}

/** What tells an installation apart from all others; null where nothing is installed. */
export function installationName(folder: string): string | null {
  const { installation } = readJson(join(folder, FINDINGS_FILE));
  return typeof installation === 'string' ? installation : null;
}

/** Real folder → `node_modules/<name>`, of the packages that are links. */
function linksIn(modules: string): [string, string][] {
  if (!existsSync(modules)) return [];
  return readdirSync(modules, { withFileTypes: true }).flatMap((entry): [string, string][] => {
    const path = join(modules, entry.name);
    if (entry.isDirectory() && entry.name.startsWith('@')) return linksIn(path);
    if (!lstatSync(path).isSymbolicLink() || !existsSync(path)) return [];
    return [[realpathSync(path), join(MODULES, nameOf(path))]];
  });
}

/** As Node tells: by the ending, else by the nearest package.json. */
function isEsModule(file: string): boolean {
  const ending = extname(file);
  if (ending === '.mjs') return true;
  if (ending !== '.js') return false;
  let folder = dirname(file);
  while (folder !== dirname(folder)) {
    const path = join(folder, 'package.json');
    if (existsSync(path)) return readJson(path)['type'] === 'module';
    folder = dirname(folder);
  }
  return false;
}

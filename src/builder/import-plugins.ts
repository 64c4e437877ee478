import { builtinModules, isBuiltin } from 'node:module';
import { dirname, isAbsolute, resolve } from 'node:path';
import type { OnResolveArgs, Plugin } from 'esbuild';
import { anyOf } from './any-of.ts';
import { isInside } from './inside.ts';
import { DEPENDENCY_FIELDS, PACKAGE_FILE, readPackageJson } from './install/package-json.ts';

type DependencyField = (typeof DEPENDENCY_FIELDS)[number];

const BUILTIN_NAMESPACE = 'builtin';
const BUILTIN = new RegExp(`^(?:node:|${anyOf(builtinModules)}$)`);
/** Plugin data of a resolution that a plugin asked for itself: none of them takes it up again. */
export const IS_PROBED = Symbol('resolved by a plugin itself');

/**
 * Node's modules are taken from the worker at run time. A static import becomes a tiny CommonJS module around
 * `builtinFunction`, so that the bundle has no import statement left and can be a script; `import()` stays, since a
 * script may have it.
 */
export function builtinsPlugin(builtinFunction: string): Plugin {
  return {
    name: 'node-builtins',
    setup(build) {
      build.onResolve({ filter: BUILTIN }, ({ path, kind }) => {
        if (!isBuiltin(path)) return undefined;
        const name = path.startsWith('node:') ? path : `node:${path}`;
        if (kind === 'dynamic-import') return { path: name, external: true };
        return { path: name, namespace: BUILTIN_NAMESPACE };
      });
      build.onLoad({ filter: /./, namespace: BUILTIN_NAMESPACE }, ({ path }) => ({
        contents: `module.exports=${builtinFunction}(${JSON.stringify(path)})`,
        loader: 'js',
      }));
    },
  };
}

/**
 * Keeps the bundle to the files below `root` and explains imports of packages that are not there. Imports that
 * climb out are refused where they stand; the last wall is at loading, for whatever tsconfig paths, package
 * maps or links make of an import.
 */
export function repositoryPlugin(root: string): Plugin {
  return {
    name: 'repository',
    setup(build) {
      build.onResolve({ filter: /^(\.\.|\/)/ }, ({ path, resolveDir }) => {
        const target = isAbsolute(path) ? path : resolve(resolveDir, path);
        return isInside(root, target) ? undefined : { errors: [{ text: leavesRepository(path) }] };
      });
      build.onResolve({ filter: /^[^./]/ }, async (args) => {
        if (args.pluginData === IS_PROBED || isOfPackage(args)) return undefined;
        const { path, kind, importer, namespace, resolveDir } = args;
        const probe = { kind, importer, namespace, resolveDir, pluginData: IS_PROBED };
        const found = await build.resolve(path, { ...probe, with: args.with });
        if (found.errors.length === 0) return found;
        const field = fieldThatNames(packageName(path), { folder: resolveDir, root });
        const { text, hint } = field === null ? describeMissing(path) : describeAbsent(path, field);
        return { errors: [{ text, detail: { hint } }] };
      });
      build.onLoad({ filter: /./, namespace: 'file' }, ({ path }) =>
        isInside(root, path) ? undefined : { errors: [{ text: leavesRepository(path) }] },
      );
    },
  };
}

/** What the error of a package that is not there has beside its text. */
export interface ImportErrorDetail {
  hint: string;
}

/** Packages that were committed bring imports by the thousand: esbuild's own message does for those. */
function isOfPackage({ importer }: OnResolveArgs): boolean {
  return importer.includes('/node_modules/');
}

function leavesRepository(path: string): string {
  return `"${path}" lies outside the repository and cannot be imported`;
}

function describeMissing(path: string): { text: string; hint: string } {
  const isAlias = /^(@|~)\//.test(path) || path.startsWith('#');
  if (isAlias) {
    const hint = 'aliases come from "paths" in tsconfig.json or "imports" in package.json';
    return { text: `"${path}" leads to no file of the repository`, hint };
  }
  if (/^[a-z]+:/.test(path)) {
    const hint = 'functions import their own files and modules of Node';
    return { text: `"${path}" cannot be imported`, hint };
  }
  return {
    text: `The package "${packageName(path)}" is not in the repository`,
    hint:
      `add it to package.json and commit the lockfile: npm install ${packageName(path)} && git add package.json package-lock.json. ` +
      'A file of yours is imported as "./name"',
  };
}

/** The project names it, and it is not installed: as in `fn dev` before `npm ci`. */
function describeAbsent(path: string, field: DependencyField): { text: string; hint: string } {
  const name = packageName(path);
  const text = `The package "${name}" is not installed`;
  if (field !== 'devDependencies') {
    const hint =
      'package.json names it: npm ci. Where fn.json says "install": false, commit node_modules';
    return { text, hint };
  }
  const hint = `it stands under devDependencies, which are installed where a build command runs only: npm install --save-prod ${name}`;
  return { text, hint };
}

/** What the nearest package.json that names a package calls it, from the importing folder up to the root. */
function fieldThatNames(
  name: string,
  { folder, root }: { folder: string; root: string },
): DependencyField | null {
  if (!isInside(root, folder)) return null;
  const reading = readPackageJson(folder, PACKAGE_FILE);
  const field =
    reading.kind === 'read'
      ? DEPENDENCY_FIELDS.find((candidate) => Object.hasOwn(reading.package[candidate], name))
      : undefined;
  if (field !== undefined) return field;
  return folder === root ? null : fieldThatNames(name, { folder: dirname(folder), root });
}

function packageName(path: string): string {
  return path
    .split('/')
    .slice(0, path.startsWith('@') ? 2 : 1)
    .join('/');
}

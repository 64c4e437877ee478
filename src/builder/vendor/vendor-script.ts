import { dirname, extname, join } from 'node:path';
import * as esbuild from 'esbuild';
import { BUILTIN, bundlerOptions } from '../bundler-options.ts';
import { type ExternalPackages, IMPORTED } from '../external-packages.ts';
import { reachableFiles } from '../import-graph.ts';
import { builtinsPlugin } from '../import-plugins.ts';
import { isOwnModule } from '../own-modules.ts';
import { platformPlugin } from '../platform-modules.ts';
import { type PartSize, partSizes } from '../size-report.ts';
import { itemOf, type PackageImport } from './package-imports.ts';

/** The variable by which own code has its packages. */
export const VENDOR = '__vendor$fn';

/** Packages, bundled for all units that import the same of them. */
export interface VendorScript {
  items: VendorItem[];
  /** Declares VENDOR: by `itemOf`, functions that evaluate a package when they are first called, and give its exports. */
  code: Uint8Array;
  /** Its source map, positions alone. */
  map: Uint8Array;
  /** What takes most of it, for the report of a unit that is too large. */
  parts: PartSize[];
  /** Repository files by which it requires packages that stay outside of it. */
  packages: string[];
}

export interface VendorItem extends PackageImport {
  /** CommonJS: the exports are `module.exports` itself, whatever it is. */
  format: 'esm' | 'cjs';
  hasDefault: boolean;
}

interface VendorRequest {
  root: string;
  /** The folder that all packages are imported from, relative to `root`. */
  home: string;
  externals: ExternalPackages | null;
  /** Sets of imports; each becomes a script of its own. */
  sets: readonly (readonly PackageImport[])[];
}

const ENTRY = 'vendor-entry';
const MODULE = 'vendor-item';

/**
 * Bundles packages for own code that is bundled apart from them. Null for a set that cannot be had so: a package that
 * is not there, that leads back to the repository's files, or that awaits at its top level.
 *
 * Each package is evaluated when own code comes to its import, as it would be in one bundle with it: an own module
 * that is imported earlier may still prepare what the package finds.
 */
export async function makeVendorScripts(request: VendorRequest): Promise<(VendorScript | null)[]> {
  const { sets } = request;
  try {
    return await bundleSets(request);
  } catch {
    if (sets.length === 1) return [null];
    // One that fails shall not decide about the others.
    const alone = sets.map((set) => makeVendorScripts({ ...request, sets: [set] }));
    return (await Promise.all(alone)).flat();
  }
}

async function bundleSets(request: VendorRequest): Promise<(VendorScript | null)[]> {
  const { root, home, externals, sets } = request;
  const items = new Map<string, VendorItem>();
  const result = await esbuild.build({
    ...bundlerOptions(root),
    entryPoints: sets.map((_, index) => ({ in: `${ENTRY}:${index}`, out: `vendor-${index}` })),
    format: 'iife',
    globalName: VENDOR,
    // A third less to store, to send and to read; nobody is shown more of a package than its positions.
    minifyWhitespace: true,
    sourcemap: 'external',
    plugins: [
      vendorPlugin(request, items),
      platformPlugin(BUILTIN),
      ...(externals === null ? [] : [externals.plugin(BUILTIN)]),
      builtinsPlugin(BUILTIN),
    ],
  });
  const content = (file: string): Uint8Array =>
    result.outputFiles.find(({ path }) => path === join(root, file))?.contents ?? new Uint8Array();
  return sets.map((set, index) => {
    const file = `vendor-${index}.js`;
    const inputs = result.metafile.outputs[file]?.inputs ?? {};
    if (!Object.keys(inputs).every((path) => isOfPackages(path, home))) return null;
    return {
      items: set.flatMap((wanted) => items.get(keyOf(wanted)) ?? []),
      code: content(file),
      map: content(`${file}.map`),
      parts: partSizes(inputs),
      packages: reachableFiles(result.metafile, `${ENTRY}:${index}`, externals).packages,
    };
  });
}

/** Real paths: a link that leads to the repository's own files shows. */
function isOfPackages(path: string, home: string): boolean {
  const isVirtual =
    isOwnModule(path) || path.startsWith(`${ENTRY}:`) || path.startsWith(`${MODULE}:`);
  return isVirtual || path.startsWith(`${home}node_modules/`);
}

/** CommonJS has no names to choose among, but that shows only when the package is read. */
function keyOf({ kind, path, names }: PackageImport): string {
  return JSON.stringify([kind, path, names]);
}

/**
 * An entry hands out items, and an item is what one import leads to. `items` is told of each. An ES module is named
 * export by export, so that the bundler leaves out what nobody names.
 */
function vendorPlugin(
  { root, home, sets }: VendorRequest,
  items: Map<string, VendorItem>,
): esbuild.Plugin {
  const resolveDir = join(root, home);
  return {
    name: 'vendor',
    setup(build) {
      build.onResolve({ filter: new RegExp(`^${ENTRY}:`) }, ({ path }) => ({
        path: path.slice(ENTRY.length + 1),
        namespace: ENTRY,
      }));
      build.onLoad({ filter: /./, namespace: ENTRY }, ({ path }) => ({
        contents: entryText(sets[Number(path)] ?? []),
        loader: 'js',
        resolveDir,
      }));
      build.onResolve({ filter: new RegExp(`^${MODULE}:`) }, ({ path }) => ({
        path: path.slice(MODULE.length + 1),
        namespace: MODULE,
      }));
      build.onLoad({ filter: /./, namespace: MODULE }, async ({ path }) => {
        const [kind, name, names] = JSON.parse(path) as [
          PackageImport['kind'],
          string,
          PackageImport['names'],
        ];
        const wanted: PackageImport = { kind, path: name, names };
        const found = await inspect(build, wanted, resolveDir);
        items.set(path, { ...wanted, ...found });
        return { contents: itemText(wanted, found), loader: 'js', resolveDir };
      });
    },
  };
}

function entryText(set: readonly PackageImport[]): string {
  const lines = set.map(
    (wanted) =>
      `${JSON.stringify(itemOf(wanted))}:()=>require(${JSON.stringify(`${MODULE}:${keyOf(wanted)}`)})`,
  );
  return `module.exports={\n${lines.join(',\n')}}`;
}

interface Inspection extends Pick<VendorItem, 'format' | 'hasDefault'> {
  /** By which it is required. */
  target: string;
}

function itemText({ path, names }: PackageImport, { format, target, hasDefault }: Inspection) {
  if (format === 'cjs') return `module.exports=require(${JSON.stringify(target)})`;
  const from = JSON.stringify(path);
  if (names !== 'all') {
    const named = names.map((name) => (isIdentifier(name) ? name : JSON.stringify(name)));
    return named.length === 0
      ? `import ${from};export{}`
      : `export {${named.join(',')}} from ${from}`;
  }
  return `export * from ${from};${hasDefault ? `export {default} from ${from}` : ''}`;
}

function isIdentifier(name: string): boolean {
  return /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(name);
}

/** What the import leads to. */
async function inspect(
  build: esbuild.PluginBuild,
  { kind, path }: PackageImport,
  resolveDir: string,
): Promise<Inspection> {
  const required: Inspection = { format: 'cjs', target: path, hasDefault: true };
  if (kind === 'require') return required;
  const found = await build.resolve(path, {
    kind: 'import-statement',
    resolveDir,
    importer: join(resolveDir, 'vendor.mjs'),
  });
  if (found.errors.length > 0) throw new Error(`"${path}" is not there`);
  if (found.namespace === IMPORTED) return { ...required, format: 'esm' };
  if (found.namespace !== 'file') return required;
  return { ...(await inspectFile(found.path)), target: found.path };
}

async function inspectFile(path: string): Promise<Pick<VendorItem, 'format' | 'hasDefault'>> {
  const isCode = ['.js', '.mjs', '.cjs'].includes(extname(path));
  if (!isCode) return { format: 'cjs', hasDefault: true };
  const { metafile } = await esbuild.build({
    ...bundlerOptions(dirname(path)),
    entryPoints: [path],
    bundle: false,
    format: 'esm',
    loader: {},
  });
  const [input] = Object.values(metafile.inputs);
  const [output] = Object.values(metafile.outputs);
  const hasDefault = output?.exports.includes('default') ?? false;
  return { format: input?.format === 'esm' ? 'esm' : 'cjs', hasDefault };
}

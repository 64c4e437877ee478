import { existsSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { dirname, join } from 'node:path';
import type { Node } from 'acorn';
import * as esbuild from 'esbuild';
import { bundlerOptions } from '../bundler-options.ts';
import { isOwnModule } from '../own-modules.ts';
import { type ImportedNames, importedNames } from './imported-names.ts';

/** One package, or path into one, that a unit's own files import. */
export interface PackageImport {
  /** `import` and `require` may lead to different files of a package. */
  kind: 'import' | 'require';
  /** `express`, `date-fns/locale`. */
  path: string;
  /** Sorted. */
  names: readonly string[] | 'all';
}

/** The name under which a unit's own code has what it imports. */
export function itemOf({ kind, path }: PackageImport): string {
  return `${kind} ${path}`;
}

interface ImportsRequest {
  root: string;
  /** The only folder whose node_modules imports lead to, relative to `root`: '' or `apps/web/`. */
  home: string;
  /** Modules that are bundled, relative to `root`. */
  entries: readonly string[];
}

/**
 * What each entry imports of packages, sorted; null where that cannot be said. It is found by bundling the own files
 * alone: what is never used is not among it, and no package need be there.
 */
export async function findPackageImports(
  request: ImportsRequest,
): Promise<(PackageImport[] | null)[]> {
  const { root, entries } = request;
  const result = await bundleOwn(request);
  if (result === null) return entries.map(() => null);
  const { parse } = await import('acorn');
  const parsed = (code: string): Node | null => {
    try {
      return parse(code, { ecmaVersion: 'latest', sourceType: 'module' });
    } catch {
      return null; // Newer than the parser.
    }
  };
  const isOwn = isAtHome(request);
  return entries.map((_, index) => {
    const file = `${index}.js`;
    const output = result.metafile.outputs[file];
    const code = result.outputFiles.find(({ path }) => path === join(root, file))?.text;
    if (output === undefined || code === undefined) return null;
    if (!Object.keys(output.inputs).every(isOwn)) return null;
    const program = parsed(code);
    const names = program === null ? null : importedNames(program);
    return names === null ? null : toImports(output.imports, names);
  });
}

/** Null for files that do not bundle, or that settings outside of the repository decide about. */
async function bundleOwn({ root, entries }: ImportsRequest) {
  try {
    const result = await esbuild.build({
      ...bundlerOptions(root),
      entryPoints: entries.map((entry, index) => ({ in: join(root, entry), out: String(index) })),
      format: 'esm',
      packages: 'external',
    });
    return result.warnings.some(({ id }) => id.startsWith('tsconfig')) ? null : result;
  } catch {
    return null; // Whoever bundles all of it says why.
  }
}

/** Whether a file is the repository's own, and finds its packages where all others do. */
function isAtHome({ root, home }: ImportsRequest): (input: string) => boolean {
  const known = new Map([['.', home === '']]);
  known.set(dirname(`${home}x`), true);
  const isBelow = (folder: string): boolean => {
    const answer =
      known.get(folder) ??
      (!existsSync(join(root, folder, 'node_modules')) && isBelow(dirname(folder)));
    known.set(folder, answer);
    return answer;
  };
  return (input) =>
    isOwnModule(input) || (!input.includes('node_modules/') && isBelow(dirname(input)));
}

type OutputImports = esbuild.Metafile['outputs'][string]['imports'];

/** Null where an import is of a kind that nothing is known of. */
function toImports(
  imports: OutputImports,
  names: ReadonlyMap<string, ImportedNames>,
): PackageImport[] | null {
  const found = new Map<string, PackageImport>();
  const dynamic = new Set(imports.filter(({ kind }) => kind === 'dynamic-import').map(pathOf));
  for (const { path, kind } of imports) {
    if (isBuiltin(path)) continue;
    if (kind === 'require-call') {
      const required: PackageImport = { kind: 'require', path, names: 'all' };
      found.set(itemOf(required), required);
    } else if (kind === 'import-statement' || kind === 'dynamic-import') {
      const named = dynamic.has(path) ? 'all' : (names.get(path) ?? 'all');
      const sorted = named === 'all' ? named : [...named].sort();
      found.set(`import ${path}`, { kind: 'import', path, names: sorted });
    } else return null;
  }
  return [...found.values()].sort((a, b) => (itemOf(a) < itemOf(b) ? -1 : 1));
}

function pathOf({ path }: { path: string }): string {
  return path;
}

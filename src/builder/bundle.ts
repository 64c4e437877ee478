import { readFileSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import * as esbuild from 'esbuild';
import { type BuildProblem, MAX_PROBLEMS } from '../protocol/builder.ts';
import { codeFrame } from '../protocol/code-frame.ts';
import type { ExternalPackages } from './external-packages.ts';
import { BLOCK_HEAD, BUILTIN, bundlerOptions, SCRIPT_END, SCRIPT_HEAD } from './bundler-options.ts';
import { builtinsPlugin, type ImportErrorDetail, repositoryPlugin } from './import-plugins.ts';
import { mainModulePlugin } from './main-module.ts';
import { platformPlugin } from './platform-modules.ts';
import { type PartSize, partSizes } from './size-report.ts';
import { withOwnSources } from './source-map.ts';
import { stubOf, type UnitRequest, writeStubs } from './unit-stubs.ts';
import { joinScripts } from './vendor/join-scripts.ts';
import { vendorImportsPlugin } from './vendor/vendor-imports.ts';
import type { VendorItem, VendorScript } from './vendor/vendor-script.ts';

/** Units whose packages were bundled apart, with the script; null for one that imports none. Null: no unit is. */
export type Vendored = ReadonlyMap<UnitRequest, VendorScript | null> | null;

interface BundleRequest {
  /** The repository. */
  root: string;
  units: readonly UnitRequest[];
  /** Packages that are shipped as files. */
  externals: ExternalPackages | null;
  vendored: Vendored;
  /** Brings files that imports seldom name. */
  beforeExplaining: () => Promise<void>;
}

export interface BundledUnit {
  request: UnitRequest;
  code: Uint8Array;
  map: Uint8Array;
  /** What takes most of the code. */
  parts: PartSize[];
  /** Repository files by which its packages' script requires others that stay outside of it. */
  packages: readonly string[];
  /** Its module in the metafile. */
  stub: string;
  metafile: esbuild.Metafile;
}

export type Bundling =
  | { kind: 'bundled'; units: BundledUnit[]; warnings: BuildProblem[] }
  | { kind: 'failed'; problems: BuildProblem[] };

/**
 * Bundles each entry and all that it imports into one script. Files that several import are read once. The same files
 * give the same bytes, whatever else is bundled beside.
 *
 * What keeps imports inside the repository and explains those that lead nowhere is asked of by the bundler for each
 * import, which takes as long as bundling. Hence it is asked only when there is something to explain.
 */
export async function bundle(request: BundleRequest): Promise<Bundling> {
  if (request.units.length === 0) return { kind: 'bundled', units: [], warnings: [] };
  let found: esbuild.Message[] = [];
  try {
    const result = await run(request, []);
    if (!leavesRepository(result)) return toBundling(request, result);
  } catch (error) {
    const { errors } = error as Partial<esbuild.BuildFailure>;
    if (errors === undefined) throw error;
    found = errors;
  }
  await request.beforeExplaining();
  return explain(request, found);
}

/**
 * Bundles again, slower, for problems that name the import that is to blame. A package that is not there is one only
 * where the bundler itself has `found` so: code that catches the failure does without it.
 */
async function explain(request: BundleRequest, found: esbuild.Message[]): Promise<Bundling> {
  const blamed = new Set(found.map(placeOf));
  try {
    return toBundling(request, await run(request, [repositoryPlugin(request.root)]));
  } catch (error) {
    const messages = (error as Partial<esbuild.BuildFailure>).errors;
    if (messages === undefined) throw error;
    const isProblem = (message: esbuild.Message): boolean =>
      message.detail === undefined || blamed.has(placeOf(message));
    const kept = messages.some(isProblem) ? messages.filter(isProblem) : messages;
    const problems = kept.slice(0, MAX_PROBLEMS);
    return { kind: 'failed', problems: problems.map((message) => toProblem(request, message)) };
  }
}

function placeOf({ location }: esbuild.Message): string {
  return location === null ? '' : `${location.file}:${location.line}:${location.column}`;
}

/** Links were followed: a file's path is its real one, relative to the repository. */
function leavesRepository({ metafile }: Output): boolean {
  return Object.keys(metafile.inputs).some((path) => path.startsWith('../') || isAbsolute(path));
}

type Output = esbuild.BuildResult<{ write: false; metafile: true }>;

function run(
  { root, units, externals, vendored }: BundleRequest,
  checks: readonly esbuild.Plugin[],
): Promise<Output> {
  const mains = units.filter(({ isMain }) => isMain).map(({ entry }) => join(root, entry));
  writeStubs(root, units);
  return esbuild.build({
    ...bundlerOptions(root),
    entryPoints: units.map((unit) => {
      return { in: join(root, stubOf(unit)), out: unit.file.replace(/\.js$/, '') };
    }),
    format: 'esm',
    sourcemap: 'external',
    // Known to esbuild, so that the source map counts the banner's line.
    banner: { js: vendored === null ? SCRIPT_HEAD + BLOCK_HEAD : BLOCK_HEAD },
    footer: { js: SCRIPT_END },
    plugins: [
      ...(vendored === null ? [] : [vendorImportsPlugin(itemsOf(vendored))]),
      platformPlugin(BUILTIN),
      ...(externals === null ? [] : [externals.plugin(BUILTIN)]),
      builtinsPlugin(BUILTIN),
      ...checks,
      ...(mains.length === 0 ? [] : [mainModulePlugin(mains)]),
    ],
  });
}

function toBundling(request: BundleRequest, result: Output): Bundling {
  const { root, vendored } = request;
  const { metafile } = result;
  const outputs = new Map(result.outputFiles.map(({ path, contents }) => [path, contents]));
  const output = (file: string): Uint8Array => outputs.get(join(root, file)) ?? new Uint8Array();
  const units = request.units.map((unit): BundledUnit => {
    const own = { code: output(unit.file), map: withOwnSources(output(`${unit.file}.map`), root) };
    const inputs = metafile.outputs[unit.file]?.inputs ?? {};
    const vendor = vendored?.get(unit) ?? null;
    const parts = vendor === null ? [own] : [vendor, own];
    return {
      request: unit,
      ...(vendored === null ? own : joinScripts(SCRIPT_HEAD, parts)),
      parts: partSizes(inputs, vendor?.parts),
      packages: vendor?.packages ?? [],
      stub: stubOf(unit),
      metafile,
    };
  });
  const warnings = result.warnings.slice(0, MAX_PROBLEMS);
  return { kind: 'bundled', units, warnings: warnings.map((entry) => toProblem(request, entry)) };
}

function itemsOf(vendored: NonNullable<Vendored>): VendorItem[] {
  return [...vendored.values()].flatMap((script) => script?.items ?? []);
}

function toProblem({ root, units }: BundleRequest, message: esbuild.Message): BuildProblem {
  const place = message.location;
  const text = message.text.replaceAll(`${root}/`, '');
  const unit = units.find((candidate) => place?.file === stubOf(candidate));
  if (unit !== undefined) return stubProblem(text, unit);
  const problem: BuildProblem = { message: text, at: null, frame: [] };
  const hint = (message.detail as ImportErrorDetail | undefined)?.hint;
  if (hint !== undefined) problem.hint = hint;
  const isPlaced = place !== null && !place.file.startsWith('..') && place.namespace !== 'builtin';
  if (!isPlaced) return problem;
  // esbuild counts columns in bytes of UTF-8.
  const before = Buffer.from(place.lineText).subarray(0, place.column).toString();
  const at = { line: place.line, column: before.length + 1 };
  return { ...problem, at: { file: place.file, ...at }, frame: frameOf(root, place.file, at) };
}

/** Our own stub is no place to show: all that can fail there is what fn.json's `handler` names. */
function stubProblem(text: string, { entry, handler }: UnitRequest): BuildProblem {
  if (handler === null) return { message: text, at: null, frame: [] };
  return {
    message: `"handler" in fn.json names "${handler}", and ${entry} has no such export`,
    at: { file: entry, line: 1, column: 1 },
    frame: [],
    hint: `export it, as in: export const ${handler} = async (event) => …`,
  };
}

function frameOf(root: string, file: string, at: { line: number; column: number }): string[] {
  try {
    return codeFrame(readFileSync(join(root, file), 'utf8'), at);
  } catch {
    return []; // A place in something that is no file, such as a virtual module.
  }
}

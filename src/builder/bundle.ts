import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import * as esbuild from 'esbuild';
import { type BuildProblem, MAX_PROBLEMS } from '../protocol/builder.ts';
import { codeFrame } from '../protocol/code-frame.ts';
import type { ExternalPackages } from './external-packages.ts';
import { builtinsPlugin, type ImportErrorDetail, repositoryPlugin } from './import-plugins.ts';
import { mainModulePlugin } from './main-module.ts';
import { platformNames, platformPlugin } from './platform-modules.ts';
import { withOwnSources } from './source-map.ts';

/**
 * Modules of ours in front of the entries, which hand over their namespaces; a colon keeps the folder apart from what
 * people name theirs. The ending `.mjs` makes esbuild treat a CommonJS entry as Node does: `default` is
 * `module.exports`, a plain property instead of a getter.
 */
const STUB_FOLDER = '.fn:entries';

/**
 * The wrapper's parameters. The worker gives them by position; names that no program has, because esbuild renames
 * a program's own names away from them only where they are used.
 */
const BUILTIN = '__builtin$fn';
const META = '__meta$fn';
const EXPORT = '__export$fn';

/**
 * The bundle is a script whose completion value is an async function, which may await at its top level and can be
 * compiled with a code cache. `require` may be declared by the program too, hence the inner block. Banner and footer
 * are known to esbuild, so that the source map counts the banner's line.
 */
const BANNER = `(async function(${BUILTIN},${META},${EXPORT},require){"use strict";{`;
const FOOTER = '}})';

const LOADERS: Record<string, esbuild.Loader> = Object.fromEntries(
  ['.css', '.csv', '.graphql', '.html', '.md', '.sql', '.svg', '.txt', '.xml', '.yaml', '.yml'].map(
    (extension) => [extension, 'text'],
  ),
);
LOADERS['.bin'] = 'binary';
LOADERS['.wasm'] = 'binary';

/** One code file that shall be made. */
export interface UnitRequest {
  /** Its name in the bundle: `hello.js`. */
  file: string;
  /** Repository file. */
  entry: string;
  /** The export that shall be the handler; null for all as they are. */
  handler: string | null;
  /** It is started, not called: a program. */
  isMain?: true;
}

interface BundleRequest {
  /** The repository. */
  root: string;
  units: readonly UnitRequest[];
  /** Packages that are shipped as files. */
  externals: ExternalPackages | null;
  /** Brings files that imports seldom name. */
  beforeExplaining: () => Promise<void>;
}

export interface BundledUnit {
  file: string;
  entry: string;
  code: Uint8Array;
  map: Uint8Array;
  /** Its module in the metafile. */
  stub: string;
}

export type Bundling =
  | {
      kind: 'bundled';
      units: BundledUnit[];
      metafile: esbuild.Metafile;
      warnings: BuildProblem[];
    }
  | { kind: 'failed'; problems: BuildProblem[] };

/**
 * Bundles each entry and all that it imports into one script. Files that several import are read once. The same files
 * give the same bytes, whatever else is bundled beside.
 *
 * What keeps imports inside the repository and explains those that lead nowhere is asked of by the bundler for each
 * import, which takes as long as bundling. Hence it is asked only when there is something to explain.
 */
export async function bundle(request: BundleRequest): Promise<Bundling> {
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

/** Whether a module of the metafile is ours, and no file of the repository. */
export function isOwnModule(path: string): boolean {
  return (
    path.startsWith(`${STUB_FOLDER}/`) ||
    /^(?:builtin|platform|adapter|external|external-module):/.test(path)
  );
}

type Output = esbuild.BuildResult<{ write: false; metafile: true }>;

function run(
  { root, units, externals }: BundleRequest,
  checks: readonly esbuild.Plugin[],
): Promise<Output> {
  const mains = units.filter(({ isMain }) => isMain).map(({ entry }) => join(root, entry));
  mkdirSync(join(root, STUB_FOLDER), { recursive: true });
  for (const unit of units) writeFileSync(join(root, stubOf(unit)), stubText(unit));
  return esbuild.build({
    entryPoints: units.map((unit) => {
      return { in: join(root, stubOf(unit)), out: unit.file.replace(/\.js$/, '') };
    }),
    absWorkingDir: root,
    outdir: root,
    write: false,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node26',
    charset: 'utf8',
    sourcemap: 'external',
    // withOwnSources adds what is needed of it.
    sourcesContent: false,
    metafile: true,
    define: {
      ...platformNames(BUILTIN),
      'import.meta': META,
      __dirname: `${META}.dirname`,
      __filename: `${META}.filename`,
    },
    banner: { js: BANNER },
    footer: { js: FOOTER },
    loader: LOADERS,
    plugins: [
      platformPlugin(BUILTIN),
      ...(externals === null ? [] : [externals.plugin(BUILTIN)]),
      builtinsPlugin(BUILTIN),
      ...checks,
      ...(mains.length === 0 ? [] : [mainModulePlugin(mains)]),
    ],
    logLevel: 'silent',
    logLimit: MAX_PROBLEMS,
  });
}

function stubOf({ file }: UnitRequest): string {
  return `${STUB_FOLDER}/${file.replace(/\.js$/, '.mjs')}`;
}

function stubText({ entry, handler }: UnitRequest): string {
  const from = JSON.stringify(`../${entry}`);
  if (handler === null) return `import * as ns from ${from};${EXPORT}(ns)`;
  return `import {${handler} as handler} from ${from};${EXPORT}({handler},${JSON.stringify(handler)})`;
}

function toBundling(request: BundleRequest, result: Output): Bundling {
  const outputs = new Map(result.outputFiles.map(({ path, contents }) => [path, contents]));
  const output = (file: string): Uint8Array => outputs.get(join(root, file)) ?? new Uint8Array();
  const { root } = request;
  return {
    kind: 'bundled',
    units: request.units.map((unit) => ({
      file: unit.file,
      entry: unit.entry,
      code: output(unit.file),
      map: withOwnSources(output(`${unit.file}.map`), root),
      stub: stubOf(unit),
    })),
    metafile: result.metafile,
    warnings: result.warnings.slice(0, MAX_PROBLEMS).map((message) => toProblem(request, message)),
  };
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

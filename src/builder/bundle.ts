import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as esbuild from 'esbuild';
import { type BuildProblem, MAX_PROBLEMS } from '../protocol/builder.ts';
import { codeFrame } from '../protocol/code-frame.ts';
import { builtinsPlugin, type ImportErrorDetail, repositoryPlugin } from './import-plugins.ts';

/**
 * A module of ours in front of the entry, which hands over its namespace. The ending `.mjs` makes esbuild treat a
 * CommonJS entry as Node does: `default` is `module.exports`, a plain property instead of a getter.
 */
const STUB_FILE = 'fn:entry.mjs';

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

export interface BundleRequest {
  root: string;
  /** Repository file. */
  entry: string;
  /** The export that shall be the handler; null for all as they are. */
  handler: string | null;
}

export type Bundling =
  | { kind: 'bundled'; code: Uint8Array; map: Uint8Array; inputs: number; warnings: BuildProblem[] }
  | { kind: 'failed'; problems: BuildProblem[] };

/** Bundles the entry and all that it imports into one script. The same files give the same bytes. */
export async function bundle(request: BundleRequest): Promise<Bundling> {
  try {
    return toBundling(request, await run(request));
  } catch (error) {
    const messages = (error as Partial<esbuild.BuildFailure>).errors;
    if (messages === undefined) throw error;
    const problems = messages.slice(0, MAX_PROBLEMS);
    return { kind: 'failed', problems: problems.map((message) => toProblem(request, message)) };
  }
}

function run(request: BundleRequest) {
  const { root } = request;
  return esbuild.build({
    stdin: { contents: entryStub(request), resolveDir: root, sourcefile: STUB_FILE, loader: 'js' },
    absWorkingDir: root,
    outfile: join(root, 'main.js'),
    write: false,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node26',
    charset: 'utf8',
    sourcemap: 'external',
    sourcesContent: true,
    metafile: true,
    define: {
      'import.meta': META,
      __dirname: `${META}.dirname`,
      __filename: `${META}.filename`,
    },
    banner: { js: BANNER },
    footer: { js: FOOTER },
    loader: LOADERS,
    plugins: [builtinsPlugin(BUILTIN), repositoryPlugin(root)],
    logLevel: 'silent',
    logLimit: MAX_PROBLEMS,
  });
}

function entryStub({ entry, handler }: BundleRequest): string {
  const from = JSON.stringify(`./${entry}`);
  if (handler === null) return `import * as ns from ${from};${EXPORT}(ns)`;
  return `import {${handler} as handler} from ${from};${EXPORT}({handler})`;
}

function toBundling(
  request: BundleRequest,
  result: esbuild.BuildResult<{ write: false; metafile: true }>,
): Bundling {
  const output = (suffix: string): Uint8Array =>
    result.outputFiles.find(({ path }) => path.endsWith(suffix))?.contents ?? new Uint8Array();
  return {
    kind: 'bundled',
    code: output('main.js'),
    map: output('main.js.map'),
    inputs: Object.keys(result.metafile.inputs).filter((path) => !path.includes(':')).length,
    warnings: result.warnings.slice(0, MAX_PROBLEMS).map((message) => toProblem(request, message)),
  };
}

function toProblem(
  { root, entry, handler }: BundleRequest,
  message: esbuild.Message,
): BuildProblem {
  const place = message.location;
  const text = message.text.replaceAll(`${root}/`, '');
  if (place?.file === STUB_FILE) return stubProblem(text, entry, handler);
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
function stubProblem(text: string, entry: string, handler: string | null): BuildProblem {
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

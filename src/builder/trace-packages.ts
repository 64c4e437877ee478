import { createHash } from 'node:crypto';
import { lstatSync, readFileSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import {
  type BuildProblem,
  MAX_BUILT_FILES,
  MAX_BUNDLE_BYTES,
  type PackageTrace,
} from '../protocol/builder.ts';
import { formatBytes } from '../protocol/display.ts';
import { type BuildContext, isSettled } from './build-context.ts';
import type { ExternalPackages } from './external-packages.ts';
import { isInside } from './inside.ts';
import { isSeldomRead } from './install/module-archive.ts';
import { problem } from './install/problem.ts';
import type { OutputFile } from './public-files.ts';

export interface TracedFiles {
  kind: 'traced';
  /** As they stand in the bundle. */
  files: OutputFile[];
  /** For the next build; null when it has to look anew. */
  trace: PackageTrace | null;
}

export type TracedPackages = TracedFiles | { kind: 'failed'; problems: BuildProblem[] };

/**
 * The files that the bundle's external packages need when they run, as they stand in the bundle. `entries` are the
 * repository files by which the bundle requires them.
 */
export async function tracePackages(
  context: BuildContext,
  packages: ExternalPackages,
  entries: readonly string[],
): Promise<TracedPackages> {
  const { root } = context;
  if (entries.length === 0) return { kind: 'traced', files: [], trace: null };
  const trace = await findFiles(context, entries);
  const files = new Map<string, OutputFile>();
  let bytes = 0;
  for (const path of trace.files) {
    const file = join(root, path);
    const place = packages.place(file);
    if (place === null || files.has(place) || !isPlainFile(root, file)) continue;
    const content = readFileSync(file);
    bytes += content.length;
    if (bytes > MAX_BUNDLE_BYTES) return tooMuch(formatBytes(MAX_BUNDLE_BYTES), files);
    if (files.size >= MAX_BUILT_FILES) return tooMuch(`${MAX_BUILT_FILES} files`, files);
    files.set(place, { path: place, content });
  }
  const isSound = trace.files.every((path) => isSettled(context, path));
  return { kind: 'traced', files: [...files.values()], trace: isSound ? trace : null };
}

export function describeBeside(files: readonly OutputFile[]): string {
  const bytes = files.reduce((sum, { content }) => sum + content.length, 0);
  const count = `${files.length} files, ${formatBytes(bytes)}`;
  return `Beside the code: ${shorten(namesIn(files))} (${count})`;
}

/** As the last build found them, when nothing has changed of what they were found in. */
async function findFiles(
  { root, folder, prefix, dependencyState, start, completePackages }: BuildContext,
  entries: readonly string[],
): Promise<PackageTrace> {
  const decisive = JSON.stringify([dependencyState, prefix, entries]);
  const state = createHash('sha256').update(decisive).digest('hex');
  const known = start.previous?.trace;
  if (known?.state === state) {
    if (known.files.some(isSeldomRead)) await completePackages();
    return known;
  }
  await completePackages();
  // A tenth of a second to load, for the few that have such packages.
  const { default: tracer } = await import('@vercel/nft');
  const options = { base: root, processCwd: folder };
  const { fileList } = await tracer.nodeFileTrace(
    entries.map((entry) => join(root, entry)),
    options,
  );
  return { state, files: [...fileList].sort(nearestFirst) };
}

/** Where two folders have a package in different versions, the app's own comes before the repository's. */
function nearestFirst(a: string, b: string): number {
  const depth = (path: string): number => path.split('node_modules/')[0]?.length ?? 0;
  return depth(b) - depth(a) || (a < b ? -1 : 1);
}

/** A link would lead out of the bundle, or out of the repository. */
function isPlainFile(root: string, file: string): boolean {
  const status = lstatSync(file, { throwIfNoEntry: false });
  return status?.isFile() === true && isInside(root, realpathSync(file));
}

function namesIn(files: readonly OutputFile[]): string[] {
  const names = files.map(({ path }) => /^node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1]);
  return [...new Set(names)].filter((name) => name !== undefined);
}

const MAX_NAMES = 6;

function shorten(names: string[]): string {
  if (names.length <= MAX_NAMES) return names.join(', ');
  return `${names.slice(0, MAX_NAMES).join(', ')} and ${names.length - MAX_NAMES} more packages`;
}

function tooMuch(limit: string, files: ReadonlyMap<string, OutputFile>): TracedPackages {
  const message = `the packages that cannot be bundled are more than a bundle may have (${limit})`;
  const hint = `they are: ${shorten(namesIn([...files.values()]))}; lighter ones, or fewer, are the way out`;
  return { kind: 'failed', problems: [problem(message, { hint })] };
}

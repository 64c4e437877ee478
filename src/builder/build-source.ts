import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type BuildProblem,
  type BuildResult,
  type BuildStart,
  MAX_CODE_BYTES,
  MAX_SOURCE_MAP_BYTES,
} from '../protocol/builder.ts';
import { formatBytes } from '../protocol/display.ts';
import { type Bundling, bundle } from './bundle.ts';
import { entryProblem, findEntry } from './find-entry.ts';
import {
  defaultManifest,
  type Manifest,
  MANIFEST_FILE,
  type ManifestReading,
  readManifest,
  RUNTIME,
} from './manifest.ts';

export interface BuildOutput {
  result: BuildResult;
  files: { path: string; content: Uint8Array }[];
}

const CODE_FILE = 'main.js';
const FUNCTION_NAME = 'main';

/** Turns the unpacked repository below `root` into the files of a bundle, or into problems. */
export async function buildSource(
  root: string,
  start: BuildStart,
  report: (line: string) => void,
): Promise<BuildOutput> {
  const reading = readManifestFile(root, start);
  if (reading.kind === 'failed') return failed(reading.problems);
  const { manifest, warnings } = reading;

  const search = findEntry(root, manifest.entry);
  if (search.kind === 'none') return failed([entryProblem(search)]);
  report(describeFunction(search.file, manifest));

  const bundling = await bundle({ root, entry: search.file, handler: manifest.handler });
  if (bundling.kind === 'failed') return failed(bundling.problems);
  const tooLarge = sizeProblems(bundling);
  if (tooLarge.length > 0) return failed(tooLarge);
  report(describeBundle(bundling));

  const { memoryMib, timeoutMs, concurrency, maxBodyBytes } = manifest;
  const limits = { memoryMib, timeoutMs, concurrency, maxBodyBytes };
  return {
    result: {
      kind: 'built',
      runtime: RUNTIME,
      functions: [{ name: FUNCTION_NAME, file: CODE_FILE, entry: search.file, ...limits }],
      environment: { reads: [], required: [] },
      publicFiles: [],
      releaseCommand: null,
      reused: [],
      inputs: null,
      warnings: [...warnings, ...bundling.warnings],
    },
    files: [
      { path: CODE_FILE, content: bundling.code },
      { path: `${CODE_FILE}.map`, content: bundling.map },
    ],
  };
}

function failed(problems: BuildProblem[]): BuildOutput {
  return { result: { kind: 'failed', problems }, files: [] };
}

function readManifestFile(root: string, start: BuildStart): ManifestReading {
  const path = join(root, MANIFEST_FILE);
  if (!existsSync(path)) return { kind: 'read', manifest: defaultManifest(start), warnings: [] };
  return readManifest(readFileSync(path, 'utf8'), start);
}

type Bundled = Extract<Bundling, { kind: 'bundled' }>;

function sizeProblems({ code, map }: Bundled): BuildProblem[] {
  const problems: BuildProblem[] = [];
  const check = (what: string, bytes: number, limit: number): void => {
    if (bytes <= limit) return;
    const message = `${what} has ${formatBytes(bytes)}, and the limit is ${formatBytes(limit)}`;
    const hint = 'the largest files that the function imports are the place to save';
    problems.push({ message, hint, at: null, frame: [] });
  };
  check('the bundled code', code.length, MAX_CODE_BYTES);
  check('the source map', map.length, MAX_SOURCE_MAP_BYTES);
  return problems;
}

function describeFunction(file: string, manifest: Manifest): string {
  const { memoryMib, timeoutMs, concurrency } = manifest;
  return `${file}: ${memoryMib} MB, ${timeoutMs / 1000} s, ${concurrency} at a time`;
}

function describeBundle({ inputs, code }: Bundled): string {
  return `Bundled ${inputs} ${inputs === 1 ? 'file' : 'files'} into ${formatBytes(code.length)}`;
}

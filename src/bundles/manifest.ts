import { createHash } from 'node:crypto';
import {
  type BuildProblem,
  type BuiltFunction,
  type EnvironmentNeeds,
  MAX_BUILT_FILES,
} from '../protocol/builder.ts';
import { PlatformError } from '../protocol/errors.ts';

/** What one bundle is: its functions and the files that they run from. */
export interface BundleManifest {
  format: 1;
  /** Whose it is: apps never share a bundle, nor what is cached beside one, even for the same code. */
  appId: string;
  runtime: string;
  functions: BuiltFunction[];
  /** What the code expects of its environment. */
  environment: EnvironmentNeeds;
  /** Sorted by path. */
  files: ManifestFile[];
  /** What the build warned of, to be shown again when the bundle is deployed again. */
  warnings: BuildProblem[];
}

interface ManifestFile {
  path: string;
  bytes: number;
  /** 64 hex digits. */
  sha256: string;
}

export const MANIFEST_NAME = 'manifest.json';
export const MAX_MANIFEST_BYTES = 1024 * 1024;

const PATH_PART = /^[A-Za-z0-9_-][A-Za-z0-9._-]*$/;
const MAX_PATH_CHARACTERS = 200;
const MAX_PATH_PARTS = 8;

/**
 * The manifest's bytes, alike for alike bundles: keys in the order given here, files sorted. Their sha256 names the
 * bundle, and they hold the sha256 of every file, so that one name vouches for all content.
 */
export function encodeManifest(manifest: BundleManifest): Buffer {
  const { appId, runtime, functions, environment, files, warnings } = manifest;
  return Buffer.from(
    JSON.stringify({
      format: manifest.format,
      appId,
      runtime,
      functions: functions.map((built) => ({
        name: built.name,
        file: built.file,
        entry: built.entry,
        memoryMib: built.memoryMib,
        timeoutMs: built.timeoutMs,
        concurrency: built.concurrency,
        maxBodyBytes: built.maxBodyBytes,
        path: built.path,
        methods: built.methods,
        convention: built.convention,
        event: built.event,
      })),
      environment: {
        reads: environment.reads.map((read) => ({
          name: read.name,
          file: read.file,
          line: read.line,
          hasDefault: read.hasDefault,
        })),
        required: environment.required,
      },
      files: files
        .map((file) => ({ path: file.path, bytes: file.bytes, sha256: file.sha256 }))
        .sort((a, b) => (a.path < b.path ? -1 : 1)),
      warnings: warnings.map(({ message, hint, at, frame }) => ({ message, hint, at, frame })),
    }),
  );
}

export function sha256(content: Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}

/**
 * Checks the paths of a bundle's files: plain relative ones, no two alike, none the folder of another.
 * @throws PlatformError build-failed
 */
export function checkFilePaths(paths: string[]): void {
  if (paths.length === 0 || paths.length > MAX_BUILT_FILES) {
    throw new PlatformError('build-failed', `a bundle has 1 to ${MAX_BUILT_FILES} files`);
  }
  const folders = new Set<string>();
  for (const path of paths) {
    const parts = path.split('/');
    const isSound =
      path.length <= MAX_PATH_CHARACTERS &&
      parts.length <= MAX_PATH_PARTS &&
      parts.every((part) => PATH_PART.test(part)) &&
      path !== MANIFEST_NAME;
    if (!isSound) throw new PlatformError('build-failed', 'the build named a file wrongly');
    for (let count = 1; count < parts.length; count++) {
      folders.add(parts.slice(0, count).join('/'));
    }
  }
  const isAmbiguous =
    new Set(paths).size !== paths.length || paths.some((path) => folders.has(path));
  if (isAmbiguous) throw new PlatformError('build-failed', 'the build named two files alike');
}

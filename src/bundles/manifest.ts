import { createHash } from 'node:crypto';
import {
  type BuildProblem,
  type BuiltFunction,
  type BuiltPublicFile,
  type EgressWish,
  type EnvironmentNeeds,
  MAX_BUILT_FILES,
  MAX_BUILT_PATH_BYTES,
  MAX_BUILT_PATH_PARTS,
  type ReleaseCommand,
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
  /** `env` of fn.json. */
  variables?: Record<string, string>;
  /** `egress` of fn.json. */
  egress?: EgressWish[];
  /** `domains` of fn.json. */
  domains?: string[];
  /** What the door serves by itself, sorted by path. */
  public: PublicFile[];
  releaseCommand: ReleaseCommand | null;
  /** Sorted by path. */
  files: ManifestFile[];
  /** What the build warned of, to be shown again when the bundle is deployed again. */
  warnings: BuildProblem[];
}

export interface PublicFile extends BuiltPublicFile {
  /** Of the file as it is, uncompressed. */
  bytes: number;
  /** 64 hex digits. */
  sha256: string;
}

export interface ManifestFile {
  path: string;
  bytes: number;
  /** 64 hex digits. */
  sha256: string;
}

export const MANIFEST_NAME = 'manifest.json';
/** For MAX_BUILT_FILES files, each with a path of ordinary length, twice when it is public. */
export const MAX_MANIFEST_BYTES = 32 * 1024 * 1024;

/** Linux's limit for one part of a path. */
const MAX_PART_BYTES = 255;
/** Control characters, among them NUL; and what UTF-8 cannot say: a lone half of a surrogate pair. */
const UNSOUND_CHARACTER = /[\p{Cc}\p{Cs}]/u;

/**
 * The manifest's bytes, alike for alike bundles: keys in the order given here, files sorted. Their sha256 names the
 * bundle, and they hold the sha256 of every file, so that one name vouches for all content.
 */
export function encodeManifest(manifest: BundleManifest): Buffer {
  const { appId, runtime, functions, environment, files, releaseCommand, warnings } = manifest;
  const variables = manifest.variables && sortedByName(manifest.variables);
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
        handler: built.handler,
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
      variables,
      egress: manifest.egress?.map(({ rule, line, column }) => ({ rule, line, column })),
      domains: manifest.domains,
      public: manifest.public
        .map(({ path, file, bytes, sha256: hash, encodings: { br, gzip } }) => {
          return { path, file, bytes, sha256: hash, encodings: { br, gzip } };
        })
        .sort((a, b) => (a.path < b.path ? -1 : 1)),
      releaseCommand: releaseCommand && {
        entry: releaseCommand.entry,
        file: releaseCommand.file,
        args: releaseCommand.args,
      },
      files: files
        .map((file) => ({ path: file.path, bytes: file.bytes, sha256: file.sha256 }))
        .sort((a, b) => (a.path < b.path ? -1 : 1)),
      warnings: warnings.map(({ message, hint, at, frame }) => ({ message, hint, at, frame })),
    }),
  );
}

function sortedByName(values: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(values).sort(([a], [b]) => (a < b ? -1 : 1)));
}

export function sha256(content: Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}

/**
 * Checks the paths of a bundle's files: relative ones that any Linux file system takes, no two alike, none the folder
 * of another. They may hold what names of packages and of public files hold: `@`, `+`, spaces, any script.
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
      Buffer.byteLength(path) <= MAX_BUILT_PATH_BYTES &&
      parts.length <= MAX_BUILT_PATH_PARTS &&
      parts.every(isSoundPart) &&
      path !== MANIFEST_NAME;
    if (!isSound) throw new PlatformError('build-failed', 'the build named a file wrongly');
    for (let end = path.indexOf('/'); end > 0; end = path.indexOf('/', end + 1)) {
      folders.add(path.slice(0, end));
    }
  }
  const isAmbiguous =
    new Set(paths).size !== paths.length || paths.some((path) => folders.has(path));
  if (isAmbiguous) throw new PlatformError('build-failed', 'the build named two files alike');
}

function isSoundPart(part: string): boolean {
  return (
    part !== '' &&
    part !== '.' &&
    part !== '..' &&
    Buffer.byteLength(part) <= MAX_PART_BYTES &&
    !UNSOUND_CHARACTER.test(part)
  );
}

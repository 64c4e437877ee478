import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { LoadingCache } from '../../std/loading-cache.ts';
import { createStaticIndex, type NamedFile, type StaticIndex } from './static-index.ts';

/** Files of all the indexes that are kept: less than 1 KB each, and some 5 KB once they were asked for. */
const MAX_KEPT_FILES = 40_000;
/** What the bundle store lets a manifest have. */
const MAX_MANIFEST_BYTES = 32 * 1024 * 1024;
const BUNDLE_NAME = /^[0-9a-f]{64}$/;

export interface StaticIndexes {
  /** Null when it has to be loaded first. */
  kept(bundle: string): StaticIndex | null;
  /** Rejects when the bundle is not there, or its manifest is none. */
  load(bundle: string): Promise<StaticIndex>;
}

/** What of a bundle's manifest concerns the door; see bundles/manifest.ts. */
interface ManifestPart {
  public: {
    path: string;
    file: string;
    bytes: number;
    sha256: string;
    encodings: { br?: string; gzip?: string };
  }[];
  files: { path: string; bytes: number }[];
}

/**
 * The indexes of bundles with public files, each read once from its manifest and kept, the least recently used out
 * first. What is kept never changes: a bundle's name is the hash of its manifest.
 */
export function createStaticIndexes(
  bundlesDir: string,
  maxKeptFiles = MAX_KEPT_FILES,
): StaticIndexes {
  const indexes = new LoadingCache<StaticIndex>(maxKeptFiles, ({ size }) => size);

  async function read(bundle: string): Promise<StaticIndex> {
    if (!BUNDLE_NAME.test(bundle)) throw new Error('not the name of a bundle');
    const manifest = JSON.parse(await readManifest(join(bundlesDir, bundle))) as ManifestPart;
    return createStaticIndex(namedFiles(manifest));
  }

  return {
    kept: (bundle) => indexes.kept(bundle) ?? null,
    load: (bundle) => indexes.load(bundle, () => read(bundle)),
  };
}

async function readManifest(folder: string): Promise<string> {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  await using file = await open(join(folder, 'manifest.json'), flags);
  const status = await file.stat();
  if (!status.isFile() || status.size > MAX_MANIFEST_BYTES) throw new Error('not a manifest');
  return file.readFile('utf8');
}

/** @throws when the manifest names a file outside of the bundle, or one that is not in it. */
function namedFiles(manifest: ManifestPart): Map<string, NamedFile> {
  const bytesByFile = new Map(manifest.files.map(({ path, bytes }) => [path, bytes]));
  const stored = (file: string | undefined): { file: string; bytes: number } | undefined => {
    if (file === undefined) return undefined;
    const bytes = bytesByFile.get(file);
    if (bytes === undefined || !isPlain(file)) throw new Error('the manifest contradicts itself');
    return { file, bytes };
  };
  const files = new Map<string, NamedFile>();
  for (const { path, file, bytes, sha256, encodings } of manifest.public) {
    const [br, gzip] = [stored(encodings.br), stored(encodings.gzip)];
    const identity = stored(file) ?? { file, bytes };
    files.set(path, { path, sha256, identity, ...(br && { br }), ...(gzip && { gzip }) });
  }
  return files;
}

/** The store has checked every name; this is what makes sure that a mistake there opens nothing here. */
function isPlain(file: string): boolean {
  const parts = file.split('/');
  return parts.every(
    (part) => part !== '' && part !== '.' && part !== '..' && !part.includes('\0'),
  );
}

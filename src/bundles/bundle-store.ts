import { readdirSync, rmSync } from 'node:fs';
import { chmod, lstat, mkdir, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type BuiltPublicFile, MAX_BUNDLE_BYTES } from '../protocol/builder.ts';
import { formatBytes } from '../protocol/display.ts';
import { PlatformError } from '../protocol/errors.ts';
import { writingTo } from '../protocol/full-disk.ts';
import { syncFolder } from '../std/atomic-file.ts';
import { failpoint } from '../std/failpoint.ts';
import { forEachBounded } from '../std/for-each-bounded.ts';
import { randomName } from '../std/ids.ts';
import { KeyedMutex } from '../std/mutex.ts';
import {
  type BundleManifest,
  checkFilePaths,
  encodeManifest,
  MANIFEST_NAME,
  MAX_MANIFEST_BYTES,
  sha256,
  type ManifestFile,
  type PublicFile,
} from './manifest.ts';
import { findDamage } from './find-damage.ts';
import { FOLDER_MODE, writeTree } from './write-tree.ts';

export interface BundleFile {
  path: string;
  content: Uint8Array;
}

/** What a builder made, before it has a name. */
export type NewBundle = Omit<BundleManifest, 'format' | 'files' | 'public'> & {
  files: BundleFile[];
  publicFiles: BuiltPublicFile[];
};

export interface BundleStore {
  /** Stores a bundle whole, durably, and returns its name. Storing it again changes nothing. */
  put(bundle: NewBundle): Promise<{ hash: string; manifest: BundleManifest }>;
  /** Whether a bundle of that name is there; says nothing of its content. */
  has(hash: string): Promise<boolean>;
  /**
   * Whether the bundle is what its name says: manifest and code byte for byte; all other files, which may be many
   * thousands, by kind and size, since this is asked before each deployment of a stored bundle.
   */
  verify(hash: string): Promise<boolean>;
  /** Every bundle that there is, and how long it has been. */
  list(): Promise<{ hash: string; ageMs: number }[]>;
  /** What is wrong with one that is there, in words that follow its name; null for nothing. Reads every byte of it. */
  findDamage(hash: string): Promise<string | null>;
  /** @throws PlatformError not-found */
  readManifest(hash: string): Promise<BundleManifest>;
  /**
   * One file, by a path that the manifest names.
   * @throws PlatformError not-found
   */
  readFile(hash: string, path: string): Promise<Buffer>;
  /** Of an app that goes. Workers that have its code already keep it. No harm when it is gone. */
  remove(hash: string): Promise<void>;
}

const HASH = /^[0-9a-f]{64}$/;
/** As many as the threads that Node has for files can be kept busy with. */
const CHECKS_AT_ONCE = 16;

/** Folders that are on their way to a name, or off it. */
const UNFINISHED = /^\.(?:new|spoilt)-/;

/**
 * The store below `bundlesDir`, which must exist and have one process that writes: `<sha256>/manifest.json` and the
 * files beside it. What a writer that was killed left unfinished is removed.
 */
export function createBundleStore(bundlesDir: string): BundleStore {
  for (const name of readdirSync(bundlesDir).filter((entry) => UNFINISHED.test(entry))) {
    rmSync(join(bundlesDir, name), { recursive: true, force: true });
  }
  const writing = new KeyedMutex();

  function folderOf(hash: string): string {
    if (!HASH.test(hash)) throw new PlatformError('not-found', 'no such bundle');
    return join(bundlesDir, hash);
  }

  async function has(hash: string): Promise<boolean> {
    const found = await stat(join(folderOf(hash), MANIFEST_NAME)).catch(nullWhenMissing);
    return found !== null;
  }

  async function read(hash: string, path: string): Promise<Buffer> {
    const content = await readFile(join(folderOf(hash), path)).catch(nullWhenMissing);
    if (content === null) throw new PlatformError('not-found', `no ${path} in bundle ${hash}`);
    return content;
  }

  async function readManifest(hash: string): Promise<BundleManifest> {
    const content = await read(hash, MANIFEST_NAME);
    return JSON.parse(content.toString()) as BundleManifest;
  }

  async function verify(hash: string): Promise<boolean> {
    try {
      const content = await read(hash, MANIFEST_NAME);
      if (sha256(content) !== hash) return false;
      // The name vouches for the manifest, so its paths are those that put() checked.
      const manifest = JSON.parse(content.toString()) as BundleManifest;
      const code = codeFiles(manifest);
      let isSound = true;
      await forEachBounded(manifest.files, CHECKS_AT_ONCE, async (file) => {
        const isFileSound = code.has(file.path) ? hasContent(hash, file) : hasSize(hash, file);
        isSound = (await isFileSound) && isSound;
      });
      return isSound;
    } catch (error) {
      if (error instanceof PlatformError && error.code === 'not-found') return false;
      throw error;
    }
  }

  async function hasContent(hash: string, file: ManifestFile): Promise<boolean> {
    return sha256(await read(hash, file.path)) === file.sha256;
  }

  async function hasSize(hash: string, { path, bytes }: ManifestFile): Promise<boolean> {
    const found = await lstat(join(folderOf(hash), path)).catch(nullWhenMissing);
    return found !== null && found.isFile() && found.size === bytes;
  }

  async function put(bundle: NewBundle): Promise<{ hash: string; manifest: BundleManifest }> {
    const manifest = describe(bundle);
    const encoded = encodeManifest(manifest);
    if (encoded.length > MAX_MANIFEST_BYTES) {
      throw new PlatformError('build-failed', 'the description of the bundle is too large');
    }
    const hash = sha256(encoded);
    const files = [...bundle.files, { path: MANIFEST_NAME, content: encoded }];
    await writing.run(hash, async () => {
      if (await verify(hash)) return;
      await writingTo('store', () => replace(folderOf(hash), files));
    });
    return { hash, manifest };
  }

  /** Temporary folder on the same file system, all of it synced, rename, name synced: whole or absent after a crash. */
  async function replace(folder: string, files: BundleFile[]): Promise<void> {
    const temporary = join(bundlesDir, `.new-${randomName(12)}`);
    try {
      await mkdir(temporary, { mode: FOLDER_MODE });
      await chmod(temporary, FOLDER_MODE);
      await writeTree(temporary, files);
      await failpoint('bundle.tree-synced');
      await moveInto(temporary, folder);
      await failpoint('bundle.renamed');
      await syncFolder(bundlesDir);
    } finally {
      await rm(temporary, { recursive: true, force: true });
    }
  }

  /** What stands there already is torn or spoilt, or was written by another process a moment ago. */
  async function moveInto(temporary: string, folder: string): Promise<void> {
    try {
      await rename(temporary, folder);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== 'ENOTEMPTY' && code !== 'EEXIST') throw error;
      const spoilt = join(bundlesDir, `.spoilt-${randomName(12)}`);
      await rename(folder, spoilt);
      await rename(temporary, folder);
      await rm(spoilt, { recursive: true, force: true });
    }
  }

  async function remove(hash: string): Promise<void> {
    await writing.run(hash, async () => {
      const spoilt = join(bundlesDir, `.spoilt-${randomName(12)}`);
      const isThere = await rename(folderOf(hash), spoilt).then(() => true, nullWhenMissing);
      if (isThere === true) await rm(spoilt, { recursive: true, force: true });
    });
  }

  async function list(): Promise<{ hash: string; ageMs: number }[]> {
    const names = (await readdir(bundlesDir)).filter((name) => HASH.test(name));
    const found = await Promise.all(
      names.map(async (hash) => {
        const facts = await stat(join(bundlesDir, hash)).catch(nullWhenMissing);
        return facts === null ? [] : [{ hash, ageMs: Date.now() - facts.mtimeMs }];
      }),
    );
    return found.flat();
  }

  return {
    put,
    has,
    verify,
    list,
    findDamage: (hash) => findDamage(folderOf(hash), hash),
    readManifest,
    readFile: read,
    remove,
  };
}

function describe(bundle: NewBundle): BundleManifest {
  const { appId, runtime, functions, environment, variables, egress, releaseCommand, warnings } =
    bundle;
  const { domains = [] } = bundle;
  checkFilePaths(bundle.files.map(({ path }) => path));
  const bytes = bundle.files.reduce((sum, { content }) => sum + content.length, 0);
  if (bytes > MAX_BUNDLE_BYTES) {
    throw new PlatformError(
      'build-failed',
      `the bundle has ${formatBytes(bytes)}, and the limit is ${formatBytes(MAX_BUNDLE_BYTES)}`,
    );
  }
  const files = bundle.files
    .map(({ path, content }) => ({ path, bytes: content.length, sha256: sha256(content) }))
    .sort((a, b) => (a.path < b.path ? -1 : 1));
  const served = describePublic(bundle.publicFiles, files);
  const facts = { format: 1 as const, appId, runtime, functions, environment };
  const given = {
    ...(variables && { variables }),
    ...(egress && { egress }),
    ...(domains.length > 0 && { domains }),
  };
  return { ...facts, ...given, public: served, releaseCommand, files, warnings };
}

/** @throws PlatformError build-failed when one of them is not in the bundle */
function describePublic(built: BuiltPublicFile[], files: ManifestFile[]): PublicFile[] {
  const byPath = new Map(files.map((file) => [file.path, file]));
  return built
    .map(({ path, file, encodings }) => {
      const stored = byPath.get(file);
      const isWhole = Object.values(encodings).every((name) => byPath.has(name));
      if (stored === undefined || !isWhole) {
        throw new PlatformError(
          'build-failed',
          'the build named a public file that it did not make',
        );
      }
      return { path, file, bytes: stored.bytes, sha256: stored.sha256, encodings };
    })
    .sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** What workers run, and the source maps that explain it. */
function codeFiles({ functions, releaseCommand }: BundleManifest): Set<string> {
  const files = functions.map(({ file }) => file);
  if (releaseCommand !== null) files.push(releaseCommand.file);
  return new Set(files.flatMap((file) => [file, `${file}.map`]));
}

function nullWhenMissing(error: unknown): null {
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT' || code === 'ENOTDIR') return null;
  throw error;
}

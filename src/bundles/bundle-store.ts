import { chmod, mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { MAX_CODE_BYTES, MAX_SOURCE_MAP_BYTES } from '../protocol/builder.ts';
import { PlatformError } from '../protocol/errors.ts';
import { syncFolder } from '../std/atomic-file.ts';
import { randomName } from '../std/ids.ts';
import { KeyedMutex } from '../std/mutex.ts';
import {
  type BundleManifest,
  checkFilePaths,
  encodeManifest,
  MANIFEST_NAME,
  MAX_MANIFEST_BYTES,
  sha256,
} from './manifest.ts';

export interface BundleFile {
  path: string;
  content: Uint8Array;
}

/** What a builder made, before it has a name. */
type NewBundle = Omit<BundleManifest, 'format' | 'files'> & {
  files: BundleFile[];
};

export interface BundleStore {
  /** Stores a bundle whole, durably, and returns its name. Storing it again changes nothing. */
  put(bundle: NewBundle): Promise<{ hash: string; manifest: BundleManifest }>;
  /** Whether a bundle of that name is there; says nothing of its content. */
  has(hash: string): Promise<boolean>;
  /** Whether manifest and files are what the name says, byte for byte. */
  verify(hash: string): Promise<boolean>;
  /** @throws PlatformError not-found */
  readManifest(hash: string): Promise<BundleManifest>;
  /**
   * One file, by a path that the manifest names.
   * @throws PlatformError not-found
   */
  readFile(hash: string, path: string): Promise<Buffer>;
}

const MAX_BUNDLE_BYTES = MAX_CODE_BYTES + MAX_SOURCE_MAP_BYTES;
const HASH = /^[0-9a-f]{64}$/;
/** Data reads bundles as another user; nobody writes them again. */
const FILE_MODE = 0o444;
const FOLDER_MODE = 0o755;

/** The store below `bundlesDir`, which must exist: `<sha256>/manifest.json` and the files beside it. */
export function createBundleStore(bundlesDir: string): BundleStore {
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
      for (const file of (JSON.parse(content.toString()) as BundleManifest).files) {
        if (sha256(await read(hash, file.path)) !== file.sha256) return false;
      }
      return true;
    } catch (error) {
      if (error instanceof PlatformError && error.code === 'not-found') return false;
      throw error;
    }
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
      if (!(await verify(hash))) await replace(folderOf(hash), files);
    });
    return { hash, manifest };
  }

  /** Temporary folder on the same file system, files synced, rename, names synced: whole or absent after a crash. */
  async function replace(folder: string, files: BundleFile[]): Promise<void> {
    const temporary = join(bundlesDir, `.new-${randomName(12)}`);
    try {
      await mkdir(temporary, { mode: FOLDER_MODE });
      for (const file of files) await writeBundleFile(temporary, file);
      await chmod(temporary, FOLDER_MODE);
      await syncFolder(temporary);
      await moveInto(temporary, folder);
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

  return { put, has, verify, readManifest, readFile: read };
}

function describe(bundle: NewBundle): BundleManifest {
  const { appId, runtime, functions, environment, warnings } = bundle;
  checkFilePaths(bundle.files.map(({ path }) => path));
  const bytes = bundle.files.reduce((sum, { content }) => sum + content.length, 0);
  if (bytes > MAX_BUNDLE_BYTES) throw new PlatformError('build-failed', 'the bundle is too large');
  const files = bundle.files
    .map(({ path, content }) => ({ path, bytes: content.length, sha256: sha256(content) }))
    .sort((a, b) => (a.path < b.path ? -1 : 1));
  return { format: 1, appId, runtime, functions, environment, files, warnings };
}

async function writeBundleFile(folder: string, { path, content }: BundleFile): Promise<void> {
  await makeFolders(folder, dirname(path));
  const file = await open(join(folder, path), 'wx', FILE_MODE);
  try {
    await file.writeFile(content);
    await file.chmod(FILE_MODE); // The umask has no say in who may read it.
    await file.sync();
  } finally {
    await file.close();
  }
  await syncFolder(dirname(join(folder, path)));
}

async function makeFolders(root: string, path: string): Promise<void> {
  if (path === '.') return;
  let folder = root;
  for (const part of path.split('/')) {
    folder = join(folder, part);
    await mkdir(folder, { recursive: true });
    await chmod(folder, FOLDER_MODE);
  }
}

function nullWhenMissing(error: unknown): null {
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT' || code === 'ENOTDIR') return null;
  throw error;
}

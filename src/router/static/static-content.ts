/** The bytes of bundles' files: small ones from memory, large ones piece by piece from a shared descriptor. */
import { constants } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { PlatformError } from '../../protocol/errors.ts';
import { LoadingCache } from '../../std/loading-cache.ts';

/** Up to this size a file is read whole, and kept: nginx would leave it to the kernel's page cache. */
export const SMALL_FILE_BYTES = 64 * 1024;

export interface StaticContentLimits {
  /** Of small files. */
  maxKeptBytes: number;
  /** Files that are open at a time. Each is open once, however many clients it goes to. */
  maxOpenFiles: number;
}

const LIMITS: StaticContentLimits = { maxKeptBytes: 64 * 1024 * 1024, maxOpenFiles: 512 };
/** What an entry costs besides its content. */
const ENTRY_BYTES = 512;

export interface FileName {
  bundle: string;
  /** As the index has it. */
  file: string;
  bytes: number;
}

/** A file that stays open until it is released. */
export interface OpenFile {
  /** Some bytes from `position` on: at least one, at most `length`. Rejects at the end of the file. */
  read(position: number, length: number): Promise<Buffer>;
  /** To be called once. */
  release(): void;
}

export interface StaticContent {
  /** A small file's content when it is in memory, else null. */
  kept(name: FileName): Buffer | null;
  /** A small file's content. Rejects as `open` does. */
  whole(name: FileName): Promise<Buffer>;
  /** Rejects with PlatformError `busy` when too many are open, and with any error when the file is not as it should be. */
  open(name: FileName): Promise<OpenFile>;
}

interface Shared {
  handle: Promise<FileHandle>;
  users: number;
}

export function createStaticContent(bundlesDir: string, limits = LIMITS): StaticContent {
  const smallFiles = new LoadingCache<Buffer>(
    limits.maxKeptBytes,
    ({ length }) => length + ENTRY_BYTES,
  );
  const openFiles = new Map<string, Shared>();

  const pathOf = ({ bundle, file }: FileName): string => `${bundlesDir}/${bundle}/${file}`;

  function share(path: string, bytes: number): Shared {
    const known = openFiles.get(path);
    if (known !== undefined) return known;
    if (openFiles.size >= limits.maxOpenFiles) {
      throw new PlatformError('busy', 'too many files are being read');
    }
    const shared: Shared = { handle: openChecked(path, bytes), users: 0 };
    openFiles.set(path, shared);
    return shared;
  }

  function release(path: string, shared: Shared): void {
    if (--shared.users > 0) return;
    openFiles.delete(path);
    void shared.handle.then(
      (handle) => handle.close(),
      () => {}, // It never opened, as whoever asked for it was told.
    );
  }

  async function openFile(name: FileName): Promise<OpenFile> {
    const path = pathOf(name);
    const shared = share(path, name.bytes);
    shared.users++;
    try {
      const handle = await shared.handle;
      return {
        read: (position, length) => readPiece(handle, position, length),
        release: () => release(path, shared),
      };
    } catch (error) {
      release(path, shared);
      throw error;
    }
  }

  async function readWhole(name: FileName): Promise<Buffer> {
    const file = await openFile(name);
    try {
      return await readAll(file, name.bytes);
    } finally {
      file.release();
    }
  }

  return {
    kept: (name) => smallFiles.kept(pathOf(name)) ?? null,
    whole: (name) => smallFiles.load(pathOf(name), () => readWhole(name)),
    open: openFile,
  };
}

/** A regular file of the size that the manifest gives; never through a symbolic link, and never waiting for a pipe. */
async function openChecked(path: string, bytes: number): Promise<FileHandle> {
  const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  const status = await handle.stat();
  if (status.isFile() && status.size === bytes) return handle;
  await handle.close();
  throw new Error('the file is not the one that the manifest names');
}

/** Into memory of its own: the socket may keep it until the client has taken it. */
async function readPiece(handle: FileHandle, position: number, length: number): Promise<Buffer> {
  const piece = Buffer.allocUnsafeSlow(length);
  const { bytesRead } = await handle.read(piece, 0, length, position);
  if (bytesRead === 0) throw new Error('the file is shorter than its manifest says');
  return piece.subarray(0, bytesRead);
}

async function readAll(file: OpenFile, bytes: number): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for (let at = 0; at < bytes; at += pieces.at(-1)?.length ?? 0) {
    pieces.push(await file.read(at, bytes - at));
  }
  return pieces.length === 1 ? (pieces[0] ?? Buffer.alloc(0)) : Buffer.concat(pieces);
}

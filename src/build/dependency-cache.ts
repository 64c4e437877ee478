/**
 * Installed dependencies, and scripts made of them, as builds left them: opaque compressed files, a folder for each app. Nothing here reads what
 * is inside. What an app's build stored is given to builds of that app alone.
 */
import { createReadStream, createWriteStream, type WriteStream } from 'node:fs';
import { mkdir, open, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { MAX_CACHE_BYTES } from '../protocol/builder.ts';
import { randomName } from '../std/ids.ts';

export interface DependencyCache {
  /** Newest first. */
  keys(appId: string): Promise<string[]>;
  /** Null when it is not there any more. */
  open(appId: string, key: string): Promise<Readable | null>;
  /** Keeps a new one, unless `abort` or too many bytes come before `commit`. */
  write(appId: string, key: string): Promise<CacheWriter>;
  /** Of an app that goes. No harm when there is none. */
  remove(appId: string): Promise<void>;
}

export interface CacheWriter {
  /** False when the writer lags: `drained` tells when it has caught up. */
  write(chunk: Buffer): boolean;
  drained(): Promise<void>;
  commit(): Promise<void>;
  abort(): Promise<void>;
}

/** Installations, and what was made of each: of production, a branch under way, and the one before. */
const MAX_CACHES_PER_APP = 2 * 3;
const MAX_BYTES_PER_APP = 1024 * 1024 * 1024;
const ENDING = '.tar.zst';
const KEY = /^[0-9a-f]{64}$/;
const APP_ID = /^[a-z0-9-]{1,64}$/;

export function createDependencyCache(cacheDir: string): DependencyCache {
  function folderOf(appId: string): string {
    if (!APP_ID.test(appId)) throw new Error('not the id of an app');
    return join(cacheDir, appId);
  }

  function fileOf(appId: string, key: string): string {
    if (!KEY.test(key)) throw new Error('not the key of a cache');
    return join(folderOf(appId), key + ENDING);
  }

  async function list(appId: string): Promise<StoredCache[]> {
    const folder = folderOf(appId);
    const names = await readdir(folder).catch(() => []);
    const found = await Promise.all(names.map((name) => describe(folder, name)));
    return found.filter((cache) => cache !== null).sort((a, b) => b.usedAtMs - a.usedAtMs);
  }

  async function removeOld(appId: string): Promise<void> {
    let bytes = 0;
    for (const [index, cache] of (await list(appId)).entries()) {
      bytes += cache.bytes;
      if (index < MAX_CACHES_PER_APP && bytes <= MAX_BYTES_PER_APP) continue;
      await rm(fileOf(appId, cache.key), { force: true });
    }
  }

  return {
    keys: async (appId) => (await list(appId)).map(({ key }) => key),
    open: async (appId, key) => {
      const path = fileOf(appId, key);
      try {
        const now = new Date();
        await utimes(path, now, now); // Used again, so kept longer.
        const file = await open(path);
        return createReadStream('', { fd: file, highWaterMark: 256 * 1024 });
      } catch {
        return null;
      }
    },
    remove: (appId) => rm(folderOf(appId), { recursive: true, force: true }),
    write: async (appId, key) => {
      await mkdir(folderOf(appId), { recursive: true, mode: 0o700 });
      const temporary = join(folderOf(appId), `.new-${randomName(12)}`);
      const stream = createWriteStream(temporary, { flags: 'wx', mode: 0o600, flush: true });
      return createWriter(stream, {
        temporary,
        finish: async () => {
          await rename(temporary, fileOf(appId, key));
          await removeOld(appId);
        },
      });
    },
  };
}

interface StoredCache {
  key: string;
  bytes: number;
  usedAtMs: number;
}

/** Null for what is no cache; a half-written one of a process that ended is removed. */
async function describe(folder: string, name: string): Promise<StoredCache | null> {
  const path = join(folder, name);
  try {
    const { size, mtimeMs } = await stat(path);
    const key = name.slice(0, -ENDING.length);
    if (name.endsWith(ENDING) && KEY.test(key)) return { key, bytes: size, usedAtMs: mtimeMs };
    if (Date.now() - mtimeMs > ABANDONED_AFTER_MS) await rm(path, { force: true });
  } catch {
    // Removed by another build of the app a moment ago.
  }
  return null;
}

/** No build lasts as long. */
const ABANDONED_AFTER_MS = 60 * 60_000;

function createWriter(
  stream: WriteStream,
  { temporary, finish }: { temporary: string; finish: () => Promise<void> },
): CacheWriter {
  let bytes = 0;
  let failure: unknown = null;
  stream.on('error', (error) => (failure ??= error));

  async function abort(): Promise<void> {
    stream.destroy();
    await rm(temporary, { force: true });
  }

  return {
    write: (chunk) => {
      bytes += chunk.length;
      if (bytes > MAX_CACHE_BYTES) failure ??= new Error('larger than a cache may be');
      return failure !== null || stream.write(chunk);
    },
    drained: async () => {
      if (failure === null && stream.writableNeedDrain) await once(stream, 'drain').catch(() => {});
    },
    commit: async () => {
      if (failure !== null) return abort();
      stream.end();
      await once(stream, 'close').catch((error: unknown) => (failure ??= error));
      return failure === null ? finish() : abort();
    },
    abort,
  };
}

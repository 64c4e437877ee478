/**
 * V8's code caches of functions, as their own workers have made them: in a folder of data's own, those that were used
 * last in memory as well. Each belongs to one function of one deployment and goes to workers of that one alone, because
 * V8 believes what is in it: whoever forges one runs what it could have run anyway, in its own sandbox. V8 does not
 * check the bytes, so a sum of them is kept. No start needs one: what cannot be read or written is as if it were not.
 */
import { mkdir, readdir, readFile, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { writeFileAtomically } from '../std/atomic-file.ts';
import { LoadingCache } from '../std/loading-cache.ts';
import type { CacheStage, CodeCaches, FunctionSource } from './ports.ts';

/** Of all apps together, as files. */
const MAX_BYTES = 512 * 1024 * 1024;
/** An app with many branches drives out its own before those of others. */
const APP_SHARE = 1 / 4;
const MAX_MEMORY_BYTES = 32 * 1024 * 1024;
/** What one counts for at least: a block of the disk, and its place in the list. */
const MIN_CHARGE_BYTES = 4 * 1024;
/** A file is the CRC-32 of the cache, and the cache. */
const SUM_BYTES = 4;
const FILE_NAME = /^([a-z0-9-]+)\.(dep-[a-z0-9]+)\.[\w-]{1,160}\.(started|answered)$/;

interface Kept {
  file: string;
  appName: string;
  deployment: string;
  stage: CacheStage;
  bytes: number;
  /** Its key in memory: one that was made anew is another. */
  serial: string;
}

/** For a pool that keeps none. */
export const NO_CODE_CACHES: CodeCaches = {
  stageOf: () => 'answered',
  read: async () => null,
  make: async () => 'none',
  drop: () => {},
  keepOnly: () => {},
};

/** Which of how many data processes this is: each has a folder and a share of its own. */
interface Share {
  place: number;
  processes: number;
  maxBytes?: number;
}

/** Begins with what an earlier process has left in the folder. `onTrouble` is told once. */
export async function openCodeCaches(
  root: string,
  { place, processes, maxBytes = MAX_BYTES }: Share,
  onTrouble: (error: unknown) => void,
): Promise<CodeCaches> {
  const folder = join(root, String(place));
  const caches = new FolderOfCodeCaches(folder, { onTrouble, processes, maxBytes });
  try {
    if (place === 0) await removeOthers(root, processes);
    for (const { name, bytes } of await listFiles(folder)) caches.takeOver(name, bytes);
  } catch (error) {
    caches.trouble(error);
  }
  return caches;
}

class FolderOfCodeCaches implements CodeCaches {
  readonly #folder: string;
  readonly #maxBytes: number;
  readonly #onTrouble: (error: unknown) => void;
  /** By function, least recently used first. */
  readonly #kept = new Map<string, Kept>();
  readonly #memory: LoadingCache<Uint8Array>;
  readonly #bytesOfApps = new Map<string, number>();
  #bytes = 0;
  #count = 0;
  #isMaking = false;
  #hadTrouble = false;

  constructor(
    folder: string,
    limits: { onTrouble: (error: unknown) => void; processes: number; maxBytes: number },
  ) {
    this.#folder = folder;
    this.#onTrouble = limits.onTrouble;
    this.#maxBytes = limits.maxBytes / limits.processes;
    this.#memory = new LoadingCache(MAX_MEMORY_BYTES / limits.processes, ({ length }) => length);
  }

  /** Of a file that is there. */
  takeOver(file: string, fileBytes: number): void {
    const [, appName = '', deployment = '', stage] = FILE_NAME.exec(file) ?? [];
    const key = file.slice(0, file.lastIndexOf('.'));
    // A process that ended between writing a better one and removing the other left both.
    if (this.#kept.has(key)) this.#forget(key);
    const bytes = Math.max(fileBytes, MIN_CHARGE_BYTES);
    const serial = String(++this.#count);
    const known = stage === 'started' ? stage : 'answered';
    this.#kept.set(key, { file, appName, deployment, stage: known, bytes, serial });
    this.#charge(appName, bytes);
    this.#makeRoom(appName);
  }

  /** Told of what went wrong. */
  trouble(error: unknown): void {
    if (this.#hadTrouble) return;
    this.#hadTrouble = true;
    this.#onTrouble(error);
  }

  stageOf(source: FunctionSource): CacheStage | null {
    return this.#kept.get(keyOf(source))?.stage ?? null;
  }

  async read(source: FunctionSource): Promise<Uint8Array | null> {
    const key = keyOf(source);
    const kept = this.#kept.get(key);
    if (kept === undefined) return null;
    this.#kept.delete(key);
    this.#kept.set(key, kept);
    try {
      return await this.#memory.load(kept.serial, () => this.#readFile(kept));
    } catch (error) {
      // One that was replaced meanwhile is not missed.
      if (this.#kept.get(key) !== kept) return null;
      this.trouble(error);
      this.drop(source);
      return null;
    }
  }

  async make(
    source: FunctionSource,
    stage: CacheStage,
    makeOne: () => Promise<Uint8Array | null>,
  ): Promise<'made' | 'none' | 'busy'> {
    if (this.#isMaking) return 'busy';
    this.#isMaking = true;
    try {
      const cache = await makeOne();
      if (cache === null) return 'none';
      await this.#keep(source, stage, cache);
      return 'made';
    } catch (error) {
      this.trouble(error); // A full disk, for instance.
      return 'none';
    } finally {
      this.#isMaking = false;
    }
  }

  drop(source: FunctionSource): void {
    this.#forget(keyOf(source));
  }

  keepOnly(deployments: ReadonlySet<string>): void {
    for (const [key, { deployment }] of this.#kept) {
      if (!deployments.has(deployment)) this.#forget(key);
    }
  }

  async #readFile({ file }: Kept): Promise<Uint8Array> {
    const path = join(this.#folder, file);
    const content = await readFile(path);
    const cache = content.subarray(SUM_BYTES);
    if (content.length <= SUM_BYTES || crc32(cache) !== content.readUInt32BE(0)) {
      throw new Error(`${path} is not as it was written`);
    }
    // The next process finds by the times of the files which were used last.
    const now = new Date();
    utimes(path, now, now).catch((error: unknown) => this.trouble(error));
    return cache;
  }

  async #keep(source: FunctionSource, stage: CacheStage, cache: Uint8Array): Promise<void> {
    const key = keyOf(source);
    const file = `${key}.${stage}`;
    if (!FILE_NAME.test(file)) return;
    const sum = Buffer.alloc(SUM_BYTES);
    sum.writeUInt32BE(crc32(cache));
    await writeFileAtomically(join(this.#folder, file), Buffer.concat([sum, cache]));
    const previous = this.#kept.get(key);
    if (previous !== undefined) this.#forget(key, { isReplaced: previous.file === file });
    this.takeOver(file, SUM_BYTES + cache.length);
  }

  #makeRoom(appName: string): void {
    for (const [key, kept] of this.#kept) {
      const isAppOver = (this.#bytesOfApps.get(appName) ?? 0) > this.#maxBytes * APP_SHARE;
      if (!isAppOver && this.#bytes <= this.#maxBytes) return;
      if (!isAppOver || kept.appName === appName) this.#forget(key);
    }
  }

  #forget(key: string, { isReplaced = false } = {}): void {
    const kept = this.#kept.get(key);
    if (kept === undefined) return;
    this.#kept.delete(key);
    this.#charge(kept.appName, -kept.bytes);
    if (isReplaced) return;
    rm(join(this.#folder, kept.file), { force: true }).catch((error: unknown) =>
      this.trouble(error),
    );
  }

  #charge(appName: string, bytes: number): void {
    this.#bytes += bytes;
    const ofApp = (this.#bytesOfApps.get(appName) ?? 0) + bytes;
    if (ofApp === 0) this.#bytesOfApps.delete(appName);
    else this.#bytesOfApps.set(appName, ofApp);
  }
}

/** What is no name of ours never becomes a file: FILE_NAME is held against it. */
function keyOf({ appName, deployment, functionName }: FunctionSource): string {
  return `${appName}.${deployment}.${Buffer.from(functionName).toString('base64url')}`;
}

/** Of data processes that there were before. */
async function removeOthers(root: string, processes: number): Promise<void> {
  await mkdir(root, { recursive: true });
  for (const name of await readdir(root)) {
    if (Number(name) < processes) continue;
    await rm(join(root, name), { recursive: true, force: true });
  }
}

/** Least recently used first. Removes what a process that was killed had begun to write. */
async function listFiles(folder: string): Promise<{ name: string; bytes: number }[]> {
  await mkdir(folder, { recursive: true });
  const files: { name: string; bytes: number; usedAtMs: number }[] = [];
  for (const name of await readdir(folder)) {
    const path = join(folder, name);
    if (!FILE_NAME.test(name)) {
      await rm(path, { recursive: true, force: true });
      continue;
    }
    const { size, mtimeMs } = await stat(path);
    files.push({ name, bytes: size, usedAtMs: mtimeMs });
  }
  return files.sort((a, b) => a.usedAtMs - b.usedAtMs);
}

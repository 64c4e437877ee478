/**
 * Folders of installed packages as one tar (POSIX ustar, with pax headers where a name is long), compressed with
 * zstd. Both halves are our own because speed is their only point: a build that finds its packages in the cache waits
 * for nothing else.
 */
import {
  closeSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { constants, createZstdCompress, createZstdDecompress } from 'node:zlib';
import { Readable as ReadableStream } from 'node:stream';

const BLOCK_BYTES = 512;
const CHUNK_BYTES = 256 * 1024;
/** Decompressed at a time, on another thread, while what came before is written: hundreds of files a turn. */
const UNPACKED_CHUNK_BYTES = 1024 * 1024;
const NAME_BYTES = 100;
/** Larger trees are quicker to install than to move. */
export const MAX_ARCHIVE_FILES = 150_000;
const MAX_ENTRY_BYTES = 512 * 1024 * 1024;
/** Next to no time, and a third of the bytes. */
const COMPRESSION_LEVEL = 1;

/** A path that is absolute, or has a part `..`. */
const CLIMBS = /^\/|(?:^|\/)\.\.(?:\/|$)/;

const TYPE = { file: '0', link: '2', folder: '5', pax: 'x', divider: 'g' } as const;

/**
 * What no import leads to unless it names it whole: declarations of types and texts for people, nearly half of all files.
 * They stand behind the rest, so that a build which does not need them need not wait for them.
 */
const SELDOM_READ = /\.(?:d\.[cm]?ts|flow|md|markdown)$|\/(?:licen[cs]e|readme|changelog)$/i;

type Part = 'often-read' | 'seldom-read' | 'all';

export function isSeldomRead(path: string): boolean {
  return SELDOM_READ.test(path);
}

/** The archive of these folders, relative to `root`. */
export function packFolders(root: string, folders: readonly string[]): Readable {
  const compress = createZstdCompress({
    params: { [constants.ZSTD_c_compressionLevel]: COMPRESSION_LEVEL },
  });
  const tar = ReadableStream.from(gather(tarBlocks(root, folders)), { objectMode: false });
  tar.on('error', (error) => compress.destroy(error));
  return tar.pipe(compress);
}

/** Few large chunks instead of many small ones. */
function* gather(blocks: Iterable<Buffer>): Generator<Buffer> {
  let parts: Buffer[] = [];
  let bytes = 0;
  for (const block of blocks) {
    parts.push(block);
    bytes += block.length;
    if (bytes < CHUNK_BYTES) continue;
    yield Buffer.concat(parts);
    parts = [];
    bytes = 0;
  }
  yield Buffer.concat(parts);
}

function* tarBlocks(root: string, folders: readonly string[]): Generator<Buffer> {
  const seldom: string[] = [];
  const count = { files: 0 };
  for (const folder of folders) yield* folderBlocks(root, folder, { count, seldom });
  yield header({ path: 'seldom-read', type: TYPE.divider, mode: 0o644, bytes: 0 });
  for (const path of seldom) yield* fileBlocks(root, path);
  yield Buffer.alloc(2 * BLOCK_BYTES);
}

interface Walk {
  count: { files: number };
  /** Files that are left for the second part. */
  seldom: string[];
}

function* folderBlocks(root: string, path: string, walk: Walk): Generator<Buffer> {
  const { count, seldom } = walk;
  yield* entryHead({ path: `${path}/`, type: TYPE.folder, mode: 0o755, bytes: 0 });
  for (const entry of readdirSync(join(root, path), { withFileTypes: true })) {
    const name = `${path}/${entry.name}`;
    if (entry.isDirectory()) {
      yield* folderBlocks(root, name, walk);
      continue;
    }
    count.files += 1;
    if (count.files > MAX_ARCHIVE_FILES) throw new Error('more files than a cache may have');
    if (entry.isSymbolicLink()) {
      const target = readlinkSync(join(root, name));
      yield* entryHead({ path: name, type: TYPE.link, mode: 0o777, bytes: 0, target });
    } else if (entry.isFile()) {
      if (isSeldomRead(name)) seldom.push(name);
      else yield* fileBlocks(root, name);
    }
  }
}

function* fileBlocks(root: string, path: string): Generator<Buffer> {
  const content = readFileSync(join(root, path));
  const { mode } = lstatSync(join(root, path));
  yield* entryHead({ path, type: TYPE.file, mode, bytes: content.length });
  yield content;
  yield Buffer.alloc(padding(content.length));
}

interface EntryHead {
  path: string;
  type: string;
  mode: number;
  bytes: number;
  target?: string;
}

function* entryHead(head: EntryHead): Generator<Buffer> {
  const { path, target = '' } = head;
  const isLong = Buffer.byteLength(path) > NAME_BYTES || Buffer.byteLength(target) > NAME_BYTES;
  if (isLong) {
    const records = Buffer.from(paxRecord('path', path) + paxRecord('linkpath', target));
    yield header({ path: 'long', type: TYPE.pax, mode: 0o644, bytes: records.length });
    yield records;
    yield Buffer.alloc(padding(records.length));
  }
  yield header(isLong ? { ...head, path: 'long', target: '' } : head);
}

/** `LENGTH key=value\n`, the length counting itself. */
function paxRecord(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  const bytes = Buffer.byteLength(rest);
  let length = bytes + String(bytes).length;
  if (bytes + String(length).length > length) length += 1;
  return length + rest;
}

function header({ path, type, mode, bytes, target = '' }: EntryHead): Buffer {
  const block = Buffer.alloc(BLOCK_BYTES);
  block.write(path, 0);
  block.write(`${(mode & 0o777).toString(8).padStart(7, '0')}\0`, 100);
  block.write('0000000\0'.repeat(2), 108);
  block.write(`${bytes.toString(8).padStart(11, '0')}\0`, 124);
  block.write(`${'0'.repeat(11)}\0`, 136);
  block.write('        ', 148);
  block.write(type, 156);
  block.write(target, 157);
  block.write('ustar\u000000', 257);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return block;
}

function padding(bytes: number): number {
  return (BLOCK_BYTES - (bytes % BLOCK_BYTES)) % BLOCK_BYTES;
}

/**
 * Unpacks an archive of `packFolders` below `root`, where none of its folders is yet but by its first part.
 * @throws Error for anything that is not an archive, whole as far as it is read
 */
export async function unpackFolders(archive: Readable, root: string, part: Part): Promise<void> {
  const unpacking = new Unpacking(root, part);
  const tar = createZstdDecompress({ chunkSize: UNPACKED_CHUNK_BYTES });
  archive.on('error', (error) => tar.destroy(error));
  archive.pipe(tar);
  for await (const chunk of tar as AsyncIterable<Buffer>) {
    unpacking.push(chunk);
    if (unpacking.isWhole) break;
  }
  // What is left of it must not hold up the connection. The pipe's own end, later, would pause it again.
  archive.unpipe(tar);
  archive.resume();
  if (!unpacking.isWhole) throw new Error('the archive ends too early');
}

interface OpenEntry extends EntryHead {
  missing: number;
  skip: number;
  fd: number | null;
  pax: Buffer[];
}

class Unpacking {
  readonly #root: string;
  #rest: Buffer = Buffer.alloc(0);
  #entry: OpenEntry | null = null;
  #long: { path?: string; linkpath?: string } = {};
  readonly #part: Part;
  #isWanted: boolean;
  #isDivided = false;
  isWhole = false;

  constructor(root: string, part: Part) {
    this.#root = root;
    this.#part = part;
    this.#isWanted = part !== 'seldom-read';
  }

  push(chunk: Buffer): void {
    let data = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    while (data.length > 0 && !this.isWhole) {
      if (this.#entry !== null) {
        data = this.#takeContent(this.#entry, data);
      } else {
        if (data.length < BLOCK_BYTES) break;
        this.#begin(data.subarray(0, BLOCK_BYTES));
        data = data.subarray(BLOCK_BYTES);
      }
    }
    this.#rest = this.isWhole ? Buffer.alloc(0) : data;
  }

  #begin(block: Buffer): void {
    if (block[0] === 0) {
      if (!this.#isDivided) throw new Error('the archive has no second part');
      this.isWhole = true;
      return;
    }
    const bytes = Number.parseInt(textAt(block, 124, 12), 8);
    const type = textAt(block, 156, 1);
    if (!(bytes >= 0 && bytes <= MAX_ENTRY_BYTES)) throw new Error('an entry without size');
    const path = this.#long.path ?? textAt(block, 0, NAME_BYTES);
    const target = this.#long.linkpath ?? textAt(block, 157, NAME_BYTES);
    const mode = Number.parseInt(textAt(block, 100, 8), 8);
    const head = { path, type, mode, bytes, target };
    if (type === TYPE.divider) return this.#divide();
    const fd = type === TYPE.pax || !this.#isWanted ? null : this.#make(head);
    if (type !== TYPE.pax) this.#long = {};
    this.#entry = { ...head, missing: bytes, skip: padding(bytes), fd, pax: [] };
    this.#endWhenComplete(this.#entry);
  }

  #divide(): void {
    this.#isDivided = true;
    this.#isWanted = true;
    if (this.#part === 'often-read') this.isWhole = true;
  }

  /** Nothing outside the root: the archive went through hands that are not trusted with it. */
  #make({ path, type, mode, target = '' }: EntryHead): number | null {
    if (CLIMBS.test(path)) throw new Error('a path outside');
    const place = `${this.#root}/${path}`;
    if (type === TYPE.folder) {
      mkdirSync(place, { recursive: true });
      return null;
    }
    if (type === TYPE.link) {
      symlinkSync(target, place);
      return null;
    }
    if (type !== TYPE.file) throw new Error('an entry of another kind');
    return openSync(place, 'wx', (mode & 0o111) === 0 ? 0o644 : 0o755);
  }

  #takeContent(entry: OpenEntry, data: Buffer): Buffer {
    const content = data.subarray(0, Math.min(entry.missing, data.length));
    if (entry.fd !== null) {
      for (let at = 0; at < content.length;) at += writeSync(entry.fd, content, at);
    } else if (entry.type === TYPE.pax) {
      entry.pax.push(Buffer.from(content));
    }
    entry.missing -= content.length;
    const skipped = entry.missing > 0 ? 0 : Math.min(entry.skip, data.length - content.length);
    entry.skip -= skipped;
    this.#endWhenComplete(entry);
    return data.subarray(content.length + skipped);
  }

  #endWhenComplete(entry: OpenEntry): void {
    if (entry.missing > 0 || entry.skip > 0) return;
    this.#entry = null;
    if (entry.fd !== null) closeSync(entry.fd);
    if (entry.type === TYPE.pax) this.#long = parsePax(Buffer.concat(entry.pax).toString());
  }
}

/** A field of a header: to its end, or to the first zero. */
function textAt(block: Buffer, from: number, bytes: number): string {
  const zero = block.indexOf(0, from);
  return block.toString('utf8', from, zero < 0 ? from + bytes : Math.min(zero, from + bytes));
}

function parsePax(records: string): { path?: string; linkpath?: string } {
  const found: Record<string, string> = {};
  for (const [, key = '', value = ''] of records.matchAll(/\d+ (\w+)=(.*)\n/g)) found[key] = value;
  const { path, linkpath } = found;
  return { ...(path && { path }), ...(linkpath && { linkpath }) };
}

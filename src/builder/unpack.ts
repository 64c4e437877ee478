import {
  closeSync,
  constants,
  mkdirSync,
  mkdtempSync,
  openSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, isAbsolute, join, normalize } from 'node:path';
import type { Readable } from 'node:stream';
import { extract, type Extract } from 'tar-stream';
import {
  type BuildProblem,
  MAX_SOURCE_BYTES,
  MAX_SOURCE_FILES,
  MAX_SOURCE_PATH_BYTES,
} from '../protocol/builder.ts';
import { isInside } from './inside.ts';
import { isLfsPointer, lfsProblems, MAX_POINTER_BYTES } from './lfs-pointers.ts';

/** The repository's files on disk. */
interface UnpackedSource {
  kind: 'unpacked';
  files: number;
  bytes: number;
  /** Those that were kept, as `path → target`. */
  links: string[];
  warnings: BuildProblem[];
}

type Unpacking = UnpackedSource | { kind: 'failed'; problems: BuildProblem[] };

type Entry = Extract extends AsyncIterable<infer Item> ? Item : never;

/** Linux's limit for one part of a path. */
const MAX_NAME_BYTES = 255;

/** What stands for bytes that are no UTF-8. A file of such a name could be written under another one only. */
const REPLACEMENT = '\uFFFD';

/** A limit or rule of the source that does not hold; becomes a problem. */
class SourceRefused extends Error {}

/** A new, empty folder for one repository. */
export function makeSourceFolder(): string {
  return realpathSync(mkdtempSync(join(tmpdir(), 'source-')));
}

/**
 * Writes the tar's files and folders below `root`, which exists and is empty. Symbolic links are made last, so that
 * no file is ever written through one, and only those that stay inside the tree. Nothing else is made, no modes and
 * owners are kept, nothing is executed.
 */
export async function unpackSource(tar: Readable, root: string): Promise<Unpacking> {
  const source: UnpackedSource = {
    kind: 'unpacked',
    files: 0,
    bytes: 0,
    links: [],
    warnings: [],
  };
  const links = new Map<string, string>();
  const pointers: string[] = [];
  try {
    const entries = extract();
    tar.on('error', (error) => entries.destroy(error));
    tar.pipe(entries);
    for await (const entry of entries) await unpackEntry(entry, { root, source, links, pointers });
    tar.resume(); // What fills up its last block must not hold up the connection.
    if (pointers.length > 0) return { kind: 'failed', problems: lfsProblems(pointers) };
    makeLinks(links, root, source);
    return source;
  } catch (error) {
    if (error instanceof SourceRefused) return refuse(error.message);
    if ((error as NodeJS.ErrnoException).code === 'ENOSPC') {
      return refuse('the repository is larger than the build can hold');
    }
    throw error;
  }
}

function refuse(message: string): Unpacking {
  return { kind: 'failed', problems: [{ message, at: null, frame: [] }] };
}

interface UnpackState {
  root: string;
  source: UnpackedSource;
  links: Map<string, string>;
  /** Paths of files that stand for others, which are not here. */
  pointers: string[];
}

async function unpackEntry(
  entry: Entry,
  { root, source, links, pointers }: UnpackState,
): Promise<void> {
  const { name, type, linkname } = entry.header;
  const path = safePath(name);
  if (path.includes(REPLACEMENT)) {
    leaveOut(source, `the name ${JSON.stringify(path)} is no UTF-8`);
    entry.resume();
    return;
  }
  if (type === 'directory') {
    mkdirSync(join(root, path), { recursive: true });
  } else if (type === 'file') {
    countFile(source);
    const beginning = await writeEntry(entry, join(root, path), source);
    if (isLfsPointer(beginning)) pointers.push(path);
  } else if (type === 'symlink') {
    countFile(source);
    links.set(path, linkname);
  } else {
    throw new SourceRefused(`"${path}" is neither file, folder nor symbolic link`);
  }
  entry.resume();
}

/** The entry's path below the root, checked as if it came from an enemy. */
function safePath(name: string): string {
  const path = normalize(name).replace(/\/$/, '');
  const parts = path.split('/');
  const isBad = name.includes('\0') || isAbsolute(path) || parts.includes('..');
  if (isBad) throw new SourceRefused(`"${name}" is no path inside a repository`);
  const isLong =
    Buffer.byteLength(path) > MAX_SOURCE_PATH_BYTES ||
    parts.some((part) => Buffer.byteLength(part) > MAX_NAME_BYTES);
  if (isLong) throw new SourceRefused(`the path "${path.slice(0, 60)}…" is too long`);
  return path;
}

function countFile(source: UnpackedSource): void {
  source.files += 1;
  if (source.files > MAX_SOURCE_FILES) {
    throw new SourceRefused(`the repository has more than ${MAX_SOURCE_FILES} files`);
  }
}

/** Resolves with the file's content when it is so small that it may be a pointer, else with nothing. */
async function writeEntry(entry: Entry, path: string, source: UnpackedSource): Promise<Buffer> {
  const chunks: Buffer[] = [];
  const mayBePointer = (entry.header.size ?? 0) <= MAX_POINTER_BYTES;
  mkdirSync(dirname(path), { recursive: true });
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  const file = openSync(path, flags, 0o644);
  try {
    for await (const chunk of entry as AsyncIterable<Buffer>) {
      source.bytes += chunk.length;
      if (source.bytes > MAX_SOURCE_BYTES) {
        const limitMib = MAX_SOURCE_BYTES / 1024 / 1024;
        throw new SourceRefused(`the repository's files are larger than ${limitMib} MB together`);
      }
      for (let at = 0; at < chunk.length;) at += writeSync(file, chunk, at);
      if (mayBePointer) chunks.push(chunk);
    }
  } finally {
    closeSync(file);
  }
  return Buffer.concat(chunks);
}

/** Makes all links, then removes those that lead out of the tree or nowhere, whatever the chain between them. */
function makeLinks(links: Map<string, string>, root: string, source: UnpackedSource): void {
  for (const path of links.keys()) {
    const isBehindLink = ancestors(path).some((folder) => links.has(folder));
    if (isBehindLink) throw new SourceRefused(`"${path}" lies behind a symbolic link`);
  }
  for (const [path, target] of links) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    symlinkSync(target, join(root, path));
  }
  for (const [path, target] of links) {
    if (leadsInside(join(root, path), root)) {
      source.links.push(`${path} → ${target}`);
      continue;
    }
    rmSync(join(root, path), { force: true });
    leaveOut(source, `the symbolic link "${path}" leads out of the repository or nowhere`);
  }
}

function leaveOut(source: UnpackedSource, reason: string): void {
  source.warnings.push({ message: `${reason}: left out`, at: null, frame: [] });
}

function ancestors(path: string): string[] {
  const parts = path.split('/').slice(0, -1);
  return parts.map((_, index) => parts.slice(0, index + 1).join('/'));
}

function leadsInside(link: string, root: string): boolean {
  try {
    return isInside(root, realpathSync(link));
  } catch {
    return false; // Dangling, or a loop.
  }
}

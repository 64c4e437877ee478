import { readdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { join, normalize } from 'node:path';
import {
  type BuildProblem,
  type BuiltPublicFile,
  MAX_BUILT_FILES,
  MAX_BUILT_PATH_BYTES,
  MAX_BUILT_PATH_PARTS,
  MAX_BUNDLE_BYTES,
} from '../protocol/builder.ts';
import { formatBytes } from '../protocol/display.ts';
import type { BuildContext } from './build-context.ts';
import { compressFiles } from './compress-files.ts';
import { isInside } from './inside.ts';

export interface OutputFile {
  path: string;
  content: Uint8Array;
}

export type PublicCollection =
  | { kind: 'collected'; publicFiles: BuiltPublicFile[]; files: OutputFile[] }
  | { kind: 'failed'; problems: BuildProblem[] };

/** Where they lie in a bundle. */
const BUNDLE_FOLDER = 'public';
const DEFAULT_FOLDER = 'public';
/** What version control and desktops leave in folders; nobody means to serve it. */
const UNSERVED = new Set(['.git', '.gitignore', '.gitattributes', '.gitkeep', '.DS_Store']);

/** The public folder could not be taken as it is. */
class PublicRefused extends Error {
  readonly hint: string | undefined;

  constructor(message: string, hint?: string) {
    super(message);
    this.hint = hint;
  }
}

/** Whether there is anything to serve: enough for a site without a function. */
export function hasPublicFiles(context: Pick<BuildContext, 'folder' | 'manifest'>): boolean {
  const folder = publicFolder(context);
  return folder !== null && isFolder(join(context.folder, folder));
}

/**
 * Takes the files of the public folder as they are, with compressed siblings that need no compressing at each request.
 * `room` is how many files the bundle can still hold.
 */
export async function collectPublicFiles(
  context: Pick<BuildContext, 'folder' | 'manifest' | 'warnings'>,
  room: number,
): Promise<PublicCollection> {
  try {
    const folder = publicFolder(context);
    if (folder === null || !findPublicFolder(context, folder)) {
      return { kind: 'collected', publicFiles: [], files: [] };
    }
    const contents = readPublicFiles(join(context.folder, folder), folder, room);
    const compressed = await compressFiles(contents, room - contents.size);
    for (const message of compressed.warnings)
      context.warnings.push({ message, at: null, frame: [] });
    return collected(contents, compressed);
  } catch (error) {
    if (!(error instanceof PublicRefused)) throw error;
    const hint = error.hint === undefined ? {} : { hint: error.hint };
    return { kind: 'failed', problems: [{ message: error.message, at: null, frame: [], ...hint }] };
  }
}

function publicFolder({ manifest }: Pick<BuildContext, 'manifest'>): string | null {
  const named = manifest.values.public ?? DEFAULT_FOLDER;
  return named === false ? null : normalize(named).replace(/\/$/, '');
}

/** @throws PublicRefused when fn.json names what cannot be served */
function findPublicFolder(
  { folder: root, manifest }: Pick<BuildContext, 'folder' | 'manifest'>,
  folder: string,
): boolean {
  const path = join(root, folder);
  const isNamed = manifest.values.public !== undefined;
  if (folder === '.') {
    throw new PublicRefused(
      '"public" in fn.json names the whole repository, source and all',
      'put what shall be served into a folder: public/',
    );
  }
  if (!isInside(root, path)) {
    throw new PublicRefused(
      `"public" in fn.json names ${folder}, which lies outside the repository`,
    );
  }
  if (isFolder(path)) {
    if (isInside(root, realpathSync(path))) return true;
    throw new PublicRefused(`the public folder ${folder} is a symbolic link out of the repository`);
  }
  if (!isNamed) return false;
  throw new PublicRefused(
    `"public" in fn.json names ${folder}, and there is no such folder`,
    'is it committed, or made by "build": { "command": … }?',
  );
}

/** Path below the folder → content, sorted by path. */
function readPublicFiles(root: string, name: string, room: number): Map<string, Buffer> {
  const real = realpathSync(root);
  const contents = new Map<string, Buffer>();
  let bytes = 0;
  for (const path of listFiles(real, name, room)) {
    const content = readFileSync(join(real, path));
    bytes += content.length;
    if (bytes > MAX_BUNDLE_BYTES) {
      throw new PublicRefused(
        `${name}/ has more than ${formatBytes(MAX_BUNDLE_BYTES)}`,
        'large files belong to an object store or a CDN',
      );
    }
    contents.set(path, content);
  }
  return contents;
}

function listFiles(root: string, name: string, room: number): string[] {
  const paths: string[] = [];
  const walk = (folder: string): void => {
    for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
      if (UNSERVED.has(entry.name)) continue;
      const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
      checkName(`${name}/${path}`);
      if (entry.isSymbolicLink()) checkLink(root, path, name);
      if (entry.isDirectory()) walk(path);
      else if (statSync(join(root, path)).isFile()) paths.push(path);
      if (paths.length <= room) continue;
      throw new PublicRefused(
        `${name}/ has more than ${room} files, and a bundle holds ${MAX_BUILT_FILES}`,
        'many files belong to an object store or a CDN',
      );
    }
  };
  walk('');
  return paths.sort();
}

/** A link to a file inside is served as the file; one to a folder would serve its files twice, or in a circle. */
function checkLink(root: string, path: string, name: string): void {
  const target = realpathSync(join(root, path));
  if (!isInside(root, target)) {
    throw new PublicRefused(
      `${name}/${path} is a symbolic link out of ${name}/`,
      'commit the file itself: what lies outside the public folder is not served',
    );
  }
  if (statSync(target).isDirectory()) {
    throw new PublicRefused(
      `${name}/${path} is a symbolic link to a folder`,
      'commit the folder itself',
    );
  }
}

function checkName(path: string): void {
  const isLong =
    Buffer.byteLength(path) > MAX_BUILT_PATH_BYTES || path.split('/').length > MAX_BUILT_PATH_PARTS;
  if (isLong) throw new PublicRefused(`the path ${path.slice(0, 60)}… is too long or too deep`);
  if (/\p{Cc}|\uFFFD/u.test(path)) {
    throw new PublicRefused(
      `the name ${JSON.stringify(path)} holds control characters or is no UTF-8`,
      'rename the file: no URL could name it',
    );
  }
}

function collected(
  contents: Map<string, Buffer>,
  { siblings }: Awaited<ReturnType<typeof compressFiles>>,
): PublicCollection {
  const files: OutputFile[] = [];
  const inBundle = (path: string): string => `${BUNDLE_FOLDER}/${path}`;
  for (const [path, content] of contents) files.push({ path: inBundle(path), content });
  const publicFiles = [...contents.keys()].map((path): BuiltPublicFile => {
    const encodings: BuiltPublicFile['encodings'] = {};
    for (const [encoding, sibling] of Object.entries(siblings.get(path) ?? {})) {
      encodings[encoding as keyof typeof encodings] = inBundle(sibling.path);
      if (sibling.content !== null)
        files.push({ path: inBundle(sibling.path), content: sibling.content });
    }
    return { path: `/${path}`, file: inBundle(path), encodings };
  });
  return { kind: 'collected', publicFiles, files };
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

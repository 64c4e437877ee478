/** The public files of one bundle: which URL is which file, and the head that each is answered with. */
import { targetPath } from '../target-path.ts';
import { headerLines } from '../response-head.ts';
import { cacheControl, contentType } from './static-type.ts';

/** One form in which a file is stored. */
export interface StoredForm {
  /** The bundle's file. */
  readonly file: string;
  readonly bytes: number;
  /** Strong, with its quotes: other forms of the same file have others. */
  readonly etag: string;
  /** name, value, … of 304, which says nothing of the content (RFC 9110 section 15.4.5). */
  readonly cacheHeaders: readonly string[];
  /** name, value, … of 200 and 206. */
  readonly headers: readonly string[];
  /** The same as it goes over the wire, with what a whole answer has besides. */
  readonly wholeLines: string;
}

export interface StaticFile {
  readonly path: string;
  readonly identity: StoredForm;
  readonly br?: StoredForm;
  readonly gzip?: StoredForm;
}

export type StaticMatch =
  | { kind: 'file'; file: StaticFile }
  /** The page has its address with, or without, a slash at its end: `path`, percent-encoded. */
  | { kind: 'moved'; path: string };

export interface StaticIndex {
  readonly size: number;
  /** `target` is the request target as it came. */
  find(target: string): StaticMatch | null;
  /** The page that says that there is nothing: `/404.html`. */
  readonly notFoundPage: StaticFile | null;
}

const NOT_FOUND_PATH = '/404.html';
const ETAG_DIGITS = 32;
/** What a whole answer has and a part of one has not. */
export const WHOLE_HEADERS: readonly string[] = ['accept-ranges', 'bytes'];

/**
 * A page has one address: `/about` shows about.html, `/docs/` shows docs/index.html, and what has the slash too much
 * or too little is sent to the other, so that relative links lead to the same place for everybody. The names of files
 * with their extension work as well. This is what users of Netlify, Cloudflare Pages and GitHub Pages know.
 *
 * A path is only ever looked up among those that the build named; none is made from a request.
 */
export function createStaticIndex(named: ReadonlyMap<string, NamedFile>): StaticIndex {
  const files = rememberFiles(named);
  return {
    size: named.size,
    get notFoundPage() {
      return files.get(NOT_FOUND_PATH) ?? null;
    },
    find: (target) => {
      const path = decodedPath(targetPath(target));
      return path === null ? null : findPath(files, path);
    },
  };
}

type StaticFiles = Pick<ReadonlyMap<string, StaticFile>, 'get' | 'has'>;

/** Heads are made when a file is first asked for: a bundle may have 20,000, and no request shall wait for all. */
function rememberFiles(named: ReadonlyMap<string, NamedFile>): StaticFiles {
  const made = new Map<string, StaticFile>();
  return {
    has: (path) => named.has(path),
    get: (path) => {
      const known = made.get(path);
      if (known !== undefined) return known;
      const file = named.get(path);
      if (file === undefined) return undefined;
      const created = createStaticFile(file);
      made.set(path, created);
      return created;
    },
  };
}

function findPath(files: StaticFiles, path: string): StaticMatch | null {
  if (path.endsWith('/')) {
    const page = files.get(`${path}index.html`);
    if (page !== undefined) return { kind: 'file', file: page };
    const withoutSlash = path.slice(0, -1);
    return files.has(`${withoutSlash}.html`) && withoutSlash !== '' ? moved(withoutSlash) : null;
  }
  const file = files.get(path) ?? files.get(`${path}.html`);
  if (file !== undefined) return { kind: 'file', file };
  return files.has(`${path}/index.html`) ? moved(`${path}/`) : null;
}

function moved(path: string): StaticMatch {
  return { kind: 'moved', path: path.split('/').map(encodeURIComponent).join('/') };
}

/** Null for what names no file: bad encodings, and encoded slashes, which separate nothing. */
function decodedPath(path: string): string | null {
  if (!path.includes('%')) return path;
  try {
    const parts = path.split('/').map(decodeURIComponent);
    return parts.some((part) => part.includes('/')) ? null : parts.join('/');
  } catch {
    return null;
  }
}

/** A public file as the bundle has it. */
export interface NamedFile {
  path: string;
  sha256: string;
  identity: { file: string; bytes: number };
  br?: { file: string; bytes: number };
  gzip?: { file: string; bytes: number };
}

function createStaticFile({ path, sha256, identity, br, gzip }: NamedFile): StaticFile {
  const tag = sha256.slice(0, ETAG_DIGITS);
  const varies = br !== undefined || gzip !== undefined ? ['vary', 'accept-encoding'] : [];
  const cached = ['cache-control', cacheControl(path), ...varies];
  const typed = ['content-type', contentType(path), 'x-content-type-options', 'nosniff'];
  const formOf = (stored: { file: string; bytes: number }, suffix: string): StoredForm => {
    const etag = `"${tag}${suffix}"`;
    const cacheHeaders = [...cached, 'etag', etag];
    const coding = suffix === '' ? [] : ['content-encoding', suffix.slice(1)];
    const headers = [...typed, ...coding, ...cacheHeaders];
    const wholeLines = headerLines([...headers, ...WHOLE_HEADERS]);
    return { ...stored, etag, cacheHeaders, headers, wholeLines };
  };
  return {
    path,
    identity: formOf(identity, ''),
    ...(br && { br: formOf(br, '-br') }),
    ...(gzip && { gzip: formOf(gzip, '-gzip') }),
  };
}

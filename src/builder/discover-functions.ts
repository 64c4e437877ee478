import { createHash } from 'node:crypto';
import { type Dirent, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { MAX_BUILT_PATH_PARTS } from '../protocol/builder.ts';
import { firstFile, isFile, withExtensions } from './find-entry.ts';

/** A file below functions/ or api/ that is a function by its place. */
export interface DiscoveredFunction {
  name: string;
  /** Relative to the folder that is built. */
  file: string;
  /** A pattern of protocol/path-pattern.ts. */
  path: string;
}

const MAX_NAME_CHARACTERS = 40;
const PROGRAM = /\.[cm]?[jt]sx?$/;
const NO_PROGRAM = /\.d\.[cm]?ts$|\.(test|spec)\.[^.]+$/;
const HASH_CHARACTERS = 6;

/**
 * Finds what is a function by its place, sorted by file. `functions/hello.ts` and `functions/hello/index.ts` answer
 * `/hello`, as on Netlify, and other files in a folder of functions/ are its own modules; below api/ every file is a
 * function at its path, `[id]` and `[...rest]` being parameters, as on Vercel. What begins with `_` or `.` is none.
 */
export function discoverFunctions(folder: string): DiscoveredFunction[] {
  const files = [...functionFiles(folder), ...apiFiles(folder)];
  const names = new Set<string>();
  return files.map((file) => {
    const name = freeName(nameOf(file), names);
    names.add(name);
    return { name, file, path: pathOfFile(file) ?? '/' };
  });
}

/** The pattern that a file's place below functions/ or api/ stands for; null when it lies elsewhere. */
export function pathOfFile(file: string): string | null {
  const parts = file.replace(PROGRAM, '').split('/');
  if (parts[0] !== 'functions' && parts[0] !== 'api') return null;
  const own = parts[0] === 'functions' ? parts.slice(1) : parts;
  // functions/hello/hello.ts is one more way to write functions/hello/index.ts.
  const isNamedAsFolder = parts[0] === 'functions' && own.length === 2 && own[0] === own[1];
  if (own.at(-1) === 'index' || isNamedAsFolder) own.pop();
  return `/${own.map(segmentOf).join('/')}`;
}

function segmentOf(part: string): string {
  const rest = /^\[{1,2}\.\.\.(.+?)\]{1,2}$/.exec(part)?.[1];
  if (rest !== undefined) return `*${rest}`;
  const name = /^\[(.+)\]$/.exec(part)?.[1];
  if (name !== undefined) return `:${name}`;
  return encodeURIComponent(part).replaceAll('*', '%2A');
}

function functionFiles(folder: string): string[] {
  return list(join(folder, 'functions')).flatMap(({ name }) => {
    const path = `functions/${name}`;
    if (isProgram(join(folder, path))) return [path];
    const candidates = [...withExtensions(`${path}/index`), ...withExtensions(`${path}/${name}`)];
    const file = firstFile(folder, candidates);
    return file === null ? [] : [file];
  });
}

function apiFiles(folder: string, path = 'api', depth = 1): string[] {
  if (depth > MAX_BUILT_PATH_PARTS) return [];
  return list(join(folder, path)).flatMap((entry) => {
    const inner = `${path}/${entry.name}`;
    // A link to a folder is not followed: it may lead in a circle.
    if (entry.isDirectory()) return apiFiles(folder, inner, depth + 1);
    return isProgram(join(folder, inner)) ? [inner] : [];
  });
}

function list(folder: string): Dirent[] {
  const isOwn = ({ name }: Dirent): boolean => !/^[_.]/.test(name) && name !== 'node_modules';
  try {
    const entries = readdirSync(folder, { withFileTypes: true });
    return entries.filter(isOwn).sort((a, b) => (a.name < b.name ? -1 : 1));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return [];
    throw error;
  }
}

function isProgram(path: string): boolean {
  return PROGRAM.test(path) && !NO_PROGRAM.test(path) && isFile(path);
}

/** A function's name as FN_FUNCTION has it: `api/users/[id].ts` is `api-users-id`. */
function nameOf(file: string): string {
  const stem = file.replace(PROGRAM, '').replace(/^functions\//, '');
  const plain = stem.replace(/\/index$/, '').replace(/^([^/]+)\/\1$/, '$1');
  const words = plain
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '');
  const name = /^[a-z]/.test(words) ? words : `fn-${words}`.replace(/-$/, '');
  if (name.length <= MAX_NAME_CHARACTERS) return name;
  const hash = createHash('sha256').update(file).digest('hex').slice(0, HASH_CHARACTERS);
  return `${name.slice(0, MAX_NAME_CHARACTERS - HASH_CHARACTERS - 1)}-${hash}`;
}

function freeName(name: string, taken: ReadonlySet<string>): string {
  for (let count = 1; ; count++) {
    const suffix = count === 1 ? '' : `-${count}`;
    const candidate = name.slice(0, MAX_NAME_CHARACTERS - suffix.length) + suffix;
    if (!taken.has(candidate)) return candidate;
  }
}

/**
 * Finds the packages that read files beside their code, by which their code must stay where it is. Done once for an
 * installation, since it reads all of it.
 */
import { randomUUID } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { FINDINGS_FILE, isExternal, nameOf, packagesIn } from '../external-packages.ts';

/** How code names its own place. */
const OWN_PLACE = /\b__dirname\b|\b__filename\b|\bimport\.meta\.(?:url|dirname|filename)\b/;
const CODE = ['.js', '.cjs', '.mjs'];
/** Beside these nothing is meant for running programs. */
const SKIPPED = [
  'node_modules',
  'test',
  'tests',
  '__tests__',
  'bin',
  'docs',
  'examples',
  'scripts',
];
/** Minified programs, which have everything inside. */
const MAX_SCANNED_BYTES = 1024 * 1024;
const MAX_SCANNED_FILES = 20_000;
const MAX_DEPTH = 12;
/** More would take longer than their packages are worth. */
const MAX_TRACED_FILES = 400;

/** Notes the names in the installation itself, so that they are in its cache, and a name for the installation. */
export async function noteFilesBesideCode(root: string, folder: string): Promise<void> {
  const modules = join(root, folder, 'node_modules');
  if (!existsSync(modules)) return;
  const files = packagesIn(modules)
    .filter((path) => !isExternal(path))
    .flatMap((path) => codeFiles(path, 0))
    .slice(0, MAX_SCANNED_FILES);
  const suspects = files.filter(namesOwnPlace).slice(0, MAX_TRACED_FILES);
  const packages = suspects.length === 0 ? [] : await withAssets(root, suspects);
  writeFileSync(
    join(root, folder, FINDINGS_FILE),
    JSON.stringify({ installation: randomUUID(), packages }),
  );
}

function codeFiles(folder: string, depth: number): string[] {
  if (depth > MAX_DEPTH) return [];
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return SKIPPED.includes(entry.name) ? [] : codeFiles(path, depth + 1);
    return entry.isFile() && CODE.includes(extname(entry.name)) ? [path] : [];
  });
}

function namesOwnPlace(file: string): boolean {
  if (statSync(file).size > MAX_SCANNED_BYTES) return false;
  return OWN_PLACE.test(readFileSync(file, 'latin1'));
}

/** Names of the packages of which a file refers to one that is no code. */
async function withAssets(root: string, suspects: string[]): Promise<string[]> {
  const { default: tracer } = await import('@vercel/nft');
  const wanted = new Set(suspects);
  const { reasons } = await tracer.nodeFileTrace(suspects, {
    base: root,
    // Without it, what a package looks for in the working folder would be looked for in all of the machine.
    processCwd: root,
    // Each for itself: what they import was looked at on its own.
    ignore: (path) => CODE.includes(extname(path)) && !wanted.has(join(root, path)),
  });
  const names = new Set<string>();
  for (const [path, { type, parents }] of reasons) {
    const isAsset = type.includes('asset') || type.includes('sharedlib');
    if (!isAsset || path.endsWith('/package.json') || path.endsWith('.map')) continue;
    for (const parent of parents ?? []) names.add(nameOf(packageFolder(join(root, parent))));
  }
  return [...names].sort();
}

function packageFolder(file: string): string {
  return /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.[0] ?? file;
}

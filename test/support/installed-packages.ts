/** Packages of this project's own node_modules, for functions that are built with them. */
import { cpSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const PROJECT = join(import.meta.dirname, '../..');

/** What no bundler reads, and what makes up most of the files. */
const UNUSED = /\.(?:[cm]?ts|map|md)$/;

interface PackageJson {
  dependencies?: Record<string, string>;
}

/** Copies what the folder's package.json names, and what that needs, into its node_modules. */
export function installPackages(folder: string): void {
  const file = join(folder, 'package.json');
  if (!existsSync(file)) return;
  const waiting = dependenciesOf(file).map((name) => findPackage(name, PROJECT));
  const copied = new Set<string>();
  for (let source = waiting.pop(); source !== undefined; source = waiting.pop()) {
    if (copied.has(source)) continue;
    copied.add(source);
    const target = join(folder, source.slice(PROJECT.length + 1));
    mkdirSync(dirname(target), { recursive: true });
    cpSync(source, target, { recursive: true, filter: (path) => !UNUSED.test(path) });
    for (const name of dependenciesOf(join(source, 'package.json'))) {
      waiting.push(findPackage(name, source));
    }
  }
}

function dependenciesOf(file: string): string[] {
  const { dependencies = {} } = JSON.parse(readFileSync(file, 'utf8')) as PackageJson;
  return Object.keys(dependencies);
}

/** As Node looks for it, from a folder upwards. */
function findPackage(name: string, from: string): string {
  for (let folder = from; folder.startsWith(PROJECT); folder = dirname(folder)) {
    const candidate = join(folder, 'node_modules', name);
    if (existsSync(join(candidate, 'package.json'))) return candidate;
  }
  throw new Error(`the package ${name} is not installed: run npm ci`);
}

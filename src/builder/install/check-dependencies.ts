/**
 * Refuses, before anything is fetched, dependencies that a build cannot get: what lies outside the repository, git
 * repositories, and files of hosts that are no configured registry. The proxy would refuse them, too, but it does not
 * know where they are written.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join, normalize } from 'node:path';
import { type BuildProblem, MAX_PROBLEMS } from '../../protocol/builder.ts';
import { DEPENDENCY_FIELDS, PACKAGE_FILE, type PackageJson } from './package-json.ts';
import { problemInFile } from './problem.ts';

interface CheckedPackage {
  /** Relative to the repository; empty for its root. */
  folder: string;
  package: PackageJson;
}

/** Where npm's and Yarn's lockfiles say that public packages come from; clients ask the configured registry instead. */
const PUBLIC_HOSTS = ['registry.npmjs.org', 'registry.yarnpkg.com'];

/** Problems of the dependency fields of these packages. */
export function checkSpecifiers(
  root: string,
  packages: readonly CheckedPackage[],
  registries: readonly string[],
): BuildProblem[] {
  const hosts = registries.map((url) => new URL(url).host);
  const problems: BuildProblem[] = [];
  for (const { folder, package: content } of packages) {
    for (const field of DEPENDENCY_FIELDS) {
      for (const [name, specifier] of Object.entries(content[field])) {
        const fault = faultOf(specifier, { root, folder, hosts });
        if (fault === null) continue;
        problems.push(specifierProblem(root, { folder, field, name, specifier, fault }));
      }
    }
  }
  return problems.slice(0, MAX_PROBLEMS);
}

interface Fault {
  what: string;
  hint: string;
}

function faultOf(
  specifier: string,
  { root, folder, hosts }: { root: string; folder: string; hosts: string[] },
): Fault | null {
  const path = /^(?:file|link|portal):(.*)$/.exec(specifier)?.[1] ?? localPath(specifier);
  if (path !== null) return pathFault(path, root, folder);
  const isGit =
    /^(?:git[+:@]|ssh:|git\+|github:|gitlab:|bitbucket:|gist:)/.test(specifier) ||
    /^[\w.-]+\/[\w.-]+(?:#.*)?$/.test(specifier) ||
    /^https?:.*\.git(?:#.*)?$/.test(specifier);
  if (isGit) {
    const hint = 'publish it to a registry, or commit it to this repository as a workspace';
    return { what: 'is a git repository, and builds reach package registries only', hint };
  }
  if (!/^https?:/.test(specifier)) return null;
  const host = URL.parse(specifier)?.host ?? '';
  if (hosts.includes(host)) return null;
  const hint =
    'take it from a registry, or ask the operator to add the host to FN_BUILD_REGISTRIES';
  return { what: `comes from ${host}, and builds reach ${hosts.join(', ')} only`, hint };
}

/** npm takes these for folders as well. */
function localPath(specifier: string): string | null {
  return /^(?:\.{1,2}\/|\/|~\/)/.test(specifier) ? specifier : null;
}

function pathFault(path: string, root: string, folder: string): Fault | null {
  const target = normalize(join(folder, path.replace(/^\/\//, '/')));
  const isOutside =
    /^[/~]/.test(path) || target === '..' || target.startsWith('../') || target.startsWith('/');
  if (isOutside) {
    const hint = 'commit it to this repository, as a workspace or a folder, and name that path';
    return { what: 'lies outside the repository', hint };
  }
  if (existsSync(join(root, target))) return null;
  return { what: 'is not in the pushed commit', hint: 'is it committed? git status' };
}

function specifierProblem(
  root: string,
  found: { folder: string; field: string; name: string; specifier: string; fault: Fault },
): BuildProblem {
  const { folder, field, name, specifier, fault } = found;
  const file = join(folder, PACKAGE_FILE);
  const key = JSON.stringify(name);
  return problemInFile(root, file, {
    find: (line) => line.includes(key) && line.includes(JSON.stringify(specifier)),
    message: `${field}.${name}: "${specifier}" ${fault.what}`,
    hint: fault.hint,
  });
}

/** Problems of where a lockfile says that packages come from. */
export function checkLockfile(
  root: string,
  lockfile: string,
  registries: readonly string[],
): BuildProblem[] {
  const hosts = [...registries.map((url) => new URL(url).host), ...PUBLIC_HOSTS];
  const folder = lockfile.includes('/') ? lockfile.slice(0, lockfile.lastIndexOf('/')) : '';
  const problems: BuildProblem[] = [];
  let owner = '';
  for (const [index, line] of readFileSync(join(root, lockfile), 'utf8').split('\n').entries()) {
    owner = ownerIn(line) ?? owner;
    const source = sourceIn(line);
    const what = source === null ? null : sourceFault(source, { root, folder, hosts });
    if (what === null) continue;
    let at = -1;
    problems.push(
      problemInFile(root, lockfile, {
        find: () => ++at === index,
        message: `${owner || 'a package'} ${what}`,
        hint: 'make the lockfile anew against the registry that builds reach',
      }),
    );
    if (problems.length >= MAX_PROBLEMS) break;
  }
  return problems;
}

/** The package that the following lines are about, in any of the formats. */
function ownerIn(line: string): string | null {
  const found =
    /^\s*"(?:.*node_modules\/)?([^"]+)": \{$/.exec(line) ?? // npm
    /^"?((?:@[^@/\s]+\/)?[^@\s"]+)@[^:]*.*:$/.exec(line) ?? // Yarn
    /^ {2}'?\/?((?:@[^@/\s]+\/)?[^@\s']+)@.*:$/.exec(line); // pnpm
  return found?.[1] ?? null;
}

function sourceIn(line: string): string | null {
  const found =
    /^\s*"?resolved"?:? "([^"]+)"/.exec(line) ?? /\b(?:tarball|repo): '?([^\s',}]+)/.exec(line);
  return found?.[1] ?? null;
}

function sourceFault(
  source: string,
  { root, folder, hosts }: { root: string; folder: string; hosts: string[] },
): string | null {
  if (/^https?:/.test(source)) {
    const host = URL.parse(source)?.host ?? source;
    return hosts.includes(host) ? null : `is to come from ${host}, which builds do not reach`;
  }
  if (/^(?:git|ssh)/.test(source)) {
    return `is to come from ${source.slice(0, 200)}, and builds reach package registries only`;
  }
  const path = source.replace(/^(?:file|link):/, '');
  const fault = pathFault(path, root, folder);
  return fault?.what === undefined ? null : `("${path}") ${fault.what}`;
}

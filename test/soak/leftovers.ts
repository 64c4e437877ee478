/** What of a platform is on the machine beside its processes. */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { instanceName } from '../../src/main/supervisor/layout.ts';

const CGROUPS = '/sys/fs/cgroup';

export interface Leftovers {
  /** Folders of sandboxes, of the hierarchy that has most of them. */
  cgroups: number;
  /** Folders that workers see as /code. */
  slots: number;
  /** In this mount namespace, which is not the platform's own. */
  mounts: number;
  networkNamespaces: number;
}

export function findLeftovers(dataDir: string): Leftovers {
  const name = instanceName(dataDir);
  return {
    cgroups: Math.max(0, ...cgroupFolders(name).map((path) => foldersIn(path))),
    slots: foldersIn(join(dataDir, 'store/slots')),
    mounts: readFileSync('/proc/self/mounts', 'utf8')
      .split('\n')
      .filter((line) => line.includes(name) || line.includes(dataDir)).length,
    networkNamespaces: foldersIn(`/run/gitfn/${name}/netns`) + namedNamespaces(name),
  };
}

/** What must be gone when the platform has ended by itself. */
export function remainsOf(dataDir: string): string[] {
  const name = instanceName(dataDir);
  const { slots, mounts, networkNamespaces } = findLeftovers(dataDir);
  return [
    ...cgroupFolders(name),
    ...(existsSync(`/run/gitfn/${name}`) ? [`/run/gitfn/${name}`] : []),
    ...(slots > 0 ? [`${slots} slots`] : []),
    ...(mounts > 0 ? [`${mounts} mounts`] : []),
    ...(networkNamespaces > 0 ? [`${networkNamespaces} network namespaces`] : []),
    ...(linesOf('nft', 'list', 'tables').some((line) => line.includes(name)) ? ['nft table'] : []),
  ];
}

/** The instance's folder in each hierarchy, also below the cgroup of a service or container. */
function cgroupFolders(name: string): string[] {
  const found: string[] = [];
  const search = (folder: string, depth: number): void => {
    for (const entry of entriesIn(folder)) {
      if (entry === `gitfn-${name}`) found.push(join(folder, entry));
      else if (depth > 0) search(join(folder, entry), depth - 1);
    }
  };
  search(CGROUPS, 3);
  return found;
}

function namedNamespaces(name: string): number {
  return linesOf('ip', 'netns', 'list').filter((line) => line.includes(name)).length;
}

function linesOf(command: string, ...args: string[]): string[] {
  try {
    return execFileSync(command, args, {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).split('\n');
  } catch {
    return []; // Not installed, or not ours to ask.
  }
}

function foldersIn(path: string): number {
  return entriesIn(path).length;
}

function entriesIn(path: string): string[] {
  try {
    return readdirSync(path, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name);
  } catch {
    return [];
  }
}

/** What of a platform is on the machine beside its processes. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { instanceName } from '../../src/main/supervisor/machine/layout.ts';

const CGROUPS = '/sys/fs/cgroup';
/** Of version 1: the sandboxes of one app. */
const LEVEL = /^app-\d+$/;

export interface Leftovers {
  /** Folders of sandboxes, of the hierarchy that has most of them. */
  cgroups: number;
  /** Folders that workers see as /code. */
  slots: number;
}

export function findLeftovers(dataDir: string): Leftovers {
  return {
    cgroups: Math.max(
      0,
      ...cgroupFolders(instanceName(dataDir)).map((path) => sandboxesIn(path).length),
    ),
    slots: namesIn(join(dataDir, 'store/slots')).length,
  };
}

/** The cgroup of each sandbox, in each hierarchy. */
export function sandboxFolders(dataDir: string): string[] {
  return cgroupFolders(instanceName(dataDir)).flatMap(sandboxesIn);
}

/** What must be gone when the platform has ended by itself. */
export function remainsOf(dataDir: string, linesOf: (command: string) => string[]): string[] {
  const name = instanceName(dataDir);
  const { slots } = findLeftovers(dataDir);
  return [
    ...cgroupFolders(name),
    ...(existsSync(`/run/gitfn/${name}`) ? [`/run/gitfn/${name}`] : []),
    ...(slots > 0 ? [`${slots} slots`] : []),
    ...mountsOf(dataDir, linesOf),
    ...linesOf('ip -br link'),
    ...linesOf('ip netns list'),
    ...linesOf('nft list tables'),
  ];
}

/** Of the platform, in this mount namespace and its machine's, neither of which is its own. */
export function mountsOf(dataDir: string, linesOf: (command: string) => string[]): string[] {
  const name = instanceName(dataDir);
  const isOwn = (line: string): boolean => line.includes(name) || line.includes(dataDir);
  return [...readFileSync('/proc/self/mounts', 'utf8').split('\n'), ...linesOf('cat /proc/mounts')]
    .filter(isOwn)
    .map((line) => `mount ${line}`);
}

/** The instance's folder in each hierarchy, also below the cgroup of a service or container. */
function cgroupFolders(name: string): string[] {
  const found: string[] = [];
  const search = (folder: string, depth: number): void => {
    for (const entry of namesIn(folder)) {
      if (entry === `gitfn-${name}`) found.push(join(folder, entry));
      else if (depth > 0) search(join(folder, entry), depth - 1);
    }
  };
  search(CGROUPS, 3);
  return found;
}

/** Without those of the platform's own processes. The level of an app counts for what is in it, of which a spare one has nothing. */
function sandboxesIn(path: string): string[] {
  const inner = join(path, 'sandboxes');
  const parent = existsSync(inner) ? inner : path;
  const names = namesIn(parent).filter((name) => name !== 'door' && name !== 'office');
  return names.flatMap((name) => {
    const folder = join(parent, name);
    return LEVEL.test(name) ? namesIn(folder).map((sandbox) => join(folder, sandbox)) : [folder];
  });
}

/** Of the folders in a folder. */
function namesIn(path: string): string[] {
  try {
    return readdirSync(path, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name);
  } catch {
    return [];
  }
}

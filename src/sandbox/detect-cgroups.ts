/**
 * Finds out which cgroups this process may make. A machine can mount version 2 without the controllers that matter
 * while version 1 has them, so what is asked for is the controllers and not the version.
 */
import { existsSync, readFileSync, rmdirSync, writeFileSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { removeAbandoned } from './abandoned-cgroups.ts';
import { type CgroupDriver, noCgroups } from './cgroup.ts';
import { createCgroupV1 } from './cgroup-v1.ts';
import { createCgroupV2, enableControllers, OWN_LEAF } from './cgroup-v2.ts';

interface CgroupMount {
  path: string;
  type: string;
  options: string[];
}

/** The driver that works here; `name` is the folder of this instance of the platform. */
export function detectCgroups(name: string, proc: string = '/proc/self'): CgroupDriver {
  const mounts = parseCgroupMounts(readFileSync(`${proc}/mounts`, 'utf8'));
  const membership = readFileSync(`${proc}/cgroup`, 'utf8');
  return (
    tryVersion2(mounts, membership, name) ?? tryVersion1(mounts, membership, name) ?? noCgroups
  );
}

/** The cgroup lines of /proc/self/mounts. */
export function parseCgroupMounts(content: string): CgroupMount[] {
  const mounts: CgroupMount[] = [];
  for (const line of content.split('\n')) {
    const [, path = '', type = '', options = ''] = line.split(' ');
    if (type === 'cgroup' || type === 'cgroup2') {
      mounts.push({ path, type, options: options.split(',') });
    }
  }
  return mounts;
}

/** Where a controller's hierarchy has this process; `controller` is empty for version 2 (man 7 cgroups). */
export function ownCgroupPath(membership: string, controller: string): string {
  for (const line of membership.split('\n')) {
    const [, controllers = '', ...path] = line.split(':');
    if (controllers.split(',').includes(controller)) return path.join(':').replace(/\/$/, '');
  }
  return '';
}

function tryVersion2(mounts: CgroupMount[], membership: string, name: string): CgroupDriver | null {
  const mount = mounts.find((candidate) => candidate.type === 'cgroup2');
  if (mount === undefined) return null;
  const own = existingFolder(mount.path, ownCgroupPath(membership, ''));
  // Below the own cgroup the limits of a service unit or a container still hold; the root is the second choice.
  for (const parent of new Set([own, mount.path])) {
    if (!hasControllers(`${parent}/cgroup.controllers`)) continue;
    const driver = attempt(() => {
      delegate(parent);
      removeAbandoned({ processor: parent, others: [] }, name, Date.now());
      return createCgroupV2(`${parent}/${name}`);
    });
    if (driver !== null) return driver;
  }
  return null;
}

/** Makes children of `parent` able to hold limits. */
function delegate(parent: string): void {
  if (hasControllers(`${parent}/cgroup.subtree_control`)) return;
  try {
    enableControllers(parent);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EBUSY') throw error;
    // No cgroup but the root may have both processes and limited children: this process moves into a leaf first.
    const leaf = `${parent}/${OWN_LEAF}`;
    mkdirSync(leaf, { recursive: true });
    writeFileSync(`${leaf}/cgroup.procs`, String(process.pid));
    try {
      enableControllers(parent);
    } catch (stillBusy) {
      writeFileSync(`${parent}/cgroup.procs`, String(process.pid));
      rmdirSync(leaf);
      throw stillBusy;
    }
  }
}

function hasControllers(file: string): boolean {
  if (!existsSync(file)) return false;
  const controllers = readFileSync(file, 'utf8').trim().split(' ');
  return controllers.includes('memory') && controllers.includes('pids');
}

function tryVersion1(mounts: CgroupMount[], membership: string, name: string): CgroupDriver | null {
  const folder = (controller: string): string | null => {
    const mount = mounts.find((m) => m.type === 'cgroup' && m.options.includes(controller));
    if (mount === undefined) return null;
    return `${existingFolder(mount.path, ownCgroupPath(membership, controller))}/${name}`;
  };
  const memory = folder('memory');
  const pids = folder('pids');
  if (memory === null || pids === null) return null;
  const cpu = folder('cpu');
  const cpuacct = folder('cpuacct');
  return attempt(() => {
    const unified = unifiedFolder(mounts, membership, name);
    if (cpu !== null) {
      const others = [memory, pids, cpuacct, unified].filter((path) => path !== null).map(dirname);
      removeAbandoned({ processor: dirname(cpu), others }, name, Date.now());
    }
    return createCgroupV1({ memory, pids, cpu, cpuacct, unified });
  });
}

/** Where version 2 is mounted beside version 1, as systemd does, it freezes; in some containers it cannot be written. */
function unifiedFolder(mounts: CgroupMount[], membership: string, name: string): string | null {
  const mount = mounts.find(({ type }) => type === 'cgroup2');
  if (mount === undefined) return null;
  const folder = `${existingFolder(mount.path, ownCgroupPath(membership, ''))}/${name}`;
  return attempt(() => {
    mkdirSync(folder, { recursive: true });
    return existsSync(`${folder}/cgroup.freeze`) ? folder : null;
  });
}

/** In a container /proc/self/cgroup can name the path on its host, which is not to be seen inside. */
function existingFolder(mountPath: string, own: string): string {
  return existsSync(mountPath + own) ? mountPath + own : mountPath;
}

/** Null when the machine refuses: the next way is tried, and what is left of this one harms nobody. */
function attempt<T>(make: () => T): T | null {
  try {
    return make();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === undefined) throw error;
    return null;
  }
}

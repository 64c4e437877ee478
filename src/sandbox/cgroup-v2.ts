/** Kernel documentation: admin-guide/cgroup-v2.rst. One hierarchy for all controllers. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import {
  type CgroupDriver,
  readCounter,
  removeCgroupFolder,
  removeLeftovers,
  type SandboxCgroup,
} from './cgroup.ts';
import type { SandboxLimits } from './ports.ts';

const MIB = 1024 * 1024;

/** `base` has memory and pids delegated to it; the driver makes the folder itself. */
export function createCgroupV2(base: string): CgroupDriver {
  mkdirSync(base, { recursive: true });
  removeLeftovers(base);
  enableControllers(base);
  return {
    version: 'v2',
    create: (name, limits) => {
      const path = `${base}/${name}`;
      mkdirSync(path);
      setLimits(path, limits);
      return sandboxCgroup(path);
    },
    close: async () => void (await removeCgroupFolder(base)),
  };
}

/** Hands the base's controllers to its children; no process may be in the base itself. */
export function enableControllers(base: string): void {
  const available = readFileSync(`${base}/cgroup.controllers`, 'utf8').trim().split(' ');
  const wanted = ['memory', 'pids', 'cpu'].filter((name) => available.includes(name));
  writeFileSync(`${base}/cgroup.subtree_control`, wanted.map((name) => `+${name}`).join(' '));
}

function setLimits(path: string, limits: SandboxLimits): void {
  writeFileSync(`${path}/memory.max`, String(limits.memoryMib * MIB));
  // Out of memory ends the sandbox as a whole: half a program is of no use.
  writeFileSync(`${path}/memory.oom.group`, '1');
  writeFileSync(`${path}/pids.max`, String(limits.maxTasks));
  // Absent without swap accounting, or without the cpu controller.
  writeIfPresent(`${path}/memory.swap.max`, '0');
  writeIfPresent(`${path}/cpu.weight`, String(limits.cpuWeight));
}

function writeIfPresent(path: string, value: string): void {
  if (existsSync(path)) writeFileSync(path, value);
}

function sandboxCgroup(path: string): SandboxCgroup {
  return {
    procsFiles: [`${path}/cgroup.procs`],
    wasOutOfMemory: () =>
      readCounter(readFileSync(`${path}/memory.events`, 'utf8'), 'oom_kill') > 0,
    // Since Linux 5.14; before it the end of the pid namespace's first process has the same effect.
    kill: () => writeIfPresent(`${path}/cgroup.kill`, '1'),
    remove: () => removeCgroupFolder(path),
  };
}

/** Kernel documentation: admin-guide/cgroup-v2.rst. One hierarchy for all controllers. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import {
  type CgroupDriver,
  cpuQuota,
  readCounter,
  removeCgroupFolder,
  removeLeftovers,
  type SandboxCgroup,
  writeIfPresent,
} from './cgroup.ts';
import type { SandboxLimits } from './ports.ts';

const MIB = 1024 * 1024;
/** Absent without swap accounting. */
const SWAP_LIMIT = 'memory.swap.max';
/** Absent without the cpu controller. */
const CPU_LIMIT = 'cpu.max';

/** `base` has memory and pids delegated to it; the driver makes the folder itself. */
export function createCgroupV2(base: string): CgroupDriver {
  mkdirSync(base, { recursive: true });
  removeLeftovers(base);
  const controllers = enableControllers(base);
  const hasCpu = controllers.includes('cpu');
  return {
    version: 'v2',
    holds: {
      memory: controllers.includes('memory'),
      swap: existsSync(`${base}/${SWAP_LIMIT}`),
      pids: controllers.includes('pids'),
      cpuShare: hasCpu,
      cpuQuota: hasCpu && existsSync(`${base}/${CPU_LIMIT}`),
    },
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
export function enableControllers(base: string): string[] {
  const available = readFileSync(`${base}/cgroup.controllers`, 'utf8').trim().split(' ');
  const wanted = ['memory', 'pids', 'cpu'].filter((name) => available.includes(name));
  writeFileSync(`${base}/cgroup.subtree_control`, wanted.map((name) => `+${name}`).join(' '));
  return wanted;
}

function setLimits(path: string, limits: SandboxLimits): void {
  writeFileSync(`${path}/memory.max`, String(limits.memoryMib * MIB));
  // Out of memory ends the sandbox as a whole: half a program is of no use.
  writeFileSync(`${path}/memory.oom.group`, '1');
  writeFileSync(`${path}/pids.max`, String(limits.maxTasks));
  // Absent without swap accounting, or without the cpu controller.
  writeIfPresent(`${path}/${SWAP_LIMIT}`, '0');
  writeIfPresent(`${path}/cpu.weight`, String(limits.cpuWeight));
  const { quotaUs, periodUs } = cpuQuota(limits.cpuCores);
  writeIfPresent(`${path}/${CPU_LIMIT}`, `${quotaUs} ${periodUs}`);
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

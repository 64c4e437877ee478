/** Kernel documentation: admin-guide/cgroup-v1/{memory,pids}.rst, scheduler/sched-bwc.rst. One hierarchy for each controller. */
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

/** Folders, one per controller, in which this platform makes its cgroups. */
export interface CgroupV1Folders {
  memory: string;
  pids: string;
  /** Null where the controller is missing: then the processor is shared as the kernel pleases. */
  cpu: string | null;
}

const MIB = 1024 * 1024;
const NORMAL_CPU_SHARES = 1024;
/** Memory and swap together; absent when the kernel does not account for swap. */
const WITH_SWAP = 'memory.memsw.limit_in_bytes';
/** Absent when the kernel was built without CONFIG_CFS_BANDWIDTH. */
const CPU_QUOTA = 'cpu.cfs_quota_us';

export function createCgroupV1(folders: CgroupV1Folders): CgroupDriver {
  const bases = [folders.memory, folders.pids, ...(folders.cpu === null ? [] : [folders.cpu])];
  for (const base of bases) {
    mkdirSync(base, { recursive: true });
    removeLeftovers(base);
  }
  return {
    version: 'v1',
    holds: {
      memory: true,
      swap: existsSync(`${folders.memory}/${WITH_SWAP}`),
      pids: true,
      cpuShare: folders.cpu !== null,
      cpuQuota: folders.cpu !== null && existsSync(`${folders.cpu}/${CPU_QUOTA}`),
    },
    create: (name, limits) => {
      const paths = bases.map((base) => `${base}/${name}`);
      for (const path of paths) mkdirSync(path);
      setMemoryLimit(`${folders.memory}/${name}`, limits);
      writeFileSync(`${folders.pids}/${name}/pids.max`, String(limits.maxTasks));
      if (folders.cpu !== null) setCpuLimits(`${folders.cpu}/${name}`, limits);
      return sandboxCgroup(paths, `${folders.memory}/${name}`);
    },
    close: async () => {
      for (const base of bases) await removeCgroupFolder(base);
    },
  };
}

function setMemoryLimit(path: string, limits: SandboxLimits): void {
  const bytes = String(limits.memoryMib * MIB);
  writeFileSync(`${path}/memory.limit_in_bytes`, bytes);
  writeFileSync(`${path}/memory.swappiness`, '0');
  // It may not be below the first.
  writeIfPresent(`${path}/${WITH_SWAP}`, bytes);
}

function setCpuLimits(path: string, limits: SandboxLimits): void {
  setCpuShares(path, limits.cpuWeight);
  const { quotaUs, periodUs } = cpuQuota(limits.cpuCores);
  writeIfPresent(`${path}/cpu.cfs_period_us`, String(periodUs));
  try {
    writeIfPresent(`${path}/${CPU_QUOTA}`, String(quotaUs));
  } catch (error) {
    // More than a container or a service unit around us has: then that holds.
    if ((error as NodeJS.ErrnoException).code !== 'EINVAL') throw error;
  }
}

/** The kernel takes no fewer than 2. */
function setCpuShares(path: string, weight: number): void {
  const shares = Math.max(2, Math.round((weight * NORMAL_CPU_SHARES) / 100));
  writeFileSync(`${path}/cpu.shares`, String(shares));
}

function sandboxCgroup(paths: string[], memoryPath: string): SandboxCgroup {
  return {
    procsFiles: paths.map((path) => `${path}/cgroup.procs`),
    wasOutOfMemory: () =>
      readCounter(readFileSync(`${memoryPath}/memory.oom_control`, 'utf8'), 'oom_kill') > 0,
    kill: () => killAll(`${memoryPath}/cgroup.procs`),
    remove: async () => {
      const removed = await Promise.all(paths.map(removeCgroupFolder));
      return removed.every(Boolean);
    },
  };
}

/** Version 1 can't kill a cgroup in one go; the pid namespace's first process is among these and takes the rest along. */
function killAll(procsFile: string): void {
  for (const line of readFileSync(procsFile, 'utf8').split('\n')) {
    if (line === '') continue;
    try {
      process.kill(Number(line), 'SIGKILL');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
}

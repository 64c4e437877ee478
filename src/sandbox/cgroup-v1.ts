/** Kernel documentation: admin-guide/cgroup-v1/{memory,pids}.rst, scheduler/sched-bwc.rst. One hierarchy for each controller. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { totalmem } from 'node:os';
import {
  type CgroupDriver,
  type CgroupHolds,
  memoryOfAllSandboxes,
  cpuQuota,
  readCounter,
  removeCgroupFolder,
  removeLeftovers,
  type SandboxCgroup,
  workingSetBytes,
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
/** The kernel charges pages in batches, so the most that was used stays a little below the limit. */
const LIMIT_MET_SHARE = 0.95;
/** Absent when the kernel was built without CONFIG_CFS_BANDWIDTH. */
const CPU_QUOTA = 'cpu.cfs_quota_us';

export function createCgroupV1(folders: CgroupV1Folders): CgroupDriver {
  const bases = [folders.memory, folders.pids, ...(folders.cpu === null ? [] : [folders.cpu])];
  for (const base of bases) {
    mkdirSync(base, { recursive: true });
    removeLeftovers(base);
  }
  const all = String(memoryOfAllSandboxes(totalmem()));
  writeFileSync(`${folders.memory}/memory.limit_in_bytes`, all);
  const holds: CgroupHolds = {
    memory: true,
    swap: existsSync(`${folders.memory}/${WITH_SWAP}`),
    pids: true,
    cpuShare: folders.cpu !== null,
    cpuQuota: folders.cpu !== null && existsSync(`${folders.cpu}/${CPU_QUOTA}`),
  };
  return {
    version: 'v1',
    holds,
    create: (name, limits) => {
      const paths = bases.map((base) => `${base}/${name}`);
      for (const path of paths) mkdirSync(path);
      setMemoryLimit(`${folders.memory}/${name}`, limits, holds);
      writeFileSync(`${folders.pids}/${name}/pids.max`, String(limits.maxTasks));
      if (folders.cpu !== null) setCpuShares(`${folders.cpu}/${name}`, limits.cpuWeight);
      if (holds.cpuQuota) setCpuQuota(`${folders.cpu}/${name}`, limits.cpuCores);
      return sandboxCgroup(paths, {
        memory: `${folders.memory}/${name}`,
        cpu: folders.cpu === null ? null : `${folders.cpu}/${name}`,
      });
    },
    close: async () => {
      for (const base of bases) await removeCgroupFolder(base);
    },
  };
}

function setMemoryLimit(path: string, limits: SandboxLimits, holds: CgroupHolds): void {
  const bytes = String(limits.memoryMib * MIB);
  writeFileSync(`${path}/memory.limit_in_bytes`, bytes);
  writeFileSync(`${path}/memory.swappiness`, '0');
  // It may not be below the first.
  if (holds.swap) writeFileSync(`${path}/${WITH_SWAP}`, bytes);
}

function setCpuQuota(path: string, cores: number): void {
  const { quotaUs, periodUs } = cpuQuota(cores);
  writeFileSync(`${path}/cpu.cfs_period_us`, String(periodUs));
  try {
    writeFileSync(`${path}/${CPU_QUOTA}`, String(quotaUs));
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

function sandboxCgroup(
  paths: string[],
  { memory, cpu }: Pick<CgroupV1Folders, 'memory' | 'cpu'>,
): SandboxCgroup {
  return {
    procsFiles: paths.map((path) => `${path}/cgroup.procs`),
    // A kill while it never met its own limit is one for want of memory around it.
    wasOutOfMemory: () =>
      readCounter(readFileSync(`${memory}/memory.oom_control`, 'utf8'), 'oom_kill') > 0 &&
      hasMetItsLimit(memory),
    workingSetBytes: (floorBytes) =>
      workingSetBytes(
        {
          usage: `${memory}/memory.usage_in_bytes`,
          stat: `${memory}/memory.stat`,
          inactiveFile: 'total_inactive_file',
        },
        floorBytes,
      ),
    setCpuWeight: (weight) => {
      if (cpu !== null) setCpuShares(cpu, weight);
    },
    kill: () => killAll(`${memory}/cgroup.procs`),
    remove: async () => {
      const removed = await Promise.all(paths.map(removeCgroupFolder));
      return removed.every(Boolean);
    },
  };
}

/** Not by memory.failcnt: newer kernels leave it at zero when it is the limit with swap that was met. */
function hasMetItsLimit(path: string): boolean {
  const read = (name: string): number => Number(readFileSync(`${path}/${name}`, 'utf8'));
  return read('memory.max_usage_in_bytes') >= LIMIT_MET_SHARE * read('memory.limit_in_bytes');
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

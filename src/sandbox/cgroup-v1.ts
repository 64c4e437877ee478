/** Kernel documentation: admin-guide/cgroup-v1/{memory,pids}.rst, scheduler/sched-bwc.rst. One hierarchy for each controller. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { totalmem } from 'node:os';
import { dirname } from 'node:path';
import {
  type CgroupDriver,
  type CgroupHolds,
  type Freezer,
  freezerOf,
  memoryOfAllSandboxes,
  moveOut,
  namesIn,
  cpuQuota,
  readCounter,
  removeCgroupFolder,
  removeLeftovers,
  type SandboxCgroup,
  workingSetBytes,
} from './cgroup.ts';
import type { SandboxLimits } from './ports.ts';
import type { ProcessorGroup } from './processor-group.ts';
import { levelOf, openProcessor, removeIfEmpty } from './processor-v1.ts';

/** Folders, one per controller, in which this platform makes its cgroups. */
export interface CgroupV1Folders {
  memory: string;
  pids: string;
  /** Null where the controller is missing: then the processor is shared as the kernel pleases. */
  cpu: string | null;
  /** What counts the processor time, often the same folder as `cpu`; null where it is missing. */
  cpuacct: string | null;
  /** In the hierarchy of version 2 that is mounted beside: it can freeze. Null where there is none. */
  unified: string | null;
}

const MIB = 1024 * 1024;
/** Memory and swap together; absent when the kernel does not account for swap. */
const WITH_SWAP = 'memory.memsw.limit_in_bytes';
/** The kernel charges pages in batches, so the most that was used stays a little below the limit. */
const LIMIT_MET_SHARE = 0.95;
/** Absent when the kernel was built without CONFIG_CFS_BANDWIDTH. */
const CPU_QUOTA = 'cpu.cfs_quota_us';

export function createCgroupV1(folders: CgroupV1Folders): CgroupDriver {
  const { memory, pids, unified } = folders;
  const processor = openProcessor(folders);
  const own = [memory, pids, ...(unified === null ? [] : [unified])];
  const bases = [...own, ...processor.bases];
  for (const base of own) {
    mkdirSync(base, { recursive: true });
    removeLeftovers(base);
  }
  const all = String(memoryOfAllSandboxes(totalmem()));
  writeFileSync(`${memory}/memory.limit_in_bytes`, all);
  const { cpu } = folders;
  const holds: CgroupHolds = {
    memory: true,
    swap: existsSync(`${memory}/${WITH_SWAP}`),
    pids: true,
    cpuShare: cpu !== null,
    cpuQuota: cpu !== null && existsSync(`${cpu}/${CPU_QUOTA}`),
    cpuYield: processor.canYield,
  };
  return {
    version: 'v1',
    holds,
    sandboxes: processor.sandboxes,
    office: processor.office,
    place: processor.put,
    create: (name, limits) => {
      const paths = bases.map((parent) => `${parent}/${name}`);
      for (const path of paths) mkdirSync(path);
      setMemoryLimit(`${memory}/${name}`, limits, holds);
      writeFileSync(`${pids}/${name}/pids.max`, String(limits.maxTasks));
      const limit = (folder: string): void => {
        if (holds.cpuQuota) setCpuQuota(folder, limits.cpuCores);
      };
      const group = processor.place({ name, weight: limits.cpuWeight, limit });
      const freezer = unified === null ? null : freezerOf(`${unified}/${name}`);
      return sandboxCgroup(paths, `${memory}/${name}`, { group, base: cpu, freezer });
    },
    openLevel: processor.openLevel,
    sandboxNames: () => namesIn(memory),
    close: async () => {
      await processor.close();
      for (const path of processor.parts) moveOut(path, [dirname(dirname(path))]);
      for (const path of [...processor.parts, ...bases]) await removeCgroupFolder(path);
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

function sandboxCgroup(
  paths: string[],
  memory: string,
  place: { group: ProcessorGroup; base: string | null; freezer: Freezer | null },
): SandboxCgroup {
  const { group, base, freezer } = place;
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
    processor: group,
    freezer,
    kill: () => killAll(`${memory}/cgroup.procs`),
    remove: async () => {
      await group.settled;
      const level = levelOf(group, base);
      const all = level === null ? paths : [...paths, group.folder];
      const removed = await Promise.all(all.map(removeCgroupFolder));
      if (level !== null) removeIfEmpty(level);
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

/** Kernel documentation: admin-guide/cgroup-v2.rst. One hierarchy for all controllers. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { totalmem } from 'node:os';
import { dirname } from 'node:path';
import {
  type CgroupDriver,
  type CgroupHolds,
  cpuQuota,
  DOOR_WEIGHT,
  freezerOf,
  memoryOfAllSandboxes,
  moveOut,
  namesIn,
  NORMAL_WEIGHT,
  OFFICE_WEIGHT,
  PLATFORM_WEIGHT,
  readCounter,
  removeCgroupFolder,
  removeLeftovers,
  type SandboxCgroup,
  workingSetBytes,
} from './cgroup.ts';
import type { SandboxLimits } from './ports.ts';
import { noProcessorGroup, ProcessorGroup } from './processor-group.ts';

const MIB = 1024 * 1024;
/** Absent without swap accounting. */
const SWAP_LIMIT = 'memory.swap.max';
/** Beside `base`, where processes may not be in their parent: what was there before has moved there. */
export const OWN_LEAF = 'gitfn-supervisor';
/** Absent without the cpu controller. */
const CPU_LIMIT = 'cpu.max';

/**
 * `base` has memory and pids delegated to it; the driver makes the folder itself. In it, `sandboxes` holds a folder for
 * each, and the platform's own processes have theirs beside it.
 */
export function createCgroupV2(base: string): CgroupDriver {
  const all = `${base}/sandboxes`;
  const parts = [all, `${base}/door`, `${base}/office`];
  mkdirSync(base, { recursive: true });
  removeLeftovers(base);
  enableControllers(base);
  for (const part of parts) mkdirSync(part, { recursive: true });
  const controllers = enableControllers(all);
  if (controllers.includes('memory')) {
    writeFileSync(`${all}/memory.max`, String(memoryOfAllSandboxes(totalmem())));
  }
  const hasCpu = controllers.includes('cpu');
  const group = (path: string, weight: number): ProcessorGroup =>
    hasCpu ? processorGroup(path, weight) : noProcessorGroup();
  group(base, PLATFORM_WEIGHT);
  group(`${base}/door`, DOOR_WEIGHT);
  const sandboxes = group(all, NORMAL_WEIGHT);
  const holds: CgroupHolds = {
    memory: controllers.includes('memory'),
    swap: existsSync(`${all}/${SWAP_LIMIT}`),
    pids: controllers.includes('pids'),
    cpuShare: hasCpu,
    cpuQuota: hasCpu && existsSync(`${all}/${CPU_LIMIT}`),
    cpuYield: sandboxes.canYield,
  };
  return {
    version: 'v2',
    holds,
    sandboxes,
    office: group(`${base}/office`, OFFICE_WEIGHT),
    place: (pid, part) => writeFileSync(`${base}/${part}/cgroup.procs`, String(pid)),
    create: (name, limits) => {
      const path = `${all}/${name}`;
      mkdirSync(path);
      setLimits(path, limits, holds);
      return sandboxCgroup(path, group(path, limits.cpuWeight));
    },
    // Memory is in the same hierarchy, and what a process has used before it moved would stay charged where it was.
    openLevel: () => null,
    sandboxNames: () => namesIn(all),
    close: async () => {
      const parent = dirname(base);
      for (const path of parts) moveOut(path, [`${parent}/${OWN_LEAF}`, parent]);
      for (const path of [...parts, base]) await removeCgroupFolder(path);
    },
  };
}

function processorGroup(folder: string, weight: number): ProcessorGroup {
  const readUsedUs = (): number =>
    readCounter(readFileSync(`${folder}/cpu.stat`, 'utf8'), 'usage_usec');
  return new ProcessorGroup({ folder, writeWeight, readUsedUs }, weight);
}

/** Hands the base's controllers to its children; no process may be in the base itself. */
export function enableControllers(base: string): string[] {
  const available = readFileSync(`${base}/cgroup.controllers`, 'utf8').trim().split(' ');
  const wanted = ['memory', 'pids', 'cpu'].filter((name) => available.includes(name));
  writeFileSync(`${base}/cgroup.subtree_control`, wanted.map((name) => `+${name}`).join(' '));
  return wanted;
}

function setLimits(path: string, limits: SandboxLimits, holds: CgroupHolds): void {
  writeFileSync(`${path}/memory.max`, String(limits.memoryMib * MIB));
  // Out of memory ends the sandbox as a whole: half a program is of no use.
  writeFileSync(`${path}/memory.oom.group`, '1');
  writeFileSync(`${path}/pids.max`, String(limits.maxTasks));
  if (holds.swap) writeFileSync(`${path}/${SWAP_LIMIT}`, '0');
  const { quotaUs, periodUs } = cpuQuota(limits.cpuCores);
  if (holds.cpuQuota) writeFileSync(`${path}/${CPU_LIMIT}`, `${quotaUs} ${periodUs}`);
}

/** The kernel takes no less than 1. */
function writeWeight(path: string, weight: number): void {
  writeFileSync(`${path}/cpu.weight`, String(Math.max(1, Math.round(weight))));
}

/** `oom` counts its own limit; a kill without it is one for want of memory around it. */
function endedForItsMemory(events: string): boolean {
  return readCounter(events, 'oom_kill') > 0 && readCounter(events, 'oom') > 0;
}

function sandboxCgroup(path: string, processor: ProcessorGroup): SandboxCgroup {
  return {
    procsFiles: [`${path}/cgroup.procs`],
    wasOutOfMemory: () => endedForItsMemory(readFileSync(`${path}/memory.events`, 'utf8')),
    workingSetBytes: (floorBytes) =>
      workingSetBytes(
        {
          usage: `${path}/memory.current`,
          stat: `${path}/memory.stat`,
          inactiveFile: 'inactive_file',
        },
        floorBytes,
      ),
    processor,
    freezer: freezerOf(path),
    // Since Linux 5.14; before it the end of the pid namespace's first process has the same effect.
    kill: () => killAll(`${path}/cgroup.kill`),
    remove: () => removeCgroupFolder(path),
  };
}

function killAll(killFile: string): void {
  if (existsSync(killFile)) writeFileSync(killFile, '1');
}

/** One sandbox's memory, from whichever place knows it: its cgroup, or the processes themselves. */
import type { CgroupDriver, SandboxCgroup } from './cgroup.ts';
import type { MemoryWatch } from './memory-watch.ts';
import type { SandboxLimits } from './ports.ts';
import { memoryOfTree } from './process-memory.ts';

const MIB = 1024 * 1024;

interface WatchDeps {
  cgroups: Pick<CgroupDriver, 'holds'>;
  memoryWatch: MemoryWatch;
}

export interface MemoryOfSandbox {
  readonly near: Promise<void>;
  /** Ended by the watch, where no kernel does it. */
  readonly wasOver: boolean;
  end(): void;
}

export function watchMemory(
  { cgroups, memoryWatch }: WatchDeps,
  sandbox: { limits: SandboxLimits; cgroup: SandboxCgroup; pid: number; kill: () => void },
): MemoryOfSandbox {
  const { limits, cgroup, pid } = sandbox;
  const near = Promise.withResolvers<void>();
  let wasOver = false;
  const over = (): void => {
    wasOver = true;
    sandbox.kill();
  };
  const end = memoryWatch.add({
    limitBytes: limits.memoryMib * MIB,
    usedBytes: (floorBytes) => usedBytes(cgroup, floorBytes) ?? processBytes(pid, limits),
    onNear: near.resolve,
    onOver: cgroups.holds.memory ? null : over,
  });
  return {
    near: near.promise,
    get wasOver() {
      return wasOver;
    },
    end,
  };
}

/** Zero when it cannot be read, for want of a descriptor: it is looked at again. */
function usedBytes(cgroup: SandboxCgroup, floorBytes: number): number | null {
  try {
    return cgroup.workingSetBytes(floorBytes);
  } catch {
    return 0;
  }
}

/** One with more processes than it may have counts as boundless: nothing else holds their number there. */
function processBytes(pid: number, { maxTasks }: SandboxLimits): number {
  const { bytes, tasks } = memoryOfTree(pid, maxTasks);
  return tasks > maxTasks ? Infinity : bytes;
}

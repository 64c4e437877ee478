/** Limits that the kernel enforces on a whole sandbox, behind one interface for both versions of cgroups. */
import { existsSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { rmdir } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import type { SandboxLimits } from './ports.ts';
import { noProcessorGroup, type ProcessorGroup } from './processor-group.ts';

/** What the kernel holds a sandbox to. */
export interface CgroupHolds {
  readonly memory: boolean;
  readonly swap: boolean;
  readonly pids: boolean;
  /** Against others when the processor is short. */
  readonly cpuShare: boolean;
  /** Also when nobody else wants it. */
  readonly cpuQuota: boolean;
  /** Who takes much gives way to who takes little. */
  readonly cpuYield: boolean;
}

/**
 * The processes of the platform beside its sandboxes: `door` is what a request passes, and wakes before everything
 * else; `office` is what may wait for a moment.
 */
export type PlatformPart = 'door' | 'office';

export interface CgroupDriver {
  readonly version: 'v1' | 'v2' | 'none';
  readonly holds: CgroupHolds;
  /** All sandboxes together. Where they are one group, it can yield to the platform's own processes as a whole. */
  readonly sandboxes: Pick<ProcessorGroup, 'usedUs' | 'setYielding'>;
  /** The part of the platform that may wait. */
  readonly office: ProcessorGroup;
  /** Puts a process of the platform, and all that it will start, beside the sandboxes; until `close`. */
  place(pid: number, part: PlatformPart): void;
  /** Makes an empty cgroup with these limits; the process joins by writing its pid to `procsFiles`. */
  create(name: string, limits: SandboxLimits): SandboxCgroup;
  /**
   * A group of normal weight, into whose part of the processor sandboxes can be moved: together they have what one has that
   * stands alone. It goes with the last of them. Null where sandboxes stay where they are.
   */
  openLevel(): ProcessorGroup | null;
  /** Of what `create` has made and nobody has removed; null where it makes none. */
  sandboxNames(): string[] | null;
  /** Removes what `create` stands in; to be called when every sandbox has gone. */
  close(): Promise<void>;
}

export interface SandboxCgroup {
  readonly procsFiles: readonly string[];
  /** Whether the kernel has ended a process in it for its memory. */
  wasOutOfMemory(): boolean;
  /**
   * What counts against its limit and cannot be dropped at once, which is looked into only above `floorBytes`; null
   * where nobody counts it.
   */
  workingSetBytes(floorBytes: number): number | null;
  /** Against other sandboxes. */
  readonly processor: ProcessorGroup;
  /** Null where it cannot be stopped for a while. */
  readonly freezer: Freezer | null;
  /** Ends every process in it, as far as this version can in one go. */
  kill(): void;
  /** Whether it is gone, and so every process that was in it. */
  remove(): Promise<boolean>;
}

/** Stops everything in a cgroup, so that it takes no processor, until it may go on; neither does harm twice. */
export interface Freezer {
  freeze(): void;
  thaw(): void;
}

/**
 * That of version 2, which needs no controller. Version 1 has one, too, but keeps whom it has frozen alive through SIGKILL
 * until they are thawed: what a supervisor leaves behind that is killed itself would stay for ever.
 */
export function freezerOf(folder: string): Freezer | null {
  const file = `${folder}/cgroup.freeze`;
  if (!existsSync(file)) return null; // Before Linux 5.2.
  return {
    freeze: () => writeFileSync(file, '1'),
    thaw: () => writeFileSync(file, '0'),
  };
}

/** For a machine where the platform may not make cgroups: sandboxes run, and memory-watch.ts holds them to their memory. */
export const noCgroups: CgroupDriver = {
  version: 'none',
  holds: {
    memory: false,
    swap: false,
    pids: false,
    cpuShare: false,
    cpuQuota: false,
    cpuYield: false,
  },
  sandboxes: noProcessorGroup(),
  office: noProcessorGroup(),
  place: () => {},
  create: () => ({
    procsFiles: [],
    wasOutOfMemory: () => false,
    workingSetBytes: () => null,
    processor: noProcessorGroup(),
    freezer: null,
    kill: () => {},
    remove: () => Promise.resolve(true),
  }),
  openLevel: () => null,
  sandboxNames: () => null,
  close: () => Promise.resolve(),
};

/** Of the machine's memory, what sandboxes never get, together: the platform's own processes and its database live of it. */
const PLATFORM_SHARE = 1 / 8;
const MIN_PLATFORM_BYTES = 512 * 1024 * 1024;

/** The most that all sandboxes together may have; a quarter of a machine too small for the reserve. */
export function memoryOfAllSandboxes(machineBytes: number): number {
  const reserve = Math.max(MIN_PLATFORM_BYTES, machineBytes * PLATFORM_SHARE);
  return Math.floor(Math.max(machineBytes - reserve, machineBytes / 4));
}

/** The span over which a quota is counted: a worker that has used up its own waits for the next (the kernel's default). */
const CPU_PERIOD_US = 100_000;

/** Processor time per period, for so many cores. */
export function cpuQuota(cores: number): { quotaUs: number; periodUs: number } {
  return { quotaUs: Math.round(cores * CPU_PERIOD_US), periodUs: CPU_PERIOD_US };
}

export const NORMAL_WEIGHT = 100;
/** Of the platform as a whole: on a version 1 machine it stands beside every session of a user, each of which has 100. */
export const PLATFORM_WEIGHT = 400;
/**
 * Against an app, and against the rest of the platform, which have 100. Whoever has had more than its share waits until
 * the others have had theirs, also when it has slept in between: only with a multiple of their weight does the door,
 * which works for all of them, never owe them a turn. On a single core that would leave too little to answer with.
 */
export const DOOR_WEIGHT = availableParallelism() > 1 ? 1_600 : 200;
/** The same of control, git and the database, as long as they take little: behind them, too, somebody waits. */
export const OFFICE_WEIGHT = DOOR_WEIGHT / 2;

const REMOVE_ATTEMPTS = 40;
const REMOVE_PAUSE_MS = 50;

/** The kernel answers EBUSY for a moment after the last process has gone. */
export async function removeCgroupFolder(path: string): Promise<boolean> {
  for (let attempt = 1; attempt <= REMOVE_ATTEMPTS; attempt += 1) {
    try {
      await rmdir(path);
      return true;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT') return true;
      if (code !== 'EBUSY') return false;
    }
    await delay(REMOVE_PAUSE_MS);
  }
  return false;
}

/** The cgroups that stand in one. */
export function namesIn(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name);
}

/** Puts what is in a cgroup into the first of the others that takes it, so that it can be removed. */
export function moveOut(from: string, into: readonly string[]): void {
  const pids = readFileSync(`${from}/cgroup.procs`, 'utf8').split('\n').filter(Boolean);
  for (const pid of pids) into.some((folder) => isMoved(pid, folder));
}

function isMoved(pid: string, folder: string): boolean {
  try {
    writeFileSync(`${folder}/cgroup.procs`, pid);
    return true;
  } catch {
    return false; // It has just ended; or version 2 allows for no process there.
  }
}

/** What a supervisor that was killed left behind; its processes died with it. */
export function removeLeftovers(base: string): void {
  for (const entry of readdirSync(base, { withFileTypes: true })) {
    if (!entry.isDirectory()) continue;
    removeLeftovers(`${base}/${entry.name}`);
    try {
      rmdirSync(`${base}/${entry.name}`);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== 'EBUSY' && code !== 'ENOTEMPTY') throw error;
    }
  }
}

/** Memory in use less the file pages that nobody has used for a while, by the names that both versions have for it. */
export function workingSetBytes(
  files: { usage: string; stat: string; inactiveFile: string },
  floorBytes: number,
): number {
  const used = Number(readFileSync(files.usage, 'utf8'));
  if (used < floorBytes) return used;
  return Math.max(0, used - readCounter(readFileSync(files.stat, 'utf8'), files.inactiveFile));
}

/** The number behind a name in a file of `name value` lines, such as memory.events. */
export function readCounter(content: string, name: string): number {
  for (const line of content.split('\n')) {
    const [key, value] = line.split(' ');
    if (key === name) return Number(value);
  }
  return 0;
}

/** The hierarchies of version 1 that share and count the processor. Nothing of memory is in them, so processes can move. */
import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import {
  DOOR_WEIGHT,
  NORMAL_WEIGHT,
  OFFICE_WEIGHT,
  PLATFORM_WEIGHT,
  type PlatformPart,
  removeLeftovers,
} from './cgroup.ts';
import {
  noProcessorGroup,
  type ProcessorFiles,
  ProcessorGroup,
  usedByAccount,
} from './processor-group.ts';

interface ProcessorFolders {
  cpu: string | null;
  cpuacct: string | null;
}

const NORMAL_CPU_SHARES = 1024;
/** A function that starts processes as fast as it can must not keep the platform looking. */
const MAX_LOOKS = 5;

/** A sandbox's place, before it belongs to an app. */
interface Place {
  name: string;
  weight: number;
  /** Writes its quota into a folder, where it has one. */
  limit: (folder: string) => void;
}

/**
 * Sandboxes stand beside the platform's own processes, those of one app below a level of their own. A level for all
 * apps would not do: its weight on a core comes from what runs in it there, so one that held nothing but sandboxes that
 * yield would yield to the whole machine, and take a neighbour's worker along.
 */
export function openProcessor({ cpu, cpuacct }: ProcessorFolders) {
  const bases = [...new Set([cpu, cpuacct].filter((base) => base !== null))];
  const filesAt = (name: string): ProcessorFiles => {
    const readUsedUs = cpuacct === null ? null : () => usedByAccount(`${cpuacct}/${name}`);
    return { folder: `${cpu}/${name}`, writeWeight: writeShares, readUsedUs };
  };
  const group = (name: string, weight: number): ProcessorGroup =>
    cpu === null ? noProcessorGroup() : new ProcessorGroup(filesAt(name), weight);
  const foldersOf = (part: PlatformPart): string[] => bases.map((base) => `${base}/${part}`);
  const parts = [...foldersOf('door'), ...foldersOf('office')];
  for (const base of bases) {
    mkdirSync(base, { recursive: true });
    removeLeftovers(base);
  }
  for (const part of parts) mkdirSync(part);
  const all = group('.', PLATFORM_WEIGHT);
  const door = group('door', DOOR_WEIGHT);
  const office = group('office', OFFICE_WEIGHT);
  const usedUs = (): number | null => {
    const used = [all, door, office].map((one) => one.usedUs());
    const [total, ...platform] = used.map((us) => us ?? 0);
    return used[0] === null ? null : platform.reduce((left, us) => left - us, total ?? 0);
  };
  const levels = new SpareLevels((number) => `${cpu}/app-${number}`);

  function place({ name, weight, limit }: Place): ProcessorGroup {
    if (cpu === null) return noProcessorGroup();
    limit(`${cpu}/${name}`);
    const moveBelow = async (level: string): Promise<ProcessorFiles> => {
      const folder = `${level}/${name}`;
      // With the level, which goes with the last that is in it: that may have ended just now.
      await mkdir(folder, { recursive: true });
      limit(folder);
      await moveProcesses(`${cpu}/${name}`, folder);
      const isCountedHere = cpuacct === cpu;
      return {
        ...filesAt(name),
        folder,
        ...(isCountedHere && { readUsedUs: () => usedByAccount(folder) }),
      };
    };
    return new ProcessorGroup({ ...filesAt(name), moveBelow }, weight);
  }

  function openLevel(): ProcessorGroup | null {
    if (cpu === null) return null;
    // It is never asked what it used: whose sandboxes used how much is counted one by one.
    const files = { folder: levels.take(), writeWeight: writeShares, readUsedUs: () => 0 };
    return new ProcessorGroup(files, NORMAL_WEIGHT);
  }

  return {
    bases,
    parts,
    office,
    sandboxes: { usedUs, setYielding: () => {} },
    canYield: office.canYield,
    put: (pid: number, part: PlatformPart) => {
      for (const folder of foldersOf(part)) writeFileSync(`${folder}/cgroup.procs`, String(pid));
    },
    place,
    openLevel,
    close: () => levels.close(),
  };
}

/**
 * Has the folder of the next level ready. Making one waits for whatever else is done to cgroups on the machine, such as
 * the moves of a zygote that boots, which takes 10 ms.
 */
class SpareLevels {
  readonly #folderOf: (number: number) => string;
  #made = 0;
  #spare: string | null = null;
  #making: Promise<void> | null = null;

  constructor(folderOf: (number: number) => string) {
    this.#folderOf = folderOf;
  }

  take(): string {
    const spare = this.#spare;
    this.#spare = null;
    this.#making ??= this.#makeNext().finally(() => (this.#making = null));
    if (spare !== null) return spare;
    const folder = this.#nextFolder();
    mkdirSync(folder);
    return folder;
  }

  async close(): Promise<void> {
    await this.#making;
    if (this.#spare !== null) removeIfEmpty(this.#spare);
  }

  async #makeNext(): Promise<void> {
    const folder = this.#nextFolder();
    try {
      await mkdir(folder);
      this.#spare = folder;
    } catch {
      // The next one is made when it is asked for, and says why it cannot be.
    }
  }

  #nextFolder(): string {
    this.#made += 1;
    return this.#folderOf(this.#made);
  }
}

/** What it starts meanwhile stands where the process that starts it does: after the last look nothing is left. */
async function moveProcesses(from: string, to: string): Promise<void> {
  for (let look = 1; look <= MAX_LOOKS; look += 1) {
    const pids = readFileSync(`${from}/cgroup.procs`, 'utf8').split('\n').filter(Boolean);
    if (pids.length === 0) break;
    for (const pid of pids) await writeFile(`${to}/cgroup.procs`, pid).catch(() => {}); // It has just ended.
  }
  removeIfEmpty(from);
}

/** The level of an app goes with its last sandbox. */
export function removeIfEmpty(folder: string): void {
  try {
    rmdirSync(folder);
  } catch {
    // Something is in it, or it is gone.
  }
}

/** The level that it was moved to; null when it stands by itself. */
export function levelOf({ folder }: ProcessorGroup, base: string | null): string | null {
  const parent = dirname(folder);
  return folder === '' || parent === base ? null : parent;
}

/** The kernel takes no fewer than 2. */
function writeShares(path: string, weight: number): void {
  const shares = Math.max(2, Math.round((weight * NORMAL_CPU_SHARES) / NORMAL_WEIGHT));
  writeFileSync(`${path}/cpu.shares`, String(shares));
}

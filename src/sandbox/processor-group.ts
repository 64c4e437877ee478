/** How the kernel shares the processor between cgroups: the same in both versions but for the names of files. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';

export interface ProcessorFiles {
  /** Where the cpu controller has the cgroup. */
  folder: string;
  writeWeight(folder: string, weight: number): void;
  /** The processor time that everything in it has had so far; null where nobody counts it. */
  readUsedUs: (() => number) | null;
  /** Moves all that is in it below that folder, and says where it is now; absent where it stays where it is. */
  moveBelow?(level: string): Promise<ProcessorFiles>;
}

/** Since Linux 5.15, in both versions. */
const YIELDS = 'cpu.idle';

export class ProcessorGroup {
  #files: ProcessorFiles;
  #weight: number;
  #isYielding = false;
  #moving: Promise<void> = Promise.resolve();

  constructor(files: ProcessorFiles, weight: number) {
    this.#files = files;
    this.#weight = weight;
    files.writeWeight(files.folder, weight);
  }

  /** Whether `setYielding` has an effect and `usedUs` an answer. */
  get canYield(): boolean {
    return this.#files.readUsedUs !== null && existsSync(`${this.#files.folder}/${YIELDS}`);
  }

  setWeight(weight: number): void {
    this.#weight = weight;
    // The kernel refuses a weight for those who yield: they all have the same little one.
    if (!this.#isYielding) this.#files.writeWeight(this.#files.folder, weight);
  }

  /**
   * While it yields, whatever wakes beside it and does not yield has the processor at once, instead of waiting for the
   * end of a turn, which is some milliseconds.
   */
  setYielding(yields: boolean): void {
    if (yields === this.#isYielding || !this.canYield) return;
    writeFileSync(`${this.#files.folder}/${YIELDS}`, yields ? '1' : '0');
    this.#isYielding = yields;
    // The kernel has put the normal one in its place.
    if (!yields) this.#files.writeWeight(this.#files.folder, this.#weight);
  }

  /**
   * From now on it has its part of what the other one has, as large as that of whatever else is in there, and yields when
   * the other one does. Until then it does not yield. Rejects when the kernel refuses: then it stays where it is.
   *
   * Moving a process waits for all processors of the machine to pass a quiet point, 10 ms where nothing was moved shortly
   * before: nobody who is in a hurry waits for it.
   */
  async moveInto(level: ProcessorGroup): Promise<void> {
    this.setYielding(false);
    if (this.#files.moveBelow === undefined) return;
    const moving = this.#files.moveBelow(level.folder);
    const settled = Promise.withResolvers<void>();
    this.#moving = settled.promise;
    try {
      this.#files = await moving;
      level.#yieldAgain();
    } finally {
      settled.resolve();
    }
  }

  /** Its folder may have been made anew. */
  #yieldAgain(): void {
    if (this.#isYielding) writeFileSync(`${this.#files.folder}/${YIELDS}`, '1');
  }

  /** Resolves when it is where it stays. */
  get settled(): Promise<void> {
    return this.#moving;
  }

  get folder(): string {
    return this.#files.folder;
  }

  usedUs(): number | null {
    return this.#files.readUsedUs?.() ?? null;
  }
}

/** Nothing shares the processor but the kernel's own judgement. */
export function noProcessorGroup(): ProcessorGroup {
  return new ProcessorGroup({ folder: '', writeWeight: () => {}, readUsedUs: null }, 100);
}

/** Where version 1 counts: nanoseconds. */
export function usedByAccount(folder: string): number {
  return Number(readFileSync(`${folder}/cpuacct.usage`, 'utf8')) / 1_000;
}

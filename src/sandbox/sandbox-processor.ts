import type { ProcessorGroup } from './processor-group.ts';

/** A sandbox's part of the processor. Nothing of it holds up or fails anything else. */
export interface SandboxProcessor {
  /** Its share against other sandboxes, where the machine has one to give; 100 is normal. */
  setWeight(weight: number): void;
  /** Whether it gives way at once to sandboxes that do not, where the machine can tell them apart. */
  setYielding(yields: boolean): void;
  /** It soon gets its part of what the group has, and yields with it; until then it does not yield. */
  moveInto(group: ProcessorGroup): void;
  /** What it has had so far; null when it has ended, or nobody counts. */
  usedUs(): number | null;
}

export function sandboxProcessor(group: ProcessorGroup, hasEnded: () => boolean): SandboxProcessor {
  /** Null for want of a descriptor as well: it is set and asked for again. */
  function tried<T>(act: () => T): T | null {
    if (hasEnded()) return null;
    try {
      return act();
    } catch {
      return null;
    }
  }
  return {
    setWeight: (weight) => void tried(() => group.setWeight(weight)),
    setYielding: (yields) => void tried(() => group.setYielding(yields)),
    moveInto: (level) => {
      // One that has just ended cannot be moved any more.
      if (!hasEnded()) void group.moveInto(level).catch(() => {});
    },
    usedUs: () => tried(() => group.usedUs()),
  };
}

/**
 * Looks at the memory of running sandboxes from time to time: tells of one that comes near its limit, so that it can
 * be replaced before the kernel ends it in the middle of its work, and ends those over it where no kernel does.
 */

/** A sandbox as the watch sees it. */
export interface WatchedMemory {
  limitBytes: number;
  /** What it holds now; exact only above `floorBytes`. */
  usedBytes(floorBytes: number): number;
  /** Called once. */
  onNear(): void;
  /** Null where the kernel ends it by itself; called once. */
  onOver: (() => void) | null;
}

export interface MemoryWatch {
  /** Until the returned function is called. */
  add(watched: WatchedMemory): () => void;
}

/** Of its limit: what a worker holds beyond it, it is not expected to give back. */
const NEAR_SHARE = 0.9;
/** With cgroups a look is a read of one file for each sandbox. */
const LOOK_EVERY_MS = 1_000;
/** Without them the watch is all that there is, and a program may allocate a gigabyte in a second. */
const GUARD_EVERY_MS = 250;

export function createMemoryWatch(isKernelHolding: boolean): MemoryWatch {
  const all = new Map<WatchedMemory, { isNear: boolean }>();
  let timer: NodeJS.Timeout | null = null;

  function look(): void {
    for (const [watched, seen] of all) {
      const nearBytes = watched.limitBytes * NEAR_SHARE;
      const usedBytes = watched.usedBytes(nearBytes);
      if (usedBytes >= nearBytes && !seen.isNear) {
        seen.isNear = true;
        watched.onNear();
      }
      if (usedBytes > watched.limitBytes && watched.onOver !== null) {
        all.delete(watched);
        watched.onOver();
      }
    }
    stopIfEmpty();
  }

  function stopIfEmpty(): void {
    if (all.size > 0 || timer === null) return;
    clearInterval(timer);
    timer = null;
  }

  return {
    add: (watched) => {
      all.set(watched, { isNear: false });
      timer ??= setInterval(look, isKernelHolding ? LOOK_EVERY_MS : GUARD_EVERY_MS).unref();
      return () => {
        all.delete(watched);
        stopIfEmpty();
      };
    },
  };
}

import type { Freezer, SandboxCgroup } from './cgroup.ts';

/**
 * A sandbox's freezer. One that cannot be frozen, for want of a descriptor or of a freezer, goes on. One that cannot be
 * thawed is killed: somebody waits for it now, and would wait in vain.
 */
export function freezing(
  { freezer }: Pick<SandboxCgroup, 'freezer'>,
  isOver: () => boolean,
  kill: () => void,
): Freezer {
  return {
    freeze: () => void (isOver() || isDone(() => freezer?.freeze())),
    thaw: () => {
      if (!isOver() && !isDone(() => freezer?.thaw())) kill();
    },
  };
}

function isDone(act: () => void): boolean {
  try {
    act();
    return true;
  } catch {
    return false;
  }
}

import type { ChildProcess } from 'node:child_process';
import type { CgroupDriver, PlatformPart } from '../../sandbox/index.ts';

/**
 * Gives a process of the platform its share of the processor. One that has just ended, or may not be moved, has the share that the machine gives it.
 */
export function place(
  cgroups: CgroupDriver,
  { pid }: Pick<ChildProcess, 'pid'>,
  part: PlatformPart,
): undefined {
  try {
    if (pid !== undefined) cgroups.place(pid, part);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === undefined) throw error;
  }
}

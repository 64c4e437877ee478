import { expect } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { listFolder } from './folder-listing.ts';
import type { RunningFront } from './start-front.ts';

/**
 * What a front has on the disk while no git runs. The function that comes back fails unless a moment later no git runs
 * and the disk is as it was: no file more, none of another size.
 */
export async function rememberFront(front: RunningFront): Promise<() => Promise<void>> {
  await nothingRuns(front);
  const before = await listFolder(front.folder);
  return async () => {
    await nothingRuns(front);
    await eventually(async () => expect(await listFolder(front.folder)).toEqual(before));
  };
}

async function nothingRuns(front: RunningFront): Promise<void> {
  await eventually(async () => expect(await front.gitProcesses()).toEqual([]));
}

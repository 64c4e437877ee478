/** A disk without room, told in the same words wherever somebody comes upon it. */
import { PlatformError } from './errors.ts';

/** What a file system answers that has no room left, and one where its user has had all that is his. */
const FULL: ReadonlySet<unknown> = new Set(['ENOSPC', 'EDQUOT']);

/** @param folder its name in the data folder */
export function diskFull(folder: string, cause?: unknown): PlatformError {
  return new PlatformError('disk-full', `the disk of ${folder}/ in the data folder is full`, {
    hint: `whoever runs the server makes room on it (df -h DATA_FOLDER/${folder}); then try again`,
    cause,
  });
}

/** Runs what writes to a folder of the data folder. @throws PlatformError disk-full */
export async function writingTo<T>(folder: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (FULL.has((error as NodeJS.ErrnoException).code)) throw diskFull(folder, error);
    throw error;
  }
}

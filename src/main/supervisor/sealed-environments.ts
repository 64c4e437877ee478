import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import type { SealedEnvironment } from '../../model/environment.ts';
import { MAX_SEALED_BYTES, openEnvironment } from '../../secrets/sealed.ts';

/**
 * Opens the environment of one deployment. The folder belongs to control, which is not trusted with what the
 * supervisor may read: no symbolic link is followed, and only a regular file of sensible size is read. The keys may be
 * replaced meanwhile: the file is sealed with one of before or one of after.
 *
 * Synchronous, because a cold start waits for it: the file is small and mostly in memory, and five turns through the
 * thread pool took ten times as long as the reading.
 */
export function openSealedEnvironment(
  sealedDir: string,
  masterKeys: () => readonly Buffer[],
  deployment: string,
): SealedEnvironment {
  const before = masterKeys();
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const file = openSync(`${sealedDir}/${deployment}.sealed`, flags);
  try {
    const status = fstatSync(file);
    if (!status.isFile() || status.size > MAX_SEALED_BYTES) throw new Error('not a sealed file');
    const sealed = readFileSync(file);
    return openEnvironment([...before, ...masterKeys()], deployment, sealed);
  } finally {
    closeSync(file);
  }
}

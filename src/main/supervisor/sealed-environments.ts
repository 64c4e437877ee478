import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import type { SealedEnvironment } from '../../model/environment.ts';
import { MAX_SEALED_BYTES, openEnvironment } from '../../secrets/sealed.ts';

/**
 * Opens the environment of one deployment. The folder belongs to control, which is not trusted with what the
 * supervisor may read: no symbolic link is followed, and only a regular file of sensible size is read. The keys may be
 * replaced meanwhile: the file is sealed with one of before or one of after.
 */
export async function openSealedEnvironment(
  sealedDir: string,
  masterKeys: () => readonly Buffer[],
  deployment: string,
): Promise<SealedEnvironment> {
  const before = masterKeys();
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  await using file = await open(`${sealedDir}/${deployment}.sealed`, flags);
  const status = await file.stat();
  if (!status.isFile() || status.size > MAX_SEALED_BYTES) throw new Error('not a sealed file');
  const sealed = await file.readFile();
  return openEnvironment([...before, ...masterKeys()], deployment, sealed);
}

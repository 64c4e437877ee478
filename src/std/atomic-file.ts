import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { randomName } from './ids.ts';

/**
 * Replaces a file whole: a reader sees the old content or the new, also after a power loss. The order is
 * temporary file in the same folder, fsync, rename, fsync of the folder.
 */
export async function writeFileAtomically(
  path: string,
  content: string | Uint8Array,
  mode = 0o600,
): Promise<void> {
  const temporary = `${path}.${randomName(6)}.tmp`;
  try {
    await using file = await open(temporary, 'wx', mode);
    await file.writeFile(content);
    await file.chmod(mode); // The umask has no say in who may read it.
    await file.sync();
    await rename(temporary, path);
  } catch (error) {
    // On a full disk, whoever tries again would fill what is left with such files.
    await rm(temporary, { force: true }).catch(() => {});
    throw error;
  }
  await syncFolder(dirname(path));
}

/** Makes the names in a folder durable (fsync of the directory itself). */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

import { open, readFile } from 'node:fs/promises';
import { PlatformError } from '../../protocol/errors.ts';

const MAX_SECRET_FILE_BYTES = 64 * 1024;

/**
 * The content of a file that holds a secret, or null when there is no such file.
 * @throws PlatformError data-folder when others can read it, too
 */
export async function readPrivateFile(path: string): Promise<string | null> {
  try {
    await using file = await open(path, 'r');
    const status = await file.stat();
    if ((status.mode & 0o077) !== 0) throw tooOpen(path, status.mode);
    if (!status.isFile() || status.size > MAX_SECRET_FILE_BYTES) {
      throw new PlatformError('data-folder', `${path} is no secret of ours`);
    }
    return await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    if (error instanceof PlatformError) throw error;
    throw new PlatformError('data-folder', `${path} cannot be read`, { cause: error });
  }
}

function tooOpen(path: string, mode: number): PlatformError {
  const shown = (mode & 0o777).toString(8).padStart(4, '0');
  return new PlatformError('data-folder', `${path} has mode ${shown}: other users can read it`, {
    hint: `run: chmod 600 ${path}`,
  });
}

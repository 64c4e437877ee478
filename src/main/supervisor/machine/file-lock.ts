import { spawnSync } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { PlatformError } from '../../../protocol/errors.ts';

/** Held until `release()` or the end of this process, however it ends: the kernel drops it with the descriptor. */
export interface FileLock {
  release(): void;
}

/**
 * Takes an exclusive lock on a file, or answers null when another process has it. Node has no flock(2); a lock belongs
 * to the open file, though, and not to the process that asked for it, so the flock tool can take it for us on a
 * descriptor that it inherits.
 */
export function tryLockFile(flockTool: string, path: string): FileLock | null {
  const fd = openSync(path, 'a', 0o600);
  const { status, error } = spawnSync(flockTool, ['--exclusive', '--nonblock', '3'], {
    stdio: ['ignore', 'ignore', 'ignore', fd],
    env: {},
  });
  if (status === 0) return { release: () => closeSync(fd) };
  closeSync(fd);
  if (status === 1) return null;
  throw new PlatformError('data-folder', `${path} cannot be locked`, {
    hint: 'the file system of this folder may not support locks; a local one does',
    cause: error,
  });
}

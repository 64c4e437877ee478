/** Looks how much room the folders of the data folder have: before somebody's push finds out, and for /readyz. */
import { statfs } from 'node:fs/promises';
import type { Warning } from '../../model/warning.ts';
import { diskFull } from '../../protocol/full-disk.ts';

export interface DiskFolder {
  /** In the data folder. */
  name: string;
  path: string;
  /** Without it no push can be stored, built, released or recorded; otherwise something is only slower, or not kept. */
  isNeeded: boolean;
}

export interface Disks {
  /** @throws PlatformError disk-full when a push could not be carried out */
  requireRoom(): Promise<void>;
  warnings(): Promise<Warning[]>;
}

/** A segment of the database's log, which is written before anything else is. */
export const MIN_FREE_BYTES = 16 * 1024 * 1024;

export function createDisks(folders: readonly DiskFolder[]): Disks {
  async function findFull(): Promise<DiskFolder[]> {
    const looked = await Promise.all(
      folders.map(async (folder) => ((await hasRoom(folder.path)) ? null : folder)),
    );
    return looked.filter((folder) => folder !== null);
  }

  return {
    async requireRoom() {
      const full = (await findFull()).find(({ isNeeded }) => isNeeded);
      if (full !== undefined) throw diskFull(full.name);
    },
    async warnings() {
      return (await findFull()).map(({ name }) => ({
        kind: 'disk',
        appId: null,
        message: diskFull(name).message,
      }));
    },
  };
}

/** What cannot be looked at is another matter than one that is full. */
export async function hasRoom(path: string): Promise<boolean> {
  const found = await statfs(path).catch(() => null);
  return found === null || found.bavail * found.bsize >= MIN_FREE_BYTES;
}

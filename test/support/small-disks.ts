/** Folders on file systems of their own, small enough to be filled. For root alone: they are mounted. */
import { execFileSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';

const FILLER = '.filler';
const CHUNK = Buffer.alloc(256 * 1024);

export const isMounting = process.getuid?.() === 0;

/** Makes the folder, and mounts a file system of so many MiB on it. */
export function mountSmallDisk(folder: string, mib: number): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  execFileSync('/bin/mount', ['-t', 'tmpfs', '-o', `size=${mib}m,mode=0700`, 'gitfn-test', folder]);
}

export function unmountSmallDisk(folder: string): void {
  execFileSync('/bin/umount', ['--lazy', folder]);
}

/** Takes all room that there is, to the last byte; the returned function gives it back. */
export function fillDisk(folder: string): () => void {
  const path = join(folder, FILLER);
  const file = openSync(path, 'w');
  try {
    for (let chunk = CHUNK; chunk.length > 0;) {
      try {
        writeSync(file, chunk);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
        chunk = chunk.subarray(0, Math.floor(chunk.length / 2));
      }
    }
  } finally {
    closeSync(file);
  }
  return () => rmSync(path, { force: true });
}

/** A block of addresses for the sandboxes of one instance; instances on one machine never share one. */
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { BLOCKS, hostTable } from '../../../network/index.ts';
import type { FileLock } from '../machine/file-lock.ts';

interface LeaseOptions {
  /** Shared by all instances on this machine. */
  lockFolder: string;
  tryLock: (path: string) => FileLock | null;
}

/** The first that no other instance holds, or null; it is given back when this process ends. */
export function leaseNetworkBlock({ lockFolder, tryLock }: LeaseOptions): number | null {
  mkdirSync(lockFolder, { recursive: true, mode: 0o700 });
  for (let block = 0; block < BLOCKS; block += 1) {
    if (tryLock(lockFile(lockFolder, block)) !== null) return block;
  }
  return null;
}

/** Removes the tables of instances that were killed: whatever else they made went with their processes. */
export function removeLeftTables(nft: string, { lockFolder, tryLock }: LeaseOptions): void {
  const { stdout } = spawnSync(nft, ['list', 'tables'], { env: {}, encoding: 'utf8' });
  const tables = new Set(stdout.split('\n'));
  for (let block = 0; block < BLOCKS; block += 1) {
    if (!tables.has(`table ${hostTable(block)}`)) continue;
    const lock = tryLock(lockFile(lockFolder, block));
    if (lock === null) continue;
    spawnSync(nft, ['delete', 'table', ...hostTable(block).split(' ')], { env: {} });
    lock.release();
  }
}

function lockFile(folder: string, block: number): string {
  return `${folder}/${block}.lock`;
}

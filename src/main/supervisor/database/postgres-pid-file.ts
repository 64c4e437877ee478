/** What the database server says of itself in its cluster, and whether a process is that server. */
import { readFileSync, readlinkSync, statSync } from 'node:fs';
import { basename } from 'node:path';

interface PidFile {
  pid: number;
  /** `ready` when the server accepts connections (LOCK_FILE_LINE_PM_STATUS). */
  status: string;
}

const STATUS_LINE = 7;
/** What the kernel adds to the path of a program whose file was replaced: `npm ci` does that below a running one. */
const DELETED = / \(deleted\)$/;

export function readPidFile(cluster: string): PidFile | null {
  try {
    const lines = readFileSync(`${cluster}/postmaster.pid`, 'utf8').split('\n');
    return { pid: Number(lines[0]), status: (lines[STATUS_LINE] ?? '').trim() };
  } catch {
    return null; // None, or not whole yet.
  }
}

/** Whether it is a database server, and works in this cluster. */
export function isServerOf(cluster: string, pid: number): boolean {
  try {
    const program = readlinkSync(`/proc/${pid}/exe`).replace(DELETED, '');
    if (basename(program) !== 'postgres') return false;
    const [cwd, folder] = [statSync(`/proc/${pid}/cwd`), statSync(cluster)];
    return cwd.dev === folder.dev && cwd.ino === folder.ino;
  } catch {
    return false; // It has ended, or is not ours.
  }
}

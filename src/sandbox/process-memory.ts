/** What the processes of a sandbox hold, by /proc, for machines where no cgroup counts it. */
import { readdirSync, readFileSync, readlinkSync, statfsSync } from 'node:fs';

export interface ProcessMemory {
  bytes: number;
  /** Processes and threads. */
  tasks: number;
}

const KIB = 1024;
/** About what the kernel keeps of an empty file, with its name. */
const INODE_BYTES = 1_024;
/** Those of a sandbox that can be written; what lies in them is memory. */
const MEMORY_FOLDERS = ['tmp', 'dev/shm'];

/**
 * Of a process and all its descendants: their anonymous and shared memory, and the files that the first process of the
 * namespace sees in its tmpfs. Files of the runtime that every sandbox maps are not counted, nor is what lies in a
 * memfd that nobody maps. Looking ends at `maxTasks`, so that a fork bomb costs the one who looks no more than that.
 */
export function memoryOfTree(first: number, maxTasks: number): ProcessMemory {
  const memory: ProcessMemory = { bytes: 0, tasks: 0 };
  const pids = [first];
  // The list grows while it is walked.
  for (const pid of pids) {
    const threads = threadsOf(pid);
    memory.tasks += threads.length;
    memory.bytes += residentBytes(readProcFile(`${pid}/status`));
    if (memory.tasks > maxTasks) return memory;
    for (const thread of threads) pids.push(...childrenOf(pid, thread));
  }
  memory.bytes += fileBytes(pids[1] ?? first);
  return memory;
}

/** RssAnon and RssShmem of /proc/<pid>/status (man 5 proc_pid_status). */
export function residentBytes(status: string): number {
  let kib = 0;
  for (const [, value] of status.matchAll(/^Rss(?:Anon|Shmem):\s+(\d+) kB$/gm))
    kib += Number(value);
  return kib * KIB;
}

/** A process and all its descendants, as far as `max` of them. */
export function treeOf(first: number, max: number): number[] {
  const pids = [first];
  // The list grows while it is walked.
  for (const pid of pids) {
    for (const thread of threadsOf(pid)) pids.push(...childrenOf(pid, thread));
    if (pids.length > max) break;
  }
  return pids;
}

function threadsOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch {
    return []; // It has just ended.
  }
}

function childrenOf(pid: number, thread: string): number[] {
  const children = readProcFile(`${pid}/task/${thread}/children`);
  return children.split(' ').filter(Boolean).map(Number);
}

function fileBytes(pid: number): number {
  // Until it is set up, and where nothing confines it, it sees the machine's own folders.
  if (mountNamespace(pid) === mountNamespace('self')) return 0;
  let bytes = 0;
  for (const folder of MEMORY_FOLDERS) {
    try {
      const status = statfsSync(`/proc/${pid}/root/${folder}`);
      const { type, blocks, bfree, bsize, files, ffree } = status;
      // In a new namespace they are still the machine's for a moment.
      if (type !== TMPFS_MAGIC) continue;
      bytes += (blocks - bfree) * bsize + (files - ffree) * INODE_BYTES;
    } catch {
      // It has just ended, or is not there yet.
    }
  }
  return bytes;
}

function mountNamespace(pid: number | 'self'): string {
  try {
    return readlinkSync(`/proc/${pid}/ns/mnt`);
  } catch {
    return ''; // It has just ended.
  }
}

/** linux/magic.h */
const TMPFS_MAGIC = 0x01021994;

function readProcFile(path: string): string {
  try {
    return readFileSync(`/proc/${path}`, 'utf8');
  } catch {
    return ''; // It has just ended.
  }
}

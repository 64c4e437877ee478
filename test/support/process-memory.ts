import { closeSync, openSync, readFileSync, readSync } from 'node:fs';

/** Something to look for, in each form that it may have. */
export type Sought = Readonly<Record<string, readonly Buffer[]>>;

interface Region {
  from: number;
  to: number;
}

const CHUNK_BYTES = 4 * 1024 * 1024;

/** A text as bytes, and as V8 may hold it, in two bytes a character. */
export function formsOf(text: string): Buffer[] {
  return [Buffer.from(text), Buffer.from(text, 'utf16le')];
}

/**
 * The names of those that stand in what a process can write: heaps, stacks, buffers, shared memory; none of a process that has ended.
 * For root alone; the process runs on meanwhile.
 */
export function foundInMemory(pid: number, sought: Sought): string[] {
  const names = Object.keys(sought);
  const lengths = names.flatMap((name) => (sought[name] ?? []).map(({ length }) => length));
  const found = new Set<string>();
  const look = (bytes: Buffer): void => {
    for (const name of names) {
      if (sought[name]?.some((form) => bytes.includes(form)) === true) found.add(name);
    }
  };
  try {
    readMemory(pid, Math.max(...lengths), look);
  } catch (error) {
    if (!hasEnded(error)) throw error;
  }
  return names.filter((name) => found.has(name));
}

/** Each piece begins with as much of the one before as could be cut in two. */
function readMemory(pid: number, overlap: number, look: (bytes: Buffer) => void): void {
  const regions = writableRegions(pid);
  const memory = openSync(`/proc/${pid}/mem`, 'r');
  const chunk = Buffer.alloc(CHUNK_BYTES + overlap);
  try {
    for (const { from, to } of regions) {
      for (let at = from; at < to; at += CHUNK_BYTES) {
        const part = chunk.subarray(0, Math.min(chunk.length, to - at));
        look(part.subarray(0, readAt(memory, part, at)));
      }
    }
  } finally {
    chunk.fill(0);
    closeSync(memory);
  }
}

/** Of /proc/PID/maps (proc(5)). */
function writableRegions(pid: number): Region[] {
  const maps = readFileSync(`/proc/${pid}/maps`, 'utf8');
  return [...maps.matchAll(/^([0-9a-f]+)-([0-9a-f]+) rw/gm)].map(([, from = '', to = '']) => ({
    from: Number.parseInt(from, 16),
    to: Number.parseInt(to, 16),
  }));
}

/** How much could be read; a region may have gone meanwhile. */
function readAt(memory: number, into: Buffer, at: number): number {
  try {
    return readSync(memory, into, 0, into.length, at);
  } catch {
    return 0;
  }
}

function hasEnded(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOENT' || code === 'ESRCH';
}

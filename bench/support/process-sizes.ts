import { readdirSync, readFileSync } from 'node:fs';

/** PSS in kB by what the process is, for a platform's supervisor and all its descendants. */
export function proportionalSizes(root: number): Record<string, number> {
  const parents = new Map(processIds().map((pid) => [pid, parentOf(pid)]));
  const belongs = (pid: number): boolean => {
    for (let at = pid; at > 1; at = parents.get(at) ?? 0) if (at === root) return true;
    return false;
  };
  const sizes: Record<string, number> = {};
  for (const pid of parents.keys()) {
    if (!belongs(pid)) continue;
    const name = pid === root ? 'supervisor' : describe(pid);
    sizes[name] = (sizes[name] ?? 0) + pssKilobytes(pid);
  }
  return sizes;
}

/** The same for one process and what stands around it alone: bubblewrap, twice for each sandbox. */
export function sizeOfSandboxed(pid: number): number {
  let size = 0;
  for (let at = pid; at === pid || describe(at) === 'bubblewrap'; at = parentOf(at)) {
    size += pssKilobytes(at);
  }
  return size;
}

function processIds(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

function parentOf(pid: number): number {
  return Number(/^PPid:\s+(\d+)/m.exec(read(`/proc/${pid}/status`))?.[1] ?? 0);
}

function pssKilobytes(pid: number): number {
  return Number(/^Pss:\s+(\d+)/m.exec(read(`/proc/${pid}/smaps_rollup`))?.[1] ?? 0);
}

function describe(pid: number): string {
  const command = read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ');
  if (command.startsWith('/usr/bin/bwrap')) return 'bubblewrap';
  if (command.includes('postgres')) return 'postgres';
  if (command.includes('esbuild')) return 'esbuild';
  if (/\/runner(?:\.cjs|\/)/.test(command))
    return command.includes('old-space') ? 'workers' : 'builder';
  return /programs\/(\w+)\.[cm]js/.exec(command)?.[1] ?? 'other';
}

/** A process that has just ended reads as empty. */
function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

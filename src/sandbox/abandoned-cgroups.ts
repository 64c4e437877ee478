/** Cgroups of servers that were killed and whose data folder nobody ever starts a server on again. */
import { existsSync, readdirSync, readFileSync, rmdirSync, statSync } from 'node:fs';
import { removeLeftovers } from './cgroup.ts';

/** `gitfn-` and the name of an instance, see main/supervisor/machine/layout.ts. */
const INSTANCE = /^gitfn-[0-9a-f]{10}$/;
/** A server that starts has its cgroups for a moment before any process is in them. */
const MIN_AGE_MS = 60_000;

/**
 * Removes those of other instances below these folders, one for each hierarchy. A server that runs is itself in its cgroup
 * of `processor`, the hierarchy that shares the processor: an instance that has one there without a process is gone.
 */
export function removeAbandoned(
  { processor, others }: { processor: string; others: readonly string[] },
  own: string,
  nowMs: number,
): void {
  for (const name of readdirSync(processor)) {
    if (!INSTANCE.test(name) || name === own) continue;
    const folders = [processor, ...others]
      .map((parent) => `${parent}/${name}`)
      .filter((path) => existsSync(path));
    if (folders.every((folder) => isAbandoned(folder, nowMs))) folders.forEach(removeWhole);
  }
}

function isAbandoned(folder: string, nowMs: number): boolean {
  try {
    return nowMs - statSync(folder).mtimeMs > MIN_AGE_MS && !hasProcesses(folder);
  } catch {
    return false; // Its server ends right now, and removes it.
  }
}

function hasProcesses(folder: string): boolean {
  if (readFileSync(`${folder}/cgroup.procs`, 'utf8') !== '') return true;
  return readdirSync(folder, { withFileTypes: true }).some(
    (entry) => entry.isDirectory() && hasProcesses(`${folder}/${entry.name}`),
  );
}

/** The kernel removes none that has a process by now. */
function removeWhole(folder: string): void {
  try {
    removeLeftovers(folder);
    rmdirSync(folder);
  } catch {
    // Somebody else was faster, or has begun to use it.
  }
}

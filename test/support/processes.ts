import { readdirSync, readFileSync } from 'node:fs';

export interface ProcessFacts {
  pid: number;
  parent: number;
  /** Real uid as the host sees it. */
  uid: number;
  commandLine: string;
}

/** Every process of this machine that has not ended; a zombie has. */
function allProcesses(): ProcessFacts[] {
  const found: ProcessFacts[] = [];
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      const status = readFileSync(`/proc/${entry}/status`, 'utf8');
      if (/^State:\s+[ZX]/m.test(status)) continue;
      found.push({
        pid: Number(entry),
        parent: Number(/^PPid:\s+(\d+)/m.exec(status)?.[1]),
        uid: Number(/^Uid:\s+(\d+)/m.exec(status)?.[1]),
        commandLine: readFileSync(`/proc/${entry}/cmdline`, 'utf8').replaceAll('\0', ' ').trim(),
      });
    } catch {
      // It has ended meanwhile.
    }
  }
  return found;
}

/** Everything below a process, however deep. */
export function descendantsOf(pid: number): ProcessFacts[] {
  const all = allProcesses();
  const found: ProcessFacts[] = [];
  const parents = new Set([pid]);
  for (let grew = true; grew;) {
    grew = false;
    for (const candidate of all) {
      if (parents.has(candidate.pid) || !parents.has(candidate.parent)) continue;
      parents.add(candidate.pid);
      found.push(candidate);
      grew = true;
    }
  }
  return found;
}

/** The platform's own children but sandboxes, each of which begins as a shell that becomes bubblewrap. */
export function platformProcesses(supervisor: number): ProcessFacts[] {
  return descendantsOf(supervisor).filter(({ parent, commandLine }) => {
    return parent === supervisor && !/\b(bwrap|sh|setpriv|prlimit)\b/.test(commandLine);
  });
}

/** Those of the processes that are still there. */
export function survivors(processes: ProcessFacts[]): ProcessFacts[] {
  const now = new Map(allProcesses().map((candidate) => [candidate.pid, candidate]));
  return processes.filter(({ pid, uid }) => now.get(pid)?.uid === uid);
}

/**
 * Ends a sandbox from the inside out. The kernel ends a pid namespace with its first process, at once and whole; the
 * bubblewrap outside then reaps that process and ends by itself. Were the outer one killed first, the inner one
 * would be left to this machine's pid 1, which in many containers reaps nothing.
 */
import type { ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { SandboxCgroup } from './cgroup.ts';

/** By then the outer bubblewrap has ended, unless the machine is in trouble. */
const OUTER_GRACE_MS = 1_000;

export type Killed = 'inside' | 'outside';

/** Tells where the signal went: after `inside` the outer bubblewrap exits with a code that speaks of the signal. */
export function killSandbox(outer: ChildProcess, cgroup: SandboxCgroup): Killed {
  const killAll = (): void => {
    outer.kill('SIGKILL');
    killCgroup(cgroup);
  };
  if (!killInside(outer)) {
    killAll();
    return 'outside';
  }
  const fallback = setTimeout(killAll, OUTER_GRACE_MS);
  outer.once('exit', () => clearTimeout(fallback));
  return 'inside';
}

/** Whatever is in the way (no descriptor left, say), the cgroup's removal shows whether something is still there. */
export function killCgroup(cgroup: SandboxCgroup): void {
  try {
    cgroup.kill();
  } catch {
    // As the comment above says.
  }
}

/** Whether there was an inside to kill: while the launch chain waits for its arguments there is none. */
function killInside(outer: ChildProcess): boolean {
  try {
    const children = readFileSync(`/proc/${outer.pid}/task/${outer.pid}/children`, 'utf8');
    // bubblewrap has one child: the first process of the namespace.
    const first = /^\d+/.exec(children)?.[0];
    return first !== undefined && process.kill(Number(first), 'SIGKILL');
  } catch {
    return false; // It has just ended, or the kernel was built without this file.
  }
}

/**
 * Ends a sandbox from the inside out. The kernel ends a pid namespace with its first process, at once and whole; the
 * bubblewrap outside then reaps that process and ends by itself. Were the outer one killed first, the inner one
 * would be left to this machine's pid 1, which in many containers reaps nothing.
 */
import { readFileSync } from 'node:fs';
import type { SandboxCgroup } from './cgroup.ts';
import type { LaunchedProcess } from './launched-process.ts';

/** By then the outer bubblewrap has ended, unless the machine is in trouble. */
const OUTER_GRACE_MS = 1_000;

export function killSandbox(launched: LaunchedProcess, cgroup: SandboxCgroup): void {
  launched.killInside();
  const fallback = setTimeout(() => {
    launched.killOutside();
    killCgroup(cgroup);
  }, OUTER_GRACE_MS);
  void launched.ended.then(() => clearTimeout(fallback));
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
export function killInside(outer: number): boolean {
  try {
    const children = readFileSync(`/proc/${outer}/task/${outer}/children`, 'utf8');
    // bubblewrap has one child: the first process of the namespace.
    const first = /^\d+/.exec(children)?.[0];
    return first !== undefined && process.kill(Number(first), 'SIGKILL');
  } catch {
    return false; // It has just ended, or the kernel was built without this file.
  }
}

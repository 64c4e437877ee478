import type { ChildProcess } from 'node:child_process';

/**
 * Ends a child that leads a process group (hooks/engine makes git do so), with all that it started. Its input has
 * been closed, which is git's own way of giving up: it removes its quarantine and exits. Signals follow for what
 * does not listen: SIGTERM after `graceMs`, on which git still cleans up, and SIGKILL after as much again.
 */
export function endProcessGroup(child: ChildProcess, graceMs: number): void {
  const pid = child.pid;
  if (pid === undefined || hasEnded(child)) return;
  const terminate = setTimeout(() => signalGroup(pid, 'SIGTERM'), graceMs);
  const kill = setTimeout(() => signalGroup(pid, 'SIGKILL'), 2 * graceMs);
  child.on('exit', () => {
    clearTimeout(terminate);
    clearTimeout(kill);
    // Whatever the leader left behind has nobody to report to.
    signalGroup(pid, 'SIGKILL');
  });
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch (error) {
    // No such group: it has ended, or it has not reached setsid yet and dies of its closed input.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

interface Signalled {
  pid?: number | undefined;
}

/** What has ended by itself meanwhile is left at that. @throws Error for what was never there: 0 is everybody here. */
export function sendSignal(to: Signalled | undefined, name: NodeJS.Signals): void {
  send(pidOf(to), name);
}

/** To a process that leads a group, and to all in it. */
export function signalGroup(to: Signalled | undefined, name: NodeJS.Signals): void {
  send(-pidOf(to), name);
}

function pidOf(to: Signalled | undefined): number {
  if (to?.pid === undefined || to.pid <= 1) throw new Error('there is no process to signal');
  return to.pid;
}

function send(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

import { descendantsOf } from './processes.ts';

/** Pids of a platform's data processes that run, in the order of their start. */
export function dataProcessesOf(platform: { pid: number }): number[] {
  return descendantsOf(platform.pid)
    .filter(({ commandLine }) => commandLine.endsWith('/programs/data.mjs'))
    .map(({ pid }) => pid);
}

/** Has this data process alone accept connections while `ask` runs: what waits at the port is taken by who is awake. */
export async function through<T>(
  platform: { pid: number },
  pid: number,
  ask: () => Promise<T>,
): Promise<T> {
  const others = dataProcessesOf(platform).filter((other) => other !== pid);
  for (const other of others) process.kill(other, 'SIGSTOP');
  try {
    return await ask();
  } finally {
    for (const other of others) process.kill(other, 'SIGCONT');
  }
}

import { readFileSync } from 'node:fs';
import { descendantsOf } from '../../test/support/processes.ts';

/** The kernel's unit of processor time. */
const TICK_US = 10_000;

/** What the processes of this bench whose command lines have one of the words have had so far, in microseconds. */
export function processorUs(words: readonly string[]): number {
  return descendantsOf(process.pid)
    .filter(({ commandLine }) => words.some((word) => commandLine.includes(word)))
    .reduce((sum, { pid }) => sum + timeOf(pid), 0);
}

/** Of a process that goes on, with that of its children that have ended. */
function timeOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\)/, '');
  const times = /^ \S(?: \S+){10} (\d+) (\d+) (\d+) (\d+) /.exec(stat)?.slice(1) ?? [];
  return times.reduce((sum, ticks) => sum + Number(ticks), 0) * TICK_US;
}

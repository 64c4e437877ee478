import { readdirSync, readFileSync } from 'node:fs';
import { descendantsOf, type ProcessFacts } from '../support/processes.ts';

/** What is ended at random. */
export type Target =
  | 'worker'
  | 'builder'
  | 'control'
  | 'data'
  | 'git'
  | 'egress'
  | 'launcher'
  | 'postgres';

const COMMAND_LINES: Record<Target, RegExp> = {
  // A worker of a function, or one that belongs to nobody yet: they look the same from outside.
  worker: /^\/usr\/bin\/node .*\/runner\.cjs( |$)/,
  builder: /^\/usr\/local\/bin\/node .*\/runner\//,
  control: /\/node .*\/control\.m?js$/,
  data: /\/node .*\/data\.m?js$/,
  // In a bubblewrap of its own, whose command line ends alike.
  git: /^(?!\S*bwrap).*\/node .*\/git\.m?js$/,
  egress: /\/node .*\/egress\.m?js$/,
  launcher: /\/node .*\/launcher\.cjs$/,
  postgres: /bin\/postgres -D/,
};

/** The processes of a platform that are such a thing. */
export function findTargets(supervisor: number, target: Target): ProcessFacts[] {
  return descendantsOf(supervisor).filter(({ commandLine }) => {
    return COMMAND_LINES[target].test(commandLine);
  });
}

/**
 * What a process holds, in MiB of memory that is its own share, and in descriptors. Pages of files do not count: the
 * kernel drops and reads them again as the machine needs memory.
 */
export interface Held {
  pssMib: number;
  descriptors: number;
}

const KIB_PER_MIB = 1024;

export function heldBy(pid: number): Held | null {
  try {
    const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
    const pssKib = ['Pss_Anon', 'Pss_Shmem', 'SwapPss']
      .map((name) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(rollup)?.[1] ?? 0))
      .reduce((sum, kib) => sum + kib);
    const descriptors = readdirSync(`/proc/${pid}/fd`).length;
    return { pssMib: Math.round(pssKib / KIB_PER_MIB), descriptors };
  } catch {
    return null; // It has just ended, or is not ours to look into.
  }
}

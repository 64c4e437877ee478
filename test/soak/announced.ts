/**
 * Which requests a worker has begun, as its own function tells: the handler makes a file for each in its /tmp and
 * removes it before it answers. From outside they are seen through /proc, so nothing that the platform says of its
 * own failures is believed.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { sendSignal } from '../support/signals.ts';

const FOLDER = 'begun-by-';

/** Statements of a handler around its work; `event` is Lambda's. */
export function announcing(app: string, work: string): string {
  return `import fs from 'node:fs';
fs.mkdirSync('/tmp/${FOLDER}${app}');
export const handler = async (event) => {
  const begun = '/tmp/${FOLDER}${app}/' + event.headers['x-soak'];
  fs.writeFileSync(begun, '');
  try {
    ${work}
  } finally {
    fs.rmSync(begun);
  }
};
`;
}

export interface Announced {
  /** Null for a worker that has loaded no function. */
  app: string | null;
  requests: Set<string>;
}

export function announcedBy(pid: number): Announced {
  const root = `/proc/${pid}/root/tmp`;
  const folder = namesIn(root).find((name) => name.startsWith(FOLDER));
  if (folder === undefined) return { app: null, requests: new Set() };
  const requests = new Set(namesIn(`${root}/${folder}`));
  return { app: folder.slice(FOLDER.length), requests };
}

/** Holds processes still while `look` is at work, and lets those go on that it names. */
export function whileStopped(pids: number[], look: () => number[]): void {
  for (const pid of pids) sendSignal({ pid }, 'SIGSTOP');
  waitUntil(() => pids.every((pid) => 'TtZX'.includes(stateOf(pid))));
  for (const pid of look()) sendSignal({ pid }, 'SIGCONT');
}

/** Without giving way to any other code: no request begins meanwhile. False when it took too long. */
export function waitUntilGone(pid: number): boolean {
  // A process whose first thread has ended has all its sockets open as long as another thread ends.
  return waitUntil(() => 'ZX'.includes(stateOf(pid)) && namesIn(`/proc/${pid}/task`).length <= 1);
}

const WAIT_MS = 10_000;
const LOOK_EVERY_MS = 1;
const sleeper = new Int32Array(new SharedArrayBuffer(4));

function waitUntil(isDone: () => boolean): boolean {
  for (const endsAt = performance.now() + WAIT_MS; performance.now() < endsAt;) {
    if (isDone()) return true;
    Atomics.wait(sleeper, 0, 0, LOOK_EVERY_MS);
  }
  return false;
}

/** As /proc/<pid>/stat has it; X for one that is no more. */
function stateOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).charAt(0);
  } catch {
    return 'X';
  }
}

function namesIn(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return []; // It has just ended, or is not ours to look into.
  }
}

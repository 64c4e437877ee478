/**
 * Places at which a test lets a process die, stand or fail: the steps of a push and of what else changes what is served.
 * Without `armFailpoints` each is one comparison, and only the supervisor of a server that was started for a test calls it
 * (docs/decisions, "Failpoints are files in a folder of the test's").
 *
 *     test writes  <folder>/<name>      with `kill`, `throw` or `hang`
 *     process      renames it to <name>.hit, so that one process has it, once; then does what it says
 *     test         waits for <name>.hit; one that hangs goes on when the file is gone
 *
 * The folder is state of the module, since a process has one and every step would hand it on otherwise.
 */
import { existsSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/** All there are, each with the process that it stands in. */
export const FAILPOINTS = {
  'git.push-admitted': 'git',
  'git.repository-copied': 'git',
  'git.repository-ready': 'git',
  'git.quarantine-read': 'git',
  'git.archive-begun': 'git',
  'git.push-accepted': 'git',
  'git.refs-moved': 'git',
  'git.release-answered': 'git',
  'git.live-refs-asked': 'git',
  'git.repository-gone': 'git',
  'git.drain-begun': 'git',
  'push.asked': 'control',
  'push.reserved': 'control',
  'build.started': 'control',
  'build.answered': 'control',
  'bundle.file-written': 'control',
  'bundle.tree-synced': 'control',
  'bundle.renamed': 'control',
  'build.recorded': 'control',
  'push.bundle-recorded': 'control',
  'push.built': 'control',
  'push.sealed': 'control',
  'push.warmed': 'control',
  'push.accepted': 'control',
  'release.begun': 'control',
  'release.uncommitted': 'control',
  'release.committed': 'control',
  'routes.read': 'control',
  'routes.written': 'control',
  'release.published': 'control',
  'rollback.begun': 'control',
  'environment.changed': 'control',
  'environment.preview-sealed': 'control',
  'branch.uncommitted': 'control',
  'branch.removed': 'control',
  'app.hidden': 'control',
  'app.repository-gone': 'control',
  'app.bundles-gone': 'control',
  'control.drain-begun': 'control',
  'data.prepare-asked': 'data',
  'data.prepared': 'data',
  'data.routes-read': 'data',
  'data.routes-taken': 'data',
  'data.drained': 'data',
  'sandbox.asked': 'supervisor',
  'sandbox.environment-given': 'supervisor',
  'launcher.asked': 'launcher',
} as const;

export type FailpointName = keyof typeof FAILPOINTS;

const POLL_MS = 20;

let folder: string | null = null;

/** From now on the failpoints of this process do what files in the folder say; null for never. */
export function armFailpoints(path: string | null): void {
  folder = path;
}

/** For the processes that this one starts. */
export function failpointFolder(): string | null {
  return folder;
}

/** @throws Error when the test says so */
export async function failpoint(name: FailpointName): Promise<void> {
  if (folder === null) return;
  const hit = join(folder, `${name}.hit`);
  try {
    renameSync(join(folder, name), hit);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  const order = readFileSync(hit, 'utf8').trim();
  if (order === 'kill') process.kill(process.pid, 'SIGKILL');
  if (order === 'throw') throw new Error(`failpoint ${name}`);
  while (existsSync(hit)) await delay(POLL_MS);
}

/** What git, or this process, leaves in the repositories when it is killed: it would be in the way of others, or just stay. */
import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Push } from './pushes.ts';

/** Where git keeps the objects of a push that is not accepted yet, beside the others. */
export const QUARANTINE = /^(tmp_objdir-)?incoming-[A-Za-z0-9]{6,}$/;

/** A lock of git's own beside the file that it replaces (gitrepository-layout). No ref has such a name. */
const LOCK = '.lock';
/** git holds one for the milliseconds in which it writes: whoever held this one has died. */
const STALE_MS = 10_000;
/** By how much a file's time may be behind the clock: a tick of the kernel. */
const TICK_MS = 20;

/**
 * Repositories that were not complete, quarantines, and locks. To be called before the first push of this process: no git
 * process works on any of them.
 */
export async function removeLeftovers(root: string): Promise<void> {
  for (const name of await readdir(root)) {
    if (name.endsWith('.tmp')) await rm(join(root, name), { recursive: true, force: true });
    if (!name.endsWith('.git')) continue;
    const repository = join(root, name);
    const objects = join(repository, 'objects');
    for (const entry of await namesIn(objects)) {
      if (QUARANTINE.test(entry)) await rm(join(objects, entry), { recursive: true, force: true });
    }
    for (const entry of await namesIn(repository)) await removeLock(join(repository, entry));
    const refs = join(repository, 'refs');
    for (const entry of await readdir(refs, { recursive: true }).catch(() => [])) {
      await removeLock(join(refs, entry));
    }
  }
}

/** What git locks beside the refs that it moves: for the branch that HEAD names, for deletions, and for shallow pushes. */
const SHARED = ['HEAD', 'packed-refs', 'shallow'];

/** The same of what a push was to change whose git process was killed, once nobody else can have these locks. */
export function removeLocksLater(
  repository: string,
  refs: () => string[],
  staleMs = STALE_MS,
): void {
  const look = async (): Promise<void> => {
    for (const name of [...SHARED, ...refs()]) {
      const lock = join(repository, `${name}${LOCK}`);
      const found = await stat(lock).catch(() => null);
      if (found !== null && Date.now() - found.mtimeMs >= staleMs) await removeLock(lock);
    }
  };
  // What cannot be removed now is at the next start.
  setTimeout(() => void look().catch(() => {}), staleMs).unref();
}

/**
 * Quarantines of a push whose git process has just been killed. Only git knows which are whose: so those that were there then go
 * when all others that ran beside it have ended as well, and what any of them started has noticed.
 */
export async function removeQuarantinesLater(
  repository: string,
  others: readonly Pick<Push, 'ended'>[],
  staleMs = STALE_MS,
): Promise<void> {
  const objects = join(repository, 'objects');
  const diedAt = Date.now();
  await Promise.all(others.map(({ ended }) => aborted(ended)));
  await delay(staleMs, undefined, { ref: false });
  for (const entry of await namesIn(objects)) {
    if (!QUARANTINE.test(entry)) continue;
    const folder = join(objects, entry);
    const found = await stat(folder).catch(() => null);
    const isOld = found !== null && found.mtimeMs < diedAt - TICK_MS;
    if (isOld) await rm(folder, { recursive: true, force: true });
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

async function removeLock(path: string): Promise<void> {
  if (path.endsWith(LOCK)) await rm(path, { force: true });
}

function namesIn(folder: string): Promise<string[]> {
  return readdir(folder).catch(() => []);
}

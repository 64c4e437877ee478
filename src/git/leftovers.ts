/** What git, or this process, leaves in the repositories when it is killed: it would be in the way of others, or just stay. */
import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** Where git keeps the objects of a push that is not accepted yet, beside the others. */
export const QUARANTINE = /^(tmp_objdir-)?incoming-[A-Za-z0-9]{6,}$/;

/** A lock of git's own beside the file that it replaces (gitrepository-layout). No ref has such a name. */
const LOCK = '.lock';
/** git holds one for the milliseconds in which it writes: whoever held this one has died. */
const STALE_MS = 10_000;

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

/** The same of the refs that a push was to move whose git process was killed, once nobody else can have their locks. */
export function removeLocksLater(
  repository: string,
  refs: () => string[],
  staleMs = STALE_MS,
): void {
  const look = async (): Promise<void> => {
    for (const ref of refs()) {
      const lock = join(repository, `${ref}${LOCK}`);
      const found = await stat(lock).catch(() => null);
      if (found !== null && Date.now() - found.mtimeMs >= staleMs) await removeLock(lock);
    }
  };
  // What cannot be removed now is at the next start.
  setTimeout(() => void look().catch(() => {}), staleMs).unref();
}

async function removeLock(path: string): Promise<void> {
  if (path.endsWith(LOCK)) await rm(path, { force: true });
}

function namesIn(folder: string): Promise<string[]> {
  return readdir(folder).catch(() => []);
}

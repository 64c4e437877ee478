import { type Dirent, type FSWatcher, lstatSync, readdirSync, watch } from 'node:fs';
import { join } from 'node:path';

/** Of the kernel's watches, which all programs of a user share (inotify allows some 8,000 at least). */
const MAX_FOLDERS = 4_000;
/** Editors write in several steps, and so does git. */
const QUIET_MS = 60;
/** Whoever never stops writing is not waited for. */
const MAX_DELAY_MS = 1_000;

const PACKAGES_FOLDER = 'node_modules';
/** Left by editors for a moment. */
const TEMPORARY = /~$|\.sw[a-z]$|^4913$|^\.#|^#.*#$|\.tmp$/;

export interface FolderWatch {
  /** False when the folder has more folders than can be watched: changes in the others are not seen. */
  readonly isComplete: boolean;
  close(): void;
}

/**
 * Calls back some moments after files below a folder changed. Packages are not watched, only their coming and going;
 * nor are folders with a dot in front, such as .git.
 */
export function watchFolder(root: string, onChange: () => void): FolderWatch {
  const watchers = new Map<string, FSWatcher>();
  let isComplete = true;
  let firstChangeMs: number | null = null;
  let timer: NodeJS.Timeout | undefined;

  function add(folder: string): void {
    if (watchers.has(folder)) return;
    if (watchers.size >= MAX_FOLDERS) {
      isComplete = false;
      return;
    }
    try {
      const watcher = watch(folder, (event, name) => changed(folder, { event, name }));
      watcher.on('error', () => remove(folder));
      watchers.set(folder, watcher);
    } catch {
      isComplete = false;
      return;
    }
    for (const entry of entriesOf(folder)) {
      if (entry.isDirectory() && isWatchedFolder(entry.name)) add(join(folder, entry.name));
    }
  }

  /** With all that are below it. */
  function remove(folder: string): void {
    for (const [path, watcher] of watchers) {
      if (path !== folder && !path.startsWith(`${folder}/`)) continue;
      watcher.close();
      watchers.delete(path);
    }
  }

  function changed(folder: string, what: { event: string; name: string | null }): void {
    const { event, name } = what;
    if (name !== null && isIgnored(name)) return;
    if (name !== null && event === 'rename' && isWatchedFolder(name)) {
      // It came, perhaps with files in it, or went; or it went and came again, and the old watch sees nothing.
      const path = join(folder, name);
      remove(path);
      if (isFolder(path)) add(path);
    }
    const now = performance.now();
    firstChangeMs ??= now;
    clearTimeout(timer);
    const leftMs = Math.max(0, firstChangeMs + MAX_DELAY_MS - now);
    timer = setTimeout(
      () => {
        firstChangeMs = null;
        onChange();
      },
      Math.min(QUIET_MS, leftMs),
    );
  }

  add(root);
  return {
    get isComplete() {
      return isComplete;
    },
    close: () => {
      clearTimeout(timer);
      remove(root);
    },
  };
}

function isWatchedFolder(name: string): boolean {
  return !name.startsWith('.') && name !== PACKAGES_FOLDER;
}

/** Whether a name of a file or folder tells of no change that matters. */
export function isIgnored(name: string): boolean {
  const isHidden = name.startsWith('.') && !name.startsWith('.env');
  return isHidden || TEMPORARY.test(name);
}

/** Links are not followed, so no folder is its own ancestor. */
function isFolder(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

/** None when it is no folder, or not any more. */
function entriesOf(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    return [];
  }
}

/**
 * The folders that workers see as /code. Each zygote gets an empty one before it boots; when it is specialised with a
 * bundle that has packages beside its code, they are hard-linked into it, so that a thousand files cost no bytes.
 * A bundle is read through descriptors of its folders: nothing that somebody put in place of one is followed.
 */
import { constants, existsSync, mkdirSync, readdirSync } from 'node:fs';
import { copyFile, type FileHandle, link, mkdir, open, readdir, rm } from 'node:fs/promises';
import { PlatformError } from '../../../protocol/errors.ts';
import { KeyedMutex } from '../../../std/mutex.ts';
import { removeTreeSync } from '../../../std/remove-tree.ts';

/** Folder of a bundle that is shown; its code travels down the worker's socket. */
const SHOWN_FOLDER = 'node_modules';
/** The store takes fewer. */
const MAX_LINKED_FILES = 50_000;
const MAX_DEPTH = 40;
/** A slot's folder is passed through by the slot's own uid. */
const FOLDER_MODE = 0o755;

interface CodeSlotsOptions {
  /** Folders named by the hash of a bundle. */
  bundlesDir: string;
  /** In the same mount as the bundles. */
  slotsDir: string;
  /** The same folder, where every uid can reach it. */
  visibleDir: string;
  /** Instead of linked: for workers that could write to the files of the bundle. */
  isCopied?: boolean;
}

export interface CodeSlots {
  /** Makes an empty folder; returns its path for a mount. */
  open(slot: string): string;
  /** Shows it the packages of a bundle, 64 hex digits. */
  fill(slot: string, bundle: string): Promise<void>;
  /** The slots that there is a folder of. */
  list(): string[];
  /** To be called when the sandbox has gone. */
  remove(slot: string): Promise<void>;
}

/** Begins with none: what a server that was killed left behind is removed. */
export function createCodeSlots(options: CodeSlotsOptions): CodeSlots {
  const { bundlesDir, slotsDir, visibleDir, isCopied = false } = options;
  // Not recursively: that never ends below a mount whose folder was removed meanwhile (Node 26.10).
  if (!existsSync(slotsDir)) mkdirSync(slotsDir);
  for (const name of readdirSync(slotsDir)) removeTreeSync(`${slotsDir}/${name}`);
  // A sandbox may end while it is being shown its packages: both at once would leave half of them behind.
  const turns = new KeyedMutex();
  return {
    open: (slot) => {
      makeFolder(`${slotsDir}/${slot}`);
      return `${visibleDir}/${slot}`;
    },
    fill: (slot, bundle) => {
      const source = `${bundlesDir}/${bundle}/${SHOWN_FOLDER}`;
      const target = `${slotsDir}/${slot}/${SHOWN_FOLDER}`;
      return turns.run(slot, () => linkFolder(source, target, { files: 0, depth: 0, isCopied }));
    },
    list: () => readdirSync(slotsDir),
    remove: (slot) =>
      turns.run(slot, () => rm(`${slotsDir}/${slot}`, { recursive: true, force: true })),
  };
}

/** @throws PlatformError, which costs one sandbox and not the supervisor. */
function makeFolder(path: string): void {
  try {
    mkdirSync(path, { mode: FOLDER_MODE });
  } catch (error) {
    throw new PlatformError('sandbox-failed', 'no folder can be made for a worker', {
      cause: error,
    });
  }
}

interface Linked {
  files: number;
  depth: number;
  isCopied: boolean;
}

async function linkFolder(source: string, target: string, linked: Linked): Promise<void> {
  if (linked.depth > MAX_DEPTH) throw tooLarge();
  const flags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
  await using folder = await open(source, flags);
  const anchored = `/proc/self/fd/${folder.fd}`;
  await mkdir(target, { mode: FOLDER_MODE });
  for (const entry of await readdir(anchored, { withFileTypes: true })) {
    const from = `${anchored}/${entry.name}`;
    const to = `${target}/${entry.name}`;
    if (entry.isDirectory()) {
      linked.depth += 1;
      await linkFolder(from, to, linked);
      linked.depth -= 1;
    } else {
      linked.files += 1;
      if (linked.files > MAX_LINKED_FILES) throw tooLarge();
      await linkFile(from, to, linked);
    }
  }
}

async function linkFile(from: string, to: string, { isCopied }: Linked): Promise<void> {
  await using file = await open(from, constants.O_RDONLY | constants.O_NOFOLLOW);
  if (!(await file.stat()).isFile()) {
    throw new PlatformError('internal', 'a bundle holds something that is no file');
  }
  if (isCopied) {
    await copyOpened(file, to);
    return;
  }
  try {
    // link(2) does not follow the last part of its first path, whatever stands there by now.
    await link(from, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EXDEV') throw error;
    await copyOpened(file, to);
  }
}

async function copyOpened(file: FileHandle, to: string): Promise<void> {
  await copyFile(`/proc/self/fd/${file.fd}`, to, constants.COPYFILE_EXCL);
}

function tooLarge(): PlatformError {
  return new PlatformError('internal', 'a bundle has more files than a worker is shown');
}

import { chmod, mkdir, open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { syncFolder } from '../std/atomic-file.ts';
import { failpoint } from '../std/failpoint.ts';
import { forEachBounded } from '../std/for-each-bounded.ts';

export const FOLDER_MODE = 0o755;
/** Data reads bundles as another user; nobody writes them again. */
const FILE_MODE = 0o444;
/** Packages ship programs that they start. What is one, its content tells: a bundle's name vouches for nothing else. */
const PROGRAM_MODE = 0o555;
const PROGRAM_STARTS = ['\x7fELF', '#!'].map((start) => Buffer.from(start));
/**
 * Files that are written and synced at a time. A file system gathers what is synced at once into few writes of its
 * journal: thousands of small files one after the other would take as many of them.
 */
const WRITES_AT_ONCE = 32;

interface TreeFile {
  path: string;
  content: Uint8Array;
}

/** Writes files below `root`, an empty folder, durably: contents and names. Paths have been checked. */
export async function writeTree(root: string, files: readonly TreeFile[]): Promise<void> {
  const folders = foldersOf(files.map(({ path }) => path));
  for (const folder of folders) {
    await mkdir(join(root, folder));
    await chmod(join(root, folder), FOLDER_MODE); // The umask has no say in who may read it.
  }
  await forEachBounded(files, WRITES_AT_ONCE, (file) => writeTreeFile(root, file));
  await forEachBounded([...folders, '.'], WRITES_AT_ONCE, (folder) =>
    syncFolder(join(root, folder)),
  );
}

/** Every folder that the paths lie in, each after the one that it lies in itself. */
function foldersOf(paths: string[]): string[] {
  const folders = new Set<string>();
  for (const path of paths) {
    for (let folder = dirname(path); folder !== '.'; folder = dirname(folder)) {
      if (folders.has(folder)) break;
      folders.add(folder);
    }
  }
  // A folder's name is the beginning of the names in it.
  return [...folders].sort();
}

async function writeTreeFile(root: string, { path, content }: TreeFile): Promise<void> {
  const file = await open(join(root, path), 'wx', FILE_MODE);
  try {
    await file.writeFile(content);
    await file.chmod(isProgram(content) ? PROGRAM_MODE : FILE_MODE);
    await failpoint('bundle.file-written');
    await file.sync();
  } finally {
    await file.close();
  }
}

function isProgram(content: Uint8Array): boolean {
  return PROGRAM_STARTS.some((start) => start.equals(content.subarray(0, start.length)));
}

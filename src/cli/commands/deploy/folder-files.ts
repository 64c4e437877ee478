import { lstatSync } from 'node:fs';
import { basename, join } from 'node:path';
import { runGit } from '../../git/git.ts';
import type { ScratchRepository } from '../../git/scratch-repository.ts';

export interface FolderFiles {
  /** Relative to the folder. */
  files: string[];
  /** Files with values that a repository should not hold; never deployed. */
  secrets: string[];
  /** Repositories inside the folder, which git does not take along. */
  repositories: string[];
  /** Names that are no UTF-8, which no deployment can hold. */
  misnamed: string[];
}

/** Never deployed, whatever .gitignore says: what is installed, git's own, the platform's data folder. */
const LEFT_OUT_FOLDERS = new Set(['node_modules', '.git', '.fn']);
const SECRET_FILE = /^\.env/;

/** What of a folder is deployed: what `git add` would take, without the above. */
export async function listFolderFiles(
  scratch: ScratchRepository,
  folder: string,
): Promise<FolderFiles> {
  const found: FolderFiles = { files: [], secrets: [], repositories: [], misnamed: [] };
  for (const path of await listPaths(scratch, folder)) {
    if (path.split('/').some((part) => LEFT_OUT_FOLDERS.has(part))) continue;
    const stats = lstatSync(join(folder, path), { throwIfNoEntry: false });
    if (stats === undefined) {
      // What is no UTF-8 was replaced while git's answer was read; otherwise tracked, and deleted since.
      if (path.includes('\ufffd')) found.misnamed.push(path);
    } else if (stats.isDirectory()) found.repositories.push(path.replace(/\/$/, ''));
    else if (SECRET_FILE.test(basename(path))) found.secrets.push(path);
    else found.files.push(path);
  }
  return found;
}

/** By the rules of the user's own repository where the folder is part of one, since some stand above the folder. */
async function listPaths(scratch: ScratchRepository, folder: string): Promise<string[]> {
  const args = ['ls-files', '--others', '--exclude-standard', '-z'];
  const listed = (await isPartOfRepository(folder))
    ? await runGit([...args, '--cached', '--deduplicate'], { folder })
    : await scratch.git(args);
  return listed.stdout.split('\0').filter((path) => path !== '');
}

/** A folder of build results that its repository ignores is deployed for what it holds. */
async function isPartOfRepository(folder: string): Promise<boolean> {
  const inside = await runGit(['rev-parse', '--is-inside-work-tree'], { folder });
  if (inside.code !== 0 || inside.stdout.trim() !== 'true') return false;
  return (await runGit(['check-ignore', '--quiet', '.'], { folder })).code !== 0;
}

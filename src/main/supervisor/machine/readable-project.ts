import { readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { PlatformError } from '../../../protocol/errors.ts';
import { PROJECT_PARTS } from './layout.ts';
import { PACKAGED_PATHS } from './packaged-files.ts';

const SAMPLED_FOLDERS = ['hooks', 'hooks/engine', 'migrations'];
const FOR_OTHERS = { read: 0o004, execute: 0o001 };
const OWNER_EXECUTES = 0o100;

/**
 * A clone or an installation made under a strict umask is closed to every uid but its owner's, and so to the
 * processes that run under uids of their own. It is closed as a whole: some of its files tell.
 *
 * @throws PlatformError that names the first closed one and the command that opens them.
 */
export function requireReadableProject(projectDir: string): void {
  const closed = samples(projectDir).find((path) => isClosed(projectDir, path));
  if (closed === undefined) return;
  throw new PlatformError('internal', `${join(projectDir, closed)} can be read by its owner only`, {
    hint: `the server's processes have uids of their own; run: cd ${projectDir} && chmod -R go+rX ${PROJECT_PARTS.join(' ')}`,
  });
}

function samples(projectDir: string): string[] {
  const listed = SAMPLED_FOLDERS.flatMap((folder) =>
    readdirSync(join(projectDir, folder)).map((name) => join(folder, name)),
  );
  return ['package.json', ...listed, ...PACKAGED_PATHS];
}

/** Not readable itself, or below a folder that others cannot pass. */
function isClosed(projectDir: string, path: string): boolean {
  const status = statSync(join(projectDir, path), { throwIfNoEntry: false });
  if (status === undefined) return false; // Who needs it says better what is missing.
  const isExecutable = (status.mode & OWNER_EXECUTES) !== 0;
  const wanted = FOR_OTHERS.read | (isExecutable ? FOR_OTHERS.execute : 0);
  if ((status.mode & wanted) !== wanted) return true;
  return foldersAbove(path).some(
    (folder) => (statSync(join(projectDir, folder)).mode & FOR_OTHERS.execute) === 0,
  );
}

/** From the inmost out, without the project's own folder: what is above the parts is never passed. */
function foldersAbove(path: string): string[] {
  const folder = dirname(path);
  return folder === '.' ? [] : [folder, ...foldersAbove(folder)];
}

/** The data folder as it stands on disk: made, checked, held by one server at a time, owned as the layout wants it. */
import { spawnSync } from 'node:child_process';
import {
  accessSync,
  chmodSync,
  constants,
  existsSync,
  mkdirSync,
  readdirSync,
  realpathSync,
  rmSync,
  statSync,
} from 'node:fs';
import { PlatformError } from '../../../protocol/errors.ts';
import { type FileLock, tryLockFile } from './file-lock.ts';
import { type DataFolders, dataFolders, slotsDir } from './layout.ts';
import type { UidBlock } from '../sandboxes/uid-blocks.ts';

export interface DataFolder {
  /** Without symbolic links. */
  path: string;
  folders: DataFolders;
  adminTokenFile: string;
  /** Where a running server tells its URL and pid. */
  serverFile: string;
  lock: FileLock;
}

/** @throws PlatformError `data-folder` when it cannot be written or another server has it. */
export function openDataFolder(path: string, flockTool: string): DataFolder {
  const real = makeWritable(path);
  const lock = tryLockFile(flockTool, `${real}/lock`);
  if (lock === null) throw alreadyServed(real);
  const serverFile = `${real}/server.json`;
  rmSync(serverFile, { force: true }); // It told of a server that did not end in order.
  return {
    path: real,
    folders: dataFolders(real),
    adminTokenFile: `${real}/admin-token`,
    serverFile,
    lock,
  };
}

function makeWritable(path: string): string {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK);
    return realpathSync(path);
  } catch (error) {
    const { code = 'unknown error' } = error as NodeJS.ErrnoException;
    throw new PlatformError('data-folder', `the data folder ${path} cannot be written (${code})`, {
      hint: `give it to this user: sudo chown -R "$(id -u)" ${path}; or take another: FN_DATA_DIR=/path fn server`,
      cause: error,
    });
  }
}

function alreadyServed(path: string): PlatformError {
  return new PlatformError('data-folder', `another server is running on ${path}`, {
    hint: `stop it first (its pid is in ${path}/server.json), or take another folder: FN_DATA_DIR=/path fn server`,
  });
}

interface Ownership {
  uid: number;
  gid: number;
  mode: number;
}

const PRIVATE = 0o700;
/** Sandboxes go to the one folder below whose name they were given. */
const PASSED_BY_ALL = 0o711;
/** The group reads, and files made inside belong to it. */
const READ_BY_GROUP = 0o2750;

function ownerships(uids: UidBlock): Record<keyof DataFolders, Ownership> {
  const alone = (id: number): Ownership => ({ uid: id, gid: id, mode: PRIVATE });
  const byControlForData = { uid: uids.control, gid: uids.data, mode: READ_BY_GROUP };
  return {
    repositories: alone(uids.git),
    gitState: alone(uids.git),
    store: byControlForData,
    cache: alone(uids.control),
    routes: byControlForData,
    sealed: alone(uids.control),
    // The group reads the index; a sealed key is its owner's.
    certificates: byControlForData,
    logs: alone(uids.data),
    codeCaches: alone(uids.data),
    audit: alone(uids.control),
    postgres: alone(uids.postgres),
  };
}

/** Makes the folders, and gives each to the process that works in it when the uids are not those of last time. */
export function prepareFolders(folders: DataFolders, uids: UidBlock | null): void {
  for (const path of Object.values(folders)) mkdirSync(path, { recursive: true, mode: PRIVATE });
  const bundles = `${folders.store}/bundles`;
  if (!existsSync(bundles)) mkdirSync(bundles, { mode: 0o750 });
  mkdirSync(slotsDir(folders), { recursive: true });
  if (uids === null) return;
  const wanted = ownerships(uids);
  for (const name of Object.keys(folders) as (keyof DataFolders)[]) {
    giveTo(folders[name], wanted[name]);
  }
  chmodSync(bundles, READ_BY_GROUP);
  chmodSync(slotsDir(folders), PASSED_BY_ALL);
}

/** `chown` once for all of a folder: the top is done last, so that an interrupted change is seen and repeated. */
function giveTo(path: string, owner: Ownership): void {
  const status = statSync(path);
  if (status.uid !== owner.uid || status.gid !== owner.gid) {
    const chown = spawnSync(
      '/bin/chown',
      ['-R', '--no-dereference', `${owner.uid}:${owner.gid}`, path],
      {
        env: {},
        encoding: 'utf8',
      },
    );
    if (chown.status !== 0) {
      throw new PlatformError('data-folder', `${path} cannot be given to uid ${owner.uid}`, {
        hint: chown.stderr.trim(),
      });
    }
  }
  chmodSync(path, owner.mode);
}

/** Whether anything stands in a folder, which need not be there yet. */
export function holdsFiles(path: string): boolean {
  return existsSync(path) && readdirSync(path).length > 0;
}

/** First uid of the block that owned the folder at the last start, or null. */
export function lastUidBlock(folders: DataFolders): number | null {
  if (!existsSync(folders.sealed)) return null;
  const { uid } = statSync(folders.sealed);
  return uid === 0 ? null : uid;
}

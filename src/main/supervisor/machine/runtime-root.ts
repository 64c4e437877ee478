/** Makes the place where the platform runs, in one of its two shapes, and says what it came to. */
import { appendFileSync, copyFileSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { PlatformError } from '../../../protocol/errors.ts';
import { type DataFolder, lastUidBlock, prepareFolders } from './data-folder.ts';
import { tryLockFile } from './file-lock.ts';
import type { HostTools } from './host-tools.ts';
import { directLayout, instanceName, type Layout, mountedLayout } from './layout.ts';
import { coverFile, mountRuntime, unmountRuntime } from './private-mounts.ts';
import { openUserRuntimeDir, prepareSocketFolders, ROOT_RUNTIME_PARENT } from './runtime-folder.ts';
import { candidateBlocks, leaseUidBlock, type UidBlock } from '../sandboxes/uid-blocks.ts';

export interface RuntimeRoot {
  layout: Layout;
  /** Null when the supervisor is not root. */
  uids: UidBlock | null;
  /** Also names our uids. */
  passwdFile: string;
  close(): void;
}

interface RuntimeRootOptions {
  tools: HostTools;
  projectDir: string;
  dataFolder: DataFolder;
  xdgRuntimeDir: string | undefined;
}

/** Inside the private mount namespace: everything under uids of our own. */
export function openRootRuntime(options: RuntimeRootOptions): RuntimeRoot {
  const { tools, dataFolder, projectDir } = options;
  const runtimeDir = `${ROOT_RUNTIME_PARENT}/${instanceName(dataFolder.path)}`;
  const layout = mountedLayout({ projectDir, dataDir: dataFolder.path, runtimeDir });
  mkdirSync(ROOT_RUNTIME_PARENT, { recursive: true, mode: 0o711 });
  const uids = leaseUids(tools, lastUidBlock(dataFolder.folders));
  prepareFolders(dataFolder.folders, uids);
  mountRuntime(tools, { projectDir, data: dataFolder.folders, layout });
  prepareSocketFolders(layout.socketFolders, uids);
  const passwdFile = writePasswd(runtimeDir, Object.entries(uids));
  // initdb looks its user up, and git may.
  coverFile(tools, passwdFile, '/etc/passwd');
  return { layout, uids, passwdFile, close: () => unmountRuntime(tools, runtimeDir) };
}

/** As an ordinary user: real paths, and everything under that user. */
export function openUserRuntime(options: RuntimeRootOptions): RuntimeRoot {
  const { dataFolder, projectDir } = options;
  const runtimeDir = openUserRuntimeDir(options.xdgRuntimeDir, instanceName(dataFolder.path));
  const layout = directLayout({ projectDir, dataDir: dataFolder.path, runtimeDir });
  prepareFolders(dataFolder.folders, null);
  prepareSocketFolders(layout.socketFolders, null);
  return {
    layout,
    uids: null,
    passwdFile: writePasswd(runtimeDir, []),
    close: () => rmSync(runtimeDir, { recursive: true, force: true }),
  };
}

/** @throws PlatformError `busy` when none is left. */
export function leaseUids(tools: HostTools, preferred: number | null): UidBlock {
  const uids = leaseUidBlock({
    candidates: candidateBlocks(
      readFileSync('/etc/passwd', 'utf8'),
      readOptional('/etc/subuid'),
      preferred,
    ),
    lockFolder: `${ROOT_RUNTIME_PARENT}/uids`,
    tryLock: (path) => tryLockFile(tools.flock, path),
  });
  if (uids !== null) return uids;
  throw new PlatformError('busy', 'every block of uids from 40000 to 65533 is taken', {
    hint: 'other servers, users or ranges in /etc/subuid hold them; stop one, or run this server as another user',
  });
}

function readOptional(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}

function writePasswd(runtimeDir: string, uids: [name: string, uid: unknown][]): string {
  const path = `${runtimeDir}/passwd`;
  copyFileSync('/etc/passwd', path);
  for (const [name, uid] of uids) {
    if (typeof uid !== 'number') continue; // The slots have no names.
    appendFileSync(path, `gitfn-${name}:x:${uid}:${uid}::/nonexistent:/bin/false\n`);
  }
  return path;
}

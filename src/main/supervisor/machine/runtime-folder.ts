/** The volatile folder: sockets, each in a folder that only its two ends can enter, and generated files. */
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { assert } from '../../../std/assert.ts';
import { PlatformError } from '../../../protocol/errors.ts';
import type { SocketFolders } from './layout.ts';
import type { UidBlock } from '../sandboxes/uid-blocks.ts';

/** Root's runtime folder, also the parent of what all instances share. */
export const ROOT_RUNTIME_PARENT = '/run/gitfn';

/** A unix socket's path has at most 107 bytes, and 57 of them are below the runtime folder's parent. */
const MAX_PARENT_LENGTH = 50;

/** A user's own runtime folder for this instance: short, the same at each start, closed to everybody else. */
export function openUserRuntimeDir(xdgRuntimeDir: string | undefined, instance: string): string {
  const hasOwn = xdgRuntimeDir !== undefined && existsSync(xdgRuntimeDir);
  const candidates = [
    ...(hasOwn ? [`${xdgRuntimeDir}/gitfn`] : []),
    `${tmpdir()}/gitfn-${process.getuid?.()}`,
    `/tmp/gitfn-${process.getuid?.()}`,
  ];
  const parent = candidates.find((path) => path.length <= MAX_PARENT_LENGTH);
  assert(parent !== undefined, 'the last candidate is short');
  for (const path of [parent, `${parent}/${instance}`]) {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    assertOwn(path);
  }
  return `${parent}/${instance}`;
}

/** /tmp is everybody's: a folder that was there before us may be somebody's trap. */
function assertOwn(path: string): void {
  const status = lstatSync(path);
  if (status.isDirectory() && status.uid === process.getuid?.()) {
    chmodSync(path, 0o700);
    return;
  }
  throw new PlatformError('data-folder', `${path} belongs to another user`, {
    hint: 'set XDG_RUNTIME_DIR to a folder of your own',
  });
}

/**
 * Makes the socket folders. Each belongs to the process that listens there; its group is the only process that may
 * connect. What an earlier run left in them is removed.
 */
export function prepareSocketFolders(folders: SocketFolders, uids: UidBlock | null): void {
  for (const name of Object.keys(folders) as (keyof SocketFolders)[]) {
    const path = folders[name];
    mkdirSync(path, { recursive: true, mode: 0o700 });
    clearFolder(path);
    if (uids === null) continue;
    const [listener, client] = ends(uids)[name];
    chownSync(path, listener, client);
    // The group may pass, not look around.
    chmodSync(path, 0o710);
  }
  if (uids === null) return;
  // The parent made by the first mkdir above: open for passing through.
  chmodSync(parentOf(folders.postgres), 0o711);
}

/** Removes the sockets of a process that has ended, so that its successor can listen. */
export function clearFolder(path: string): void {
  for (const entry of readdirSync(path)) rmSync(`${path}/${entry}`, { recursive: true });
}

function ends(uids: UidBlock): Record<keyof SocketFolders, [listener: number, client: number]> {
  return {
    controlForData: [uids.control, uids.data],
    controlForGit: [uids.control, uids.git],
    gitForData: [uids.git, uids.data],
    gitForControl: [uids.git, uids.control],
    gitHooks: [uids.git, uids.git],
    dataForControl: [uids.data, uids.control],
    postgres: [uids.postgres, uids.control],
  };
}

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/'));
}

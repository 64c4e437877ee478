/** What the git front is confined by: a bubblewrap of its own, since it parses packs. */
import { existsSync, lstatSync, readlinkSync } from 'node:fs';
import { sandboxFilter } from '../../sandbox/index.ts';
import { failpointFolder } from '../../std/failpoint.ts';
import type { ProcessPlan } from './process-specs.ts';

/** 3 is the channel, so the first extra descriptor is 4. */
export const FIRST_EXTRA_FD = 4;
const GIT_ARGUMENTS_FD = FIRST_EXTRA_FD;
const GIT_FILTER_FD = FIRST_EXTRA_FD + 1;
const GIT_TMP_BYTES = String(64 * 1024 * 1024);

/** What stands before the front's own command, and the descriptors that it needs; nothing where no sandbox starts. */
export function gitConfinement(plan: ProcessPlan): {
  command: string[];
  descriptors: (string | Buffer)[];
} {
  const { bwrap } = plan.tools;
  if (plan.isPlain || bwrap === null) return { command: [], descriptors: [] };
  const words = gitMounts(plan).map((word) => `${word}\0`);
  return {
    command: [bwrap, '--args', String(GIT_ARGUMENTS_FD), '--'],
    // The filter of functions and builds: git and its hooks ask for nothing that it refuses.
    descriptors: [words.join(''), sandboxFilter(process.arch)],
  };
}

/** bubblewrap's arguments: the front parses packs, and sees the repositories, its sockets and the system's programs. */
function gitMounts(plan: ProcessPlan): string[] {
  const { layout, uids } = plan;
  const id = String(uids?.git ?? process.getuid?.());
  const { socketFolders, data, projectDir } = layout;
  const readOnly = [
    '/usr',
    plan.node,
    plan.programs.files.git,
    `${projectDir}/hooks`,
    socketFolders.controlForGit,
  ];
  const failpoints = failpointFolder();
  const writable = [
    ...(failpoints === null ? [] : [failpoints]),
    data.repositories,
    data.gitState,
    socketFolders.gitForData,
    socketFolders.gitForControl,
    socketFolders.gitHooks,
  ];
  return [
    ['--unshare-user', '--uid', id, '--gid', id, '--disable-userns'],
    ['--unshare-pid', '--unshare-ipc', '--unshare-uts', '--unshare-cgroup-try', '--unshare-net'],
    ['--cap-drop', 'ALL', '--die-with-parent', '--new-session', '--hostname', 'fn-git'],
    ...['bin', 'sbin', 'lib', 'lib64'].map(systemFolder),
    // /bin/nc is one of Debian's alternatives.
    ['--ro-bind-try', '/etc/alternatives', '/etc/alternatives'],
    ['--ro-bind', plan.passwdFile, '/etc/passwd'],
    ['--proc', '/proc', '--dev', '/dev', '--size', GIT_TMP_BYTES, '--tmpfs', '/tmp'],
    ...readOnly.map((path) => ['--ro-bind', path, path]),
    ...writable.map((path) => ['--bind', path, path]),
    ['--seccomp', String(GIT_FILTER_FD), '--chdir', '/'],
  ].flat();
}

/** A link into /usr on a merged system, a folder on an older one. */
function systemFolder(name: string): string[] {
  const path = `/${name}`;
  if (!existsSync(path)) return [];
  if (lstatSync(path).isSymbolicLink()) return ['--symlink', readlinkSync(path), path];
  return ['--ro-bind', path, path];
}

/** What a sandboxed program sees and may do, as bubblewrap's arguments. Pure, so that a test can read it whole. */
import type { SandboxLimits, SandboxProgram } from './ports.ts';

/** bubblewrap reads its arguments from this descriptor, which keeps them out of the host's process list. */
export const ARGUMENTS_FD = 3;
/** And the filter of system calls from this one: cut short, it would not be a filter, and nothing would start. */
export const FILTER_FD = 4;

const SANDBOX_UID = '1000';
export const SHM_BYTES = 16 * 1024 * 1024;
const MIB = 1024 * 1024;

/** bubblewrap's own arguments, without the program that it starts. */
export function bubblewrapArguments(
  program: SandboxProgram,
  limits: SandboxLimits,
  hasNetwork = false,
): string[] {
  return [
    ...namespaces(hasNetwork),
    ...environment(program.environment),
    ...files(program.files),
    ...links(program.links ?? {}),
    ...writable(limits),
    // Last, when everything is mounted.
    '--remount-ro',
    '/',
    '--chdir',
    '/',
  ];
}

function namespaces(hasNetwork: boolean): string[] {
  return [
    // Without --disable-userns a program could make one of its own, where much of the kernel's attack surface is.
    ['--unshare-user', '--uid', SANDBOX_UID, '--gid', SANDBOX_UID, '--disable-userns'],
    ['--unshare-pid', '--unshare-ipc', '--unshare-uts', '--unshare-cgroup-try'],
    // No interface but a loopback of its own; or the one that was made for it, and it is in there already.
    hasNetwork ? [] : ['--unshare-net'],
    ['--hostname', 'fn'],
    ['--cap-drop', 'ALL'],
    ['--seccomp', String(FILTER_FD)], // Installed last, by bubblewrap's own process in the sandbox as well.
    ['--die-with-parent'],
    ['--new-session'], // Keeps a terminal's TIOCSTI away.
  ].flat();
}

function environment(variables: Readonly<Record<string, string>>): string[] {
  const settings = Object.entries(variables).flatMap(([name, value]) => ['--setenv', name, value]);
  return ['--clearenv', ...settings];
}

function files(mounts: Readonly<Record<string, string>>): string[] {
  return Object.entries(mounts).flatMap(([inside, outside]) => ['--ro-bind', outside, inside]);
}

function links(targets: Readonly<Record<string, string>>): string[] {
  return Object.entries(targets).flatMap(([inside, target]) => ['--symlink', target, inside]);
}

function writable(limits: SandboxLimits): string[] {
  return [
    ['--size', String(limits.tmpMib * MIB), '--tmpfs', '/tmp'],
    // --dev makes a writable tmpfs without a size: /dev/shm gets its own, the rest becomes read-only.
    ['--dev', '/dev', '--size', String(SHM_BYTES), '--tmpfs', '/dev/shm', '--remount-ro', '/dev'],
    // bubblewrap covers /proc/sys itself only when it finds it writable, which it misjudges for some uids.
    ['--proc', '/proc', '--ro-bind', '/proc/sys', '/proc/sys'],
  ].flat();
}

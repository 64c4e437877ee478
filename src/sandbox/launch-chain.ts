/**
 * The command that becomes a sandbox, one exec after the other in the same pid:
 *
 *     sh        joins the cgroups, so that nothing after it runs unlimited
 *     nsenter   joins the sandbox's network, where it has one
 *     setpriv   becomes the slot's uid; bubblewrap started by root would leave the kernel's uid 0 inside
 *     prlimit   what cgroups do not count
 *     bwrap     namespaces and the file system: what encloses it, see enclosure.ts
 *     program
 */
import type { SandboxLimits, SandboxTools } from './ports.ts';

interface LaunchPlan {
  /** What is left to do, and the program. */
  command: readonly string[];
  limits: SandboxLimits;
  /** Null when the supervisor is not root: then all sandboxes share its uid. */
  uid: number | null;
  /** `cgroup.procs` files to join. */
  cgroupFiles: readonly string[];
  /** File of a network namespace, or null. */
  network: string | null;
  /** By a cgroup. */
  isMemoryHeld: boolean;
}

const MAX_OPEN_FILES = 1024;
const MIB = 1024 * 1024;
const MAX_FILE_BYTES = 1024 * MIB;
/** Pages that cannot be swapped: some libraries keep keys in a few. */
const MAX_LOCKED_BYTES = 64 * 1024;
/** Of its uid; timers take one each. */
const MAX_PENDING_SIGNALS = 1_024;
/**
 * Private memory that one process may have room for, where no cgroup holds it: a bound on what can happen between two
 * looks of memory-watch.ts. What a runtime reserves and never touches counts as well: Node for each of its threads 512 MiB
 * of addresses for code and 30 MiB beside its heap (measured, VmData of Node 26). With less its process is aborted.
 */
const UNHELD_DATA_MIB = 1_024;
const UNHELD_THREAD_MIB = 544;
/** More threads than this a function without cgroups has only with `resourceLimits: { codeRangeSizeMb: 16 }`. */
const UNHELD_THREADS = 8;

// dash exports PWD by itself; bubblewrap's environment is readable inside as /proc/1/environ.
const JOIN_AND_EXEC =
  'unset PWD OLDPWD; while [ "$1" != -- ]; do echo $$ > "$1" || exit 125; shift; done; shift; exec "$@"';

/** The program to spawn and its arguments; no element comes from a tenant. */
export function launchCommand(tools: SandboxTools, plan: LaunchPlan): [string, ...string[]] {
  return [
    tools.sh,
    ...joinCgroups(plan.cgroupFiles),
    ...joinNetwork(tools, plan.network),
    ...dropPrivileges(tools, plan.uid),
    ...resourceLimits(tools, plan),
    ...plan.command,
  ];
}

function joinCgroups(files: readonly string[]): string[] {
  return ['-c', JOIN_AND_EXEC, 'sandbox', ...files, '--'];
}

function joinNetwork(tools: SandboxTools, network: string | null): string[] {
  return network === null ? [] : [tools.nsenter, `--net=${network}`, '--'];
}

function dropPrivileges(tools: SandboxTools, uid: number | null): string[] {
  if (uid === null) return [tools.setpriv, '--no-new-privs', '--'];
  const id = String(uid);
  return [tools.setpriv, '--reuid', id, '--regid', id, '--clear-groups', '--no-new-privs', '--'];
}

function resourceLimits(tools: SandboxTools, plan: LaunchPlan): string[] {
  const limits = [
    '--core=1',
    `--nofile=${MAX_OPEN_FILES}`,
    `--fsize=${MAX_FILE_BYTES}`,
    `--memlock=${MAX_LOCKED_BYTES}`,
    '--msgqueue=0',
    '--nice=0',
    '--rtprio=0',
  ];
  // The kernel counts these per uid; under a shared one they would count everything else of that user.
  if (plan.uid !== null) {
    limits.push(`--nproc=${plan.limits.maxTasks}`, `--sigpending=${MAX_PENDING_SIGNALS}`);
  }
  if (!plan.isMemoryHeld) {
    const reservedMib = UNHELD_DATA_MIB + UNHELD_THREADS * UNHELD_THREAD_MIB;
    limits.push(`--data=${(2 * plan.limits.memoryMib + reservedMib) * MIB}`);
  }
  return [tools.prlimit, ...limits, '--'];
}

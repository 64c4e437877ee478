/**
 * Root's mount namespace. The server replaces itself by the same program inside a namespace of its own before it does
 * anything else; what it mounts there is seen by its children alone and vanishes with the last of them, however they
 * end.
 */
import { spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readlinkSync, rmdirSync, statSync } from 'node:fs';
import { PlatformError } from '../../../protocol/errors.ts';
import { IN_PRIVATE_NAMESPACE } from '../../server-arguments.ts';
import type { HostTools } from './host-tools.ts';
import type { DataFolders, Layout } from './layout.ts';
import { PROJECT_PARTS } from './layout.ts';
import { requireReadableProject } from './readable-project.ts';

type Mount = (args: string[]) => void;

const UNSHARE = ['--mount', '--propagation', 'private', '--'];
const NEEDS_MOUNTS =
  'in a container, add the capability: docker run --cap-add SYS_ADMIN …; or start it as another user';

/**
 * Returns when this process is root inside a namespace of its own, or not root. Otherwise it replaces itself, under
 * the same pid, by the same program in a new namespace, and does not return.
 */
export function ensurePrivateNamespace(tools: HostTools, environment: NodeJS.ProcessEnv): void {
  if (process.getuid?.() !== 0 || isInPrivateNamespace()) return;
  const probe = spawnSync(tools.unshare, [...UNSHARE, tools.sh, '-c', ':'], {
    env: {},
    encoding: 'utf8',
  });
  if (probe.status !== 0) {
    throw new PlatformError('sandbox-failed', `no mount namespace: ${probe.stderr.trim()}`, {
      hint: NEEDS_MOUNTS,
    });
  }
  const program = [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
  process.execve?.(
    tools.unshare,
    ['unshare', ...UNSHARE, ...program, IN_PRIVATE_NAMESPACE],
    environment,
  );
  throw new Error('the process was not replaced');
}

/**
 * The flag alone proves nothing, since anybody can type it: the namespace must also be another than that of the
 * process which started this one. The first process of a container has no such parent, and is believed.
 */
function isInPrivateNamespace(): boolean {
  if (!process.argv.includes(IN_PRIVATE_NAMESPACE)) return false;
  return mountNamespace('self') !== mountNamespace(process.ppid);
}

function mountNamespace(pid: number | 'self'): string | null {
  try {
    return readlinkSync(`/proc/${pid}/ns/mnt`);
  } catch (error) {
    if (pid === 'self') throw error;
    return null;
  }
}

interface MountPlan {
  projectDir: string;
  /** The real folders, shown at those of the layout. */
  data: Partial<DataFolders>;
  layout: Layout;
}

const RUNTIME_SIZE = 'size=64m';

/** Makes the runtime folder and mounts into it what other uids shall reach, and nothing else. */
export function mountRuntime(tools: HostTools, plan: MountPlan): void {
  requireReadableProject(plan.projectDir);
  const mount = createMount(tools);
  const { runtimeDir, projectDir } = plan.layout;
  mkdirSync(runtimeDir, { recursive: true, mode: 0o711 });
  mount(['-t', 'tmpfs', '-o', `mode=0711,nosuid,nodev,${RUNTIME_SIZE}`, 'gitfn', runtimeDir]);
  for (const part of PROJECT_PARTS) {
    bindReadOnly(mount, `${plan.projectDir}/${part}`, `${projectDir}/${part}`);
  }
  for (const [name, folder] of Object.entries(plan.data)) {
    bindFolder(mount, folder, plan.layout.data[name as keyof DataFolders]);
  }
  if (plan.data.store !== undefined) {
    bindSlots(mount, `${plan.data.store}/slots`, plan.layout.visibleSlotsDir);
  }
}

/** Takes the runtime folder away again. A server that was killed leaves its empty mount point, and no more. */
export function unmountRuntime(tools: HostTools, runtimeDir: string): void {
  const { status } = spawnSync(tools.umount, ['--lazy', runtimeDir], { env: {} });
  if (status === 0) rmdirSync(runtimeDir);
}

/** Shows another file in place of one of the system's, to this process and its children only. */
export function coverFile(tools: HostTools, replacement: string, covered: string): void {
  createMount(tools)(['--bind', replacement, covered]);
}

function createMount(tools: HostTools): Mount {
  return (args) => {
    const { status, stderr } = spawnSync(tools.mount, args, { env: {}, encoding: 'utf8' });
    if (status === 0) return;
    throw new PlatformError('sandbox-failed', `mounting failed: ${stderr.trim()}`, {
      hint: NEEDS_MOUNTS,
    });
  };
}

function bindReadOnly(mount: Mount, source: string, target: string): void {
  if (statSync(source).isDirectory()) {
    mkdirSync(target, { recursive: true, mode: 0o711 });
  } else {
    closeSync(openSync(target, 'w'));
  }
  mount(['--bind', '-o', 'ro,nosuid,nodev', source, target]);
}

/** Packages may hold native code, which is mapped as executable. */
function bindSlots(mount: Mount, source: string, target: string): void {
  mkdirSync(target, { recursive: true, mode: 0o711 });
  mount(['--bind', '-o', 'nosuid,nodev', source, target]);
}

function bindFolder(mount: Mount, source: string, target: string): void {
  mkdirSync(target, { recursive: true, mode: 0o711 });
  mount(['--bind', '-o', 'nosuid,nodev,noexec', source, target]);
}

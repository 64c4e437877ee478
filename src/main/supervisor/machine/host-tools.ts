/** The system's own programs that the platform stands on, and how to get those that are missing. */
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync } from 'node:fs';
import { PlatformError } from '../../../protocol/errors.ts';

/** Program → Debian package. */
const PACKAGES = {
  git: 'git',
  bwrap: 'bubblewrap',
  // Hooks speak to a unix socket with `nc -U -N`; only the OpenBSD variant knows both.
  nc: 'netcat-openbsd',
  sh: 'dash',
  mount: 'mount',
  umount: 'mount',
  flock: 'util-linux',
  nsenter: 'util-linux',
  prlimit: 'util-linux',
  setpriv: 'util-linux',
  unshare: 'util-linux',
} as const;

/** Only root can use them; without them functions connect to nothing. */
const NETWORK_PACKAGES = { ip: 'iproute2', nft: 'nftables' } as const;

export type ToolName = keyof typeof PACKAGES;
type NetworkToolName = keyof typeof NETWORK_PACKAGES;

/** Absolute paths. Bubblewrap is null only where an operator insists on doing without. */
export type HostTools = Record<Exclude<ToolName, 'bwrap'>, string> &
  Record<NetworkToolName | 'bwrap', string | null>;

export const TOOL_NAMES = Object.keys(PACKAGES) as ToolName[];
const NETWORK_TOOL_NAMES = Object.keys(NETWORK_PACKAGES) as NetworkToolName[];

interface HostToolsDeps {
  folders: readonly string[];
  /** May be missing when nothing brings it. */
  dispensable?: ToolName;
  say: (line: string) => void;
}

/** Finds every tool, installing what is missing where that is possible. @throws PlatformError `tool-missing` */
export function provideTools(deps: HostToolsDeps): HostTools {
  const missing = missingPackages(deps.folders);
  const wanted = process.getuid?.() === 0 ? missingNetworkPackages(deps.folders) : [];
  if (missing.length + wanted.length > 0) install([...missing, ...wanted], deps);
  const stillMissing = missingPackages(deps.folders, deps.dispensable);
  if (stillMissing.length > 0) throw toolsMissing(stillMissing);
  return findTools(deps.folders) as HostTools;
}

/** Every tool that is there. */
export function findTools(folders: readonly string[]): Record<keyof HostTools, string | null> {
  const names: (keyof HostTools)[] = [...TOOL_NAMES, ...NETWORK_TOOL_NAMES];
  return Object.fromEntries(names.map((name) => [name, findTool(name, folders)])) as HostTools;
}

/** Debian packages of the tools that networks of sandboxes need. */
export function missingNetworkPackages(folders: readonly string[]): string[] {
  return NETWORK_TOOL_NAMES.filter((name) => findTool(name, folders) === null).map(
    (name) => NETWORK_PACKAGES[name],
  );
}

/** Debian packages of the tools that are not there. */
export function missingPackages(folders: readonly string[], dispensable?: ToolName): string[] {
  const missing = TOOL_NAMES.filter(
    (name) => name !== dispensable && findTool(name, folders) === null,
  );
  return [...new Set(missing.map((name) => PACKAGES[name]))];
}

export function findTool(name: keyof HostTools, folders: readonly string[]): string | null {
  // npm puts the programs of packages before the system's, and one of ours has an `nft` that is something else.
  const system = folders.filter((folder) => !folder.includes('/node_modules/'));
  const path = system.map((folder) => `${folder}/${name}`).find(isExecutable) ?? null;
  if (name === 'nc' && path !== null && !isOpenBsdNetcat(path)) return null;
  return path;
}

/** What installs them, for this machine. */
export function installCommand(packages: string[]): string {
  const prefix = process.getuid?.() === 0 ? '' : 'sudo ';
  return `${prefix}apt-get install -y --no-install-recommends ${packages.join(' ')}`;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function isOpenBsdNetcat(path: string): boolean {
  const { stdout, stderr } = spawnSync(path, ['-h'], { env: {}, encoding: 'utf8' });
  return /OpenBSD/i.test(stdout + stderr);
}

function install(packages: string[], deps: HostToolsDeps): void {
  const apt = aptCommand(deps.folders);
  if (apt === null) return;
  deps.say(`installing missing system packages: ${packages.join(' ')}`);
  const run = (...args: string[]): boolean => {
    const [file, ...rest] = [...apt, ...args];
    const { status } = spawnSync(file, rest, {
      env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', DEBIAN_FRONTEND: 'noninteractive' },
      stdio: ['ignore', 'ignore', 'ignore'],
    });
    return status === 0;
  };
  const installPackages = () => run('install', '-y', '--no-install-recommends', ...packages);
  // A fresh image has no package lists.
  if (!installPackages() && run('update')) installPackages();
}

/** `apt-get` with the right to use it, or null: then a person has to. */
function aptCommand(folders: readonly string[]): [string, ...string[]] | null {
  const find = (name: string) => folders.map((folder) => `${folder}/${name}`).find(isExecutable);
  const apt = find('apt-get');
  if (apt === undefined || !existsSync('/etc/debian_version')) return null;
  if (process.getuid?.() === 0) return [apt];
  const sudo = find('sudo');
  if (sudo === undefined) return null;
  const { status } = spawnSync(sudo, ['-n', 'true'], { stdio: 'ignore', env: {} });
  return status === 0 ? [sudo, '-n', apt] : null;
}

function toolsMissing(packages: string[]): PlatformError {
  return new PlatformError('tool-missing', `missing on this machine: ${packages.join(', ')}`, {
    hint: `run: ${installCommand(packages)}`,
  });
}

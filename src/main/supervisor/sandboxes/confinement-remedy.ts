/** Why this machine lets no sandbox start, and the command that mends it: what most often stands in the way is looked at. */
import { existsSync, readFileSync } from 'node:fs';

/** Linux' own default is far above; a sandbox takes one, or two for the moment of its start. */
const ENOUGH_NAMESPACES = 15_000;

interface Obstacle {
  /** A setting of the kernel, below /proc/sys. */
  setting: string;
  forbids: string;
  allows: string;
}

const OBSTACLES: readonly Obstacle[] = [
  { setting: 'user/max_user_namespaces', forbids: '0', allows: String(ENOUGH_NAMESPACES) },
  // Of Debian's kernel, and of Ubuntu's since 23.10.
  { setting: 'kernel/unprivileged_userns_clone', forbids: '0', allows: '1' },
  { setting: 'kernel/apparmor_restrict_unprivileged_userns', forbids: '1', allows: '0' },
];
/** What Docker and Podman leave in each container. */
const CONTAINER_MARKS = ['/.dockerenv', '/run/.containerenv'];
const IN_CONTAINER =
  'start this container with: --security-opt seccomp=unconfined --security-opt apparmor=unconfined --cap-add SYS_ADMIN';
const LOOK_FURTHER =
  'user namespaces must be allowed; what forbids them is said by: bwrap --unshare-user --ro-bind / / true';

/** `root`: of the file system that is looked at. */
export function confinementRemedy(root = ''): string {
  const found = OBSTACLES.filter(
    ({ setting, forbids }) => readSetting(`${root}/proc/sys/${setting}`) === forbids,
  );
  const remedies = found.map(
    ({ setting, allows }) => `run: sudo sysctl -w ${setting.replaceAll('/', '.')}=${allows}`,
  );
  if (CONTAINER_MARKS.some((mark) => existsSync(root + mark))) remedies.push(IN_CONTAINER);
  if (remedies.length === 0) remedies.push(LOOK_FURTHER);
  return remedies.join('\n');
}

function readSetting(path: string): string | null {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return null; // This kernel does not have it.
  }
}

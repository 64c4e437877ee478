import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';

const INSTALL = ['apt-get', 'install', '-y', '--no-install-recommends'] as const;

/** Installs what a peer needs and the machine lacks; `file` says whether it is there. As root, else a person has to. */
export function provideDebianPackages(file: string, packages: readonly string[]): void {
  if (existsSync(file)) return;
  const [command, ...args] = [...INSTALL, ...packages] as const;
  if (process.getuid?.() !== 0 || !existsSync('/etc/debian_version')) {
    throw new Error(`${file} is missing on this machine; run: sudo ${command} ${args.join(' ')}`);
  }
  const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', DEBIAN_FRONTEND: 'noninteractive' };
  console.error(`installing ${packages.join(' ')}`);
  try {
    execFileSync(command, args, { env, stdio: 'ignore' });
  } catch {
    execFileSync(command, ['update'], { env, stdio: 'ignore' }); // A fresh image has no package lists.
    execFileSync(command, args, { env, stdio: 'ignore' });
  }
}

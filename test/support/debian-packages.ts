import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

/** Installs the package that a program is of, where that is possible. @throws where it is not */
export function provideProgram(program: string, name: string): void {
  if (existsSync(program)) return;
  const parameters = ['install', '-y', '--no-install-recommends', name];
  spawnSync('apt-get', parameters, { stdio: 'ignore' });
  if (!existsSync(program)) throw new Error(`needs the Debian package ${name}`);
}

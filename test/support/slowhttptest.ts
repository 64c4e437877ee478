/** slowhttptest, the Debian package: clients that keep connections busy with as little as they can. */
import { execFile, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomName } from '../../src/std/ids.ts';

const PROGRAM = '/usr/bin/slowhttptest';
const IS_ROOT = process.getuid?.() === 0;
const MAX_OUTPUT_BYTES = 64 * 1024 * 1024;

/** Installs it where that is possible; what is missing otherwise, null when nothing is. */
export function provideSlowHttpTest(): string | null {
  if (!IS_ROOT) return 'needs root, who can give the program a name to ask for';
  if (!existsSync(PROGRAM)) {
    const parameters = ['install', '-y', '--no-install-recommends', 'slowhttptest'];
    spawnSync('apt-get', parameters, { stdio: 'ignore' });
  }
  return existsSync(PROGRAM) ? null : 'needs the Debian package slowhttptest';
}

/** Runs it against a host of this machine, in a mount namespace that knows the name; resolves with what it printed. */
export async function runSlowHttpTest(
  { host, port, path }: { host: string; port: number; path: string },
  options: readonly string[],
): Promise<string> {
  const hosts = join(tmpdir(), `hosts-${randomName(8)}`);
  await writeFile(hosts, `127.0.0.1 localhost ${host}\n`);
  const script = 'mount --bind "$1" /etc/hosts && shift && exec "$@"';
  const command = [PROGRAM, ...options, '-u', `http://${host}:${port}${path}`];
  const parameters = ['--mount', 'sh', '-c', script, 'sh', hosts, ...command];
  try {
    return await new Promise((resolve) => {
      execFile('unshare', parameters, { maxBuffer: MAX_OUTPUT_BYTES }, (_error, stdout, stderr) =>
        resolve(stdout + stderr),
      );
    });
  } finally {
    await rm(hosts);
  }
}

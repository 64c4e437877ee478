/**
 * `npm run test:kernel`: version 2 of cgroups, on a real kernel whatever this machine has mounted. Boots Debian's User-Mode
 * Linux, a kernel that runs as a process, with this machine's files as its own; it has every controller and nothing
 * else running. Named suites instead of all: `npm run test:kernel -- test/sandbox/memory.test.ts`.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';

const PROJECT = resolve(import.meta.dirname, '../..');
const KERNEL = '/usr/bin/linux.uml';
const PACKAGE = 'user-mode-linux';
const SUITES = ['test/kernel/', 'test/sandbox/memory.test.ts'];
const MEMORY = '3G';
/** Of the kernel's own: what it does not find, and each out-of-memory kill. */
const NOISE = /^(?:SELinux|mmapper_init|Failed to initialize ubd|Memory cgroup out of memory|\s*$)/;

function provideKernel(): string | null {
  const named = process.env['UML'];
  if (named !== undefined) return named;
  if (existsSync(KERNEL)) return KERNEL;
  if (process.getuid?.() === 0) {
    spawnSync('apt-get', ['install', '-y', '--no-install-recommends', PACKAGE], {
      stdio: 'inherit',
    });
  }
  return existsSync(KERNEL) ? KERNEL : null;
}

async function run(kernel: string, suites: readonly string[]): Promise<number> {
  const root = ['root=/dev/root', 'rootfstype=hostfs', 'rootflags=/', 'ro'];
  const console = ['con=null', 'con0=fd:0,fd:1', 'quiet'];
  const init = [`init=${import.meta.dirname}/init.sh`, `PROJECT=${PROJECT}`];
  const child = spawn(
    kernel,
    [`mem=${MEMORY}`, ...root, ...console, ...init, `SUITES=${suites.join(',')}`],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  let code = 1;
  const lines = createInterface({ input: child.stdout });
  lines.on('line', (line) => {
    const exit = /EXIT (\d+)$/.exec(line)?.[1];
    if (exit !== undefined) code = Number(exit);
    else if (!NOISE.test(line)) process.stdout.write(`${line}\n`);
  });
  await once(child, 'close');
  return code;
}

const kernel = process.arch === 'x64' ? provideKernel() : null;
if (kernel === null) {
  process.stderr.write(`a kernel to boot is missing: apt-get install ${PACKAGE} (x86-64 only)\n`);
  process.exit(1);
}
const named = process.argv.slice(2);
process.exitCode = await run(kernel, named.length > 0 ? named : SUITES);

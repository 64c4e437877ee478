import { execFile } from 'node:child_process';
import { readlinkSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';

/** Prints the mount namespace that it ends up in, and under which arguments. */
const PROGRAM = `
  import { readlinkSync } from 'node:fs';
  import { ensurePrivateNamespace } from ${JSON.stringify(resolve('src/main/supervisor/machine/private-mounts.ts'))};
  ensurePrivateNamespace({ unshare: '/usr/bin/unshare', sh: '/bin/sh' }, process.env);
  console.log(JSON.stringify({ namespace: readlinkSync('/proc/self/ns/mnt'), pid: process.pid }));
`;

async function run(...args: string[]): Promise<{ namespace: string; pid: number | undefined }> {
  const folder = await mkdtemp(join(tmpdir(), 'gitfn-namespace-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const path = join(folder, 'program.mjs');
  await writeFile(path, PROGRAM);
  const running = promisify(execFile)(process.execPath, [path, ...args]);
  const facts = JSON.parse((await running).stdout) as { namespace: string; pid: number };
  expect(facts.pid).toBe(running.child.pid);
  return facts;
}

describe.runIf(process.getuid?.() === 0)('a server started by root', () => {
  const own = readlinkSync('/proc/self/ns/mnt');

  it('goes on in a mount namespace of its own, under the same pid', async () => {
    expect((await run()).namespace).not.toBe(own);
  });

  it('does so as well when somebody typed that it is in one', async () => {
    expect((await run('--in-private-namespace')).namespace).not.toBe(own);
  });
});

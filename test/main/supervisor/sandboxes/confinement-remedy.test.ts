import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { confinementRemedy } from '../../../../src/main/supervisor/sandboxes/confinement-remedy.ts';

async function machine(files: Record<string, string>): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'gitfn-machine-'));
  onTestFinished(() => rm(root, { recursive: true }));
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(root, name)), { recursive: true });
    await writeFile(join(root, name), content);
  }
  return root;
}

it.each([
  [
    'no user namespaces',
    { 'proc/sys/user/max_user_namespaces': '0\n' },
    'sysctl -w user.max_user_namespaces=15000',
  ],
  [
    'Debian’s switch',
    { 'proc/sys/kernel/unprivileged_userns_clone': '0\n' },
    'sysctl -w kernel.unprivileged_userns_clone=1',
  ],
  [
    'Ubuntu’s',
    { 'proc/sys/kernel/apparmor_restrict_unprivileged_userns': '1\n' },
    'sysctl -w kernel.apparmor_restrict_unprivileged_userns=0',
  ],
  ['a container', { '.dockerenv': '' }, '--security-opt seccomp=unconfined'],
])('names the command that undoes %s', async (_, files, command) => {
  expect(confinementRemedy(await machine(files as Record<string, string>))).toContain(command);
});

it('names what tells more where nothing known is in the way', async () => {
  const files = {
    'proc/sys/user/max_user_namespaces': '63000\n',
    'proc/sys/kernel/apparmor_restrict_unprivileged_userns': '0\n',
  };
  expect(confinementRemedy(await machine(files))).toMatch(/said by: bwrap --unshare-user/);
});

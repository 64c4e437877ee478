import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { descendantsOf, survivors } from '../support/processes.ts';
import { ask } from '../support/ask.ts';
import { spawnServer, startPlatform } from '../support/platform.ts';
import { createRepository } from '../support/repository.ts';

/** A search path on which bubblewrap is this script. */
async function pathWithBubblewrap(script: string): Promise<{ PATH: string; dataDir: string }> {
  const folder = await mkdtemp(join(await realpath(tmpdir()), 'gitfn-leaky-'));
  onTestFinished(() => rm(folder, { recursive: true, maxRetries: 20, retryDelay: 100 }));
  await chmod(folder, 0o755); // Sandboxes have uids of their own.
  await mkdir(join(folder, 'bin'), { mode: 0o755 });
  await writeFile(join(folder, 'bin/bwrap'), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return { PATH: `${folder}/bin:${process.env['PATH']}`, dataDir: join(folder, 'data') };
}

/** Shows every sandbox the machine's settings. */
const LEAKY = 'exec /usr/bin/bwrap --ro-bind /etc /etc "$@"';

async function failedStart(script: string, args: string[]) {
  const { PATH, dataDir } = await pathWithBubblewrap(script);
  const env = { PATH, FN_DATA_DIR: dataDir, PORT: '0' };
  const { child, output } = spawnServer({ env, args });
  onTestFinished(() => void child.kill('SIGKILL'));
  await once(child, 'close');
  return output();
}

it('does not start where a probe gets out of the sandbox, and names it', async () => {
  const output = await failedStart(LEAKY, []);
  expect(output).toContain('functions cannot be confined here');
  expect(output).toContain('/etc');
  expect(output).toContain('--unsafe-single-tenant');
});

it('does not start where no sandbox does, says what was found and what mends it', async () => {
  const output = await failedStart('echo "no permission for a namespace" >&2; exit 1', []);
  expect(output).toContain('no permission for a namespace');
  expect(output).toMatch(/run: sudo sysctl|--security-opt|what forbids them is said by: bwrap/);
  expect(output).toContain('--unsafe-single-tenant');
});

it('runs functions and builds as plain processes where no sandbox starts, when the operator insists', async () => {
  const { PATH } = await pathWithBubblewrap('echo "no permission for a namespace" >&2; exit 1');
  await using platform = await startPlatform({ env: { PATH }, args: ['--unsafe-single-tenant'] });
  expect(platform.output()).toMatch(/UNSAFE.*nothing is confined/);
  expect(platform.output()).toContain('no permission for a namespace');
  const readiness = await ask(platform, '', { path: '/readyz' });
  const off = { 'sandbox-nodejs': 'off', 'network-per-sandbox': 'off' };
  expect(JSON.parse(readiness.body)).toMatchObject({ protections: off });
  const repository = await createRepository(platform, 'plain');
  await repository.commit({
    'index.js': `
      import fs from 'node:fs';
      import os from 'node:os';
      fs.writeFileSync(os.tmpdir() + '/own', '');
      export const handler = async () => ({
        uid: process.getuid(), arguments: process.argv.length, folder: os.tmpdir(),
        seesTheMachine: fs.existsSync('/proc/${process.pid}'),
        noNewPrivileges: /^NoNewPrivs:\\t1$/m.test(fs.readFileSync('/proc/self/status', 'utf8')),
      });`,
  });
  const pushed = await repository.push('main');
  expect(pushed.output).toContain('does not confine functions');
  const { status, body } = await ask(platform, 'plain');
  expect(status, body).toBe(200);
  const seen = JSON.parse(body) as { uid: number; folder: string };
  expect(seen).toMatchObject({ arguments: 2, seesTheMachine: true, noNewPrivileges: true });
  if (process.getuid?.() === 0) expect(seen.uid).toBeGreaterThan(1000);
  expect(seen.folder).toMatch(/plain-slot-/);
  const running = descendantsOf(platform.pid);
  await platform.stop();
  expect(survivors(running)).toEqual([]);
  expect(existsSync(seen.folder)).toBe(false);
});

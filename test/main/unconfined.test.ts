import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
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

it('does not start, however much somebody insists, where no sandbox does', async () => {
  const output = await failedStart('exit 1', ['--unsafe-single-tenant']);
  expect(output).toContain('functions cannot be confined here');
});

it('serves when the operator insists, and says so at start, at /readyz and in each push', async () => {
  const { PATH } = await pathWithBubblewrap(LEAKY);
  await using platform = await startPlatform({ env: { PATH }, args: ['--unsafe-single-tenant'] });
  expect(platform.output()).toContain('UNSAFE');
  expect(platform.output()).toContain('sandbox-nodejs off: ');
  const readiness = await ask(platform, '', { path: '/readyz' });
  expect(JSON.parse(readiness.body)).toMatchObject({ protections: { 'sandbox-nodejs': 'off' } });
  const repository = await createRepository(platform, 'hello');
  await repository.commit({ 'index.js': 'export const handler = async () => "served";' });
  const pushed = await repository.push('main');
  expect(pushed.output).toContain('does not confine functions');
  expect(await ask(platform, 'hello')).toMatchObject({ status: 200, body: 'served' });
});

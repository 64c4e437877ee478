import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { makeHome, runFn } from '../run-fn.ts';
import { startStubControl, TOKEN } from '../stub-control.ts';

const HOST_KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHost';
const added = { id: 'key-1', name: 'ada', fingerprint: 'SHA256:added' };
const at = (port: number) => ({
  endpoint: { host: 'fn.example.com', port, hostKey: HOST_KEY, fingerprint: 'SHA256:host' },
});

/** `fn keys …` at a server that answers so to who asks for SSH. */
async function runKeys(ssh: unknown, ...args: string[]) {
  const server = await startStubControl({
    'GET /ssh': { json: ssh },
    'POST /keys': { status: 201, json: added },
  });
  const home = makeHome();
  Object.assign(home.environment, { FN_SERVER: server.url, FN_TOKEN: TOKEN });
  return runFn(home, 'keys', ...args);
}

function keyFile(): string {
  const folder = mkdtempSync(join(tmpdir(), 'gitfn-keys-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, 'id.pub'), 'ssh-ed25519 AAAA ada\n');
  return join(folder, 'id.pub');
}

test.each([
  [22, 'fn.example.com', 'ssh://git@fn.example.com/APP'],
  [2222, '[fn.example.com]:2222', 'ssh://git@fn.example.com:2222/APP'],
])('a server with SSH at port %i is named as ssh and git name it', async (port, name, url) => {
  const shown = await runKeys(at(port), 'host');
  expect(shown).toMatchObject({ code: 0, stdout: `${name} ${HOST_KEY}\n` });
  const { code, stdout } = await runKeys(at(port), 'add', keyFile());
  expect(code).toBe(0);
  expect(stdout).toContain('key-1 is added: SHA256:added\n');
  expect(stdout).toContain(`  git remote set-url --push fn ${url}\n`);
  expect(stdout).toContain('SHA256:host');
});

test('a server without SSH says so, and takes the key all the same', async () => {
  const none = { endpoint: null };
  const shown = await runKeys(none, 'host');
  expect(shown.code).toBe(2);
  expect(shown.stderr).toContain('this server does not answer git over SSH');
  expect(shown.stderr).toContain('FN_SSH_PORT');
  expect(await runKeys(none, 'host', '--json')).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('"endpoint": null'),
  });
  const { code, stdout } = await runKeys(none, 'add', keyFile());
  expect(code).toBe(0);
  expect(stdout).toContain('It opens nothing yet');
});

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ask } from '../support/ask.ts';
import { callControl } from '../support/control-api.ts';
import { eventually } from '../support/eventually.ts';
import { createRepository } from '../support/repository.ts';
import { connectByHand, execByHand } from '../support/hand-made-ssh-client.ts';
import { gitOverSsh, makeIdentity, ssh, sshPortOf, type SshResult } from '../support/ssh-client.ts';
import { usePlatform } from '../support/use-platform.ts';

const platform = usePlatform({ env: { FN_SSH_PORT: '0' } });
const CODE = `export default () => new Response('over ssh');\n`;

async function api(
  method: string,
  path: string,
  rest: { body?: unknown; token?: string } = {},
): Promise<Record<string, string>> {
  const { status, body } = await callControl(platform(), path, { method, ...rest });
  if (status >= 300) throw new Error(`${method} ${path}: ${body}`);
  return status === 204 ? {} : (JSON.parse(body) as Record<string, string>);
}

test('a push over SSH is built, served, rejected and fetched as one over HTTP is', async () => {
  const ada = makeIdentity();
  const repository = await createRepository(platform(), 'hello');
  const url = `ssh://git@127.0.0.1:${await sshPortOf(platform())}/hello`;
  const push = (...args: string[]) => gitOverSsh([ada], ['push', url, ...args], repository.folder);
  await repository.commit({ 'index.js': CODE });

  expect(await push('main')).toMatchObject({
    code: 128,
    output: expect.stringContaining('Permission denied (publickey)'),
  });
  const { code, output } = await repository.fn('keys', 'add', `${ada.file}.pub`);
  expect({ code, output }).toMatchObject({
    code: 0,
    output: expect.stringContaining(ada.fingerprint),
  });
  const port = await sshPortOf(platform());
  expect(output).toContain(`git remote set-url --push fn ssh://git@localhost:${port}/hello\n`);

  const pushed = await push('main');
  expect(pushed).toMatchObject({
    code: 0,
    output: expect.stringContaining('remote: -----> Building'),
  });
  expect(await ask(platform(), 'hello')).toMatchObject({ status: 200, body: 'over ssh' });

  await repository.commit({ 'index.js': 'export default (' });
  const broken = await push('main');
  expect(broken.code).toBe(1);
  expect(broken.output).toContain('remote:  !  ');
  expect(broken.output).toContain('pre-receive hook declined');

  const refs = await gitOverSsh([ada], ['ls-remote', url]);
  expect(refs.output).toContain('refs/heads/main');
});

test('what fn keys host prints has ssh know the server, and no other', async () => {
  const ada = makeIdentity();
  await api('POST', '/keys', { body: { publicKey: ada.publicKey } });
  const repository = await createRepository(platform(), 'known');
  const port = await sshPortOf(platform());
  const { code, output } = await repository.fn('keys', 'host');
  expect({ code, output }).toMatchObject({
    code: 0,
    output: expect.stringMatching(`^\\[localhost\\]:${port} ssh-ed25519 \\S+\n$`),
  });
  const knownHosts = join(repository.folder, '..', 'known_hosts');
  const asLocalhost = (): Promise<SshResult> =>
    ssh(port, [ada], {
      options: ['-o', 'StrictHostKeyChecking=yes'].concat(
        ['-o', `UserKnownHostsFile=${knownHosts}`],
        ['-o', `HostKeyAlias=[localhost]:${port}`],
      ),
      command: ["git-upload-pack '/known.git'"],
    });
  await writeFile(knownHosts, output);
  expect((await asLocalhost()).output).not.toContain('Host key verification failed');
  await writeFile(knownHosts, `[localhost]:${port} ${ada.publicKey}\n`);
  expect((await asLocalhost()).output).toContain('Host key verification failed');
});

test('a key that is removed ends the connections that it opened, and lets nobody in', async () => {
  const eve = makeIdentity();
  const key = await api('POST', '/keys', { body: { publicKey: eve.publicKey } });
  const port = await sshPortOf(platform());
  const open = ssh(port, [eve], { options: ['-N'] });
  let hasEnded = false;
  void open.then(() => (hasEnded = true));
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  expect(hasEnded).toBe(false);
  await api('DELETE', `/keys/${key['id']}`);
  await eventually(() => hasEnded);
  const { output } = await ssh(port, [eve], { command: ["git-upload-pack '/hello'"] });
  expect(output).toContain('Permission denied (publickey)');
});

test('a token whose time is over ends the connections of its keys, and lets nobody in', async () => {
  const eve = makeIdentity();
  const lifetimeS = 6;
  const asked = { name: 'short', role: 'deployer', expiresInSeconds: lifetimeS };
  const { token = '' } = await api('POST', '/tokens', { body: asked });
  await api('POST', '/keys', { body: { publicKey: eve.publicKey }, token });
  const port = await sshPortOf(platform());
  const { client, isClosed } = await connectByHand(port, eve);
  const stream = await execByHand(client, `git-receive-pack '/expired'`);
  let said = '';
  stream.on('error', () => {}).on('data', (chunk: Buffer) => (said += chunk.toString('latin1')));
  await eventually(() => said.includes('capabilities^{}'));
  const { status } = await callControl(platform(), '/whoami', { token });
  expect(status).toBe(200);
  await isClosed;
  await eventually(async () => {
    expect((await callControl(platform(), '/whoami', { token })).status).toBe(401);
  });
  const { code, output } = await gitOverSsh(
    [eve],
    ['ls-remote', `ssh://git@127.0.0.1:${port}/hello`],
  );
  expect({ code, output }).toMatchObject({
    code: 128,
    output: expect.stringContaining('Permission denied (publickey)'),
  });
});

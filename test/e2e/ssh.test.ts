import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ask } from '../support/ask.ts';
import { eventually } from '../support/eventually.ts';
import { createRepository } from '../support/repository.ts';
import { gitOverSsh, makeIdentity, ssh } from '../support/ssh-client.ts';
import { usePlatform } from '../support/use-platform.ts';

const platform = usePlatform({ env: { FN_SSH_PORT: '0' } });
const CODE = `export default () => new Response('over ssh');\n`;

async function sshPort(): Promise<number> {
  const facts = JSON.parse(await readFile(join(platform().dataDir, 'server.json'), 'utf8')) as {
    sshPort: number;
  };
  return facts.sshPort;
}

async function api(method: string, path: string, body?: unknown): Promise<Record<string, string>> {
  const response = await fetch(`${platform().url}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${platform().adminToken}`,
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  if (!response.ok) throw new Error(`${method} ${path}: ${await response.text()}`);
  return response.status === 204 ? {} : ((await response.json()) as Record<string, string>);
}

test('a push over SSH is built, served, rejected and fetched as one over HTTP is', async () => {
  const ada = makeIdentity();
  const repository = await createRepository(platform(), 'hello');
  const url = `ssh://git@127.0.0.1:${await sshPort()}/hello`;
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

test('a key that is removed ends the connections that it opened, and lets nobody in', async () => {
  const eve = makeIdentity();
  const key = await api('POST', '/keys', { publicKey: eve.publicKey });
  const port = await sshPort();
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

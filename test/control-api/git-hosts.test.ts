import { createHmac } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ConnectedGitHost, GitHost } from '../../src/protocol/control-client.generated.ts';
import { ask, type Answer } from '../support/ask.ts';
import { callControl } from '../support/control-api.ts';
import { eventually } from '../support/eventually.ts';
import { ACCESS_TOKEN, playGitHost, type PlayedGitHost } from '../support/played-git-host.ts';
import { startPlatform, type Platform } from '../support/platform.ts';
import { createRepository, type TestRepository } from '../support/repository.ts';

let host: PlayedGitHost;
let platform: Platform;
let repository: TestRepository;
let folder: string;
let hook: ConnectedGitHost;
let deliveries = 0;

const code = (text: string) => ({ 'index.js': `export const handler = async () => "${text}";` });

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gitfn-hosts-'));
  host = await playGitHost();
  await writeFile(join(folder, 'ca.pem'), host.authority);
  await writeFile(join(folder, 'token'), ACCESS_TOKEN);
  platform = await startPlatform({
    env: { FN_GIT_HOSTS: host.host, FN_GIT_HOSTS_CA_FILE: join(folder, 'ca.pem') },
  });
  repository = await createRepository(platform, 'hello');
  await repository.commit(code('first'));
  expect((await repository.push('main')).code).toBe(0);
  await repository.git('remote', 'add', 'origin', host.folder);
  const url = `${host.url}/ada/hello.git`;
  const file = join(folder, 'token');
  const made = await repository.fn(
    'git-hosts',
    'connect',
    'github',
    url,
    '--token-file',
    file,
    '--json',
  );
  expect(made.code, made.output).toBe(0);
  hook = JSON.parse(made.output) as ConnectedGitHost;
});

afterAll(async () => {
  await platform?.[Symbol.asyncDispose]();
  await host?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

/** As GitHub sends it. */
function deliver(event: string, payload: object, id = `delivery-${deliveries++}`): Promise<Answer> {
  const body = JSON.stringify(payload);
  const mac = createHmac('sha256', hook.webhookSecret).update(body).digest('hex');
  return ask(platform, '', {
    method: 'POST',
    path: new URL(hook.hookUrl).pathname,
    headers: {
      'content-type': 'application/json',
      'x-github-event': event,
      'x-github-delivery': id,
      'x-hub-signature-256': `sha256=${mac}`,
    },
    body,
  });
}

const pushOf = (branch: string) => ({ ref: `refs/heads/${branch}`, repository: { id: 7 } });
const requestOf = (branch: string) => ({
  action: 'opened',
  pull_request: { number: 4, head: { ref: branch, repo: { id: 7 } } },
  repository: { id: 7 },
});

/** Puts a commit on a branch of the host. */
async function commit(branch: string, text: string): Promise<string> {
  const sha = await repository.commit(typeof text === 'string' ? code(text) : text);
  expect((await repository.git('push', '-f', 'origin', `HEAD:refs/heads/${branch}`)).code).toBe(0);
  return sha;
}

const statesOf = (sha: string): unknown[] =>
  host.calls
    .filter(({ path }) => path.endsWith(`/statuses/${sha}`))
    .map(({ body }) => body['state']);

async function shown(): Promise<GitHost | undefined> {
  const { body } = await callControl(platform, '/apps/hello/git-hosts');
  return (JSON.parse(body) as { items: GitHost[] }).items[0];
}

describe('what is pushed to a connected host', () => {
  it('is fetched and deployed, and the host is told', async () => {
    const sha = await commit('main', 'by the host');
    expect(await deliver('push', pushOf('main'))).toMatchObject({
      status: 202,
      body: '{"outcome":"taken"}',
    });
    await eventually(() => statesOf(sha).includes('success'));
    expect(statesOf(sha)).toEqual(['pending', 'success']);
    expect((await ask(platform, 'hello')).body).toBe('by the host');
    const told = host.calls.at(-1);
    expect(told).toMatchObject({
      path: `/api/v3/repos/ada/hello/statuses/${sha}`,
      token: ACCESS_TOKEN,
      body: { context: 'gitfn/hello', target_url: `http://hello.localhost:${platform.port}` },
    });
    const { body } = await callControl(platform, '/apps/hello/audit?action=pushRef&limit=1');
    expect(JSON.parse(body)).toMatchObject({
      items: [{ actor: { kind: 'git-host', id: hook.id }, target: 'refs/heads/main' }],
    });
    expect(await shown()).toMatchObject({ problem: null, heardAt: expect.any(String) });
  });

  it('has a preview and one comment, which is written anew', async () => {
    const first = await commit('new', 'preview 1');
    await deliver('pull_request', requestOf('new'));
    await eventually(() => host.calls.some(({ path }) => path.endsWith('/issues/4/comments')));
    expect((await ask(platform, 'new--hello')).body).toBe('preview 1');
    expect(String(host.calls.at(-1)?.body['body'])).toContain('new--hello.localhost');
    const second = await commit('new', 'preview 2');
    await deliver('pull_request', requestOf('new'));
    await eventually(() => host.calls.some(({ method }) => method === 'PATCH'));
    expect(host.calls.filter(({ path }) => path.endsWith('/issues/4/comments'))).toHaveLength(1);
    expect(host.calls.at(-1)?.path).toMatch(/\/issues\/comments\/\d+$/);
    expect([first, second].map((sha) => statesOf(sha).at(-1))).toEqual(['success', 'success']);
  });

  it('is told why it was not deployed, and what was live stays', async () => {
    const sha = await commit('main', '"; syntax error here');
    await deliver('push', pushOf('main'));
    await eventually(() => statesOf(sha).includes('failure'));
    expect(String(host.calls.at(-1)?.body['description'])).toContain('index.js');
    expect((await ask(platform, 'hello')).body).toBe('by the host');
  });

  it('takes its preview along when the branch is deleted', async () => {
    expect((await repository.git('push', 'origin', ':refs/heads/new')).code).toBe(0);
    await deliver('push', { ...pushOf('new'), deleted: true });
    await eventually(async () => (await ask(platform, 'new--hello')).status === 404);
  });

  it('is worked on once, however often it is sent', async () => {
    const sha = await commit('once', 'once');
    expect((await deliver('push', pushOf('once'), 'same')).body).toContain('taken');
    expect((await deliver('push', pushOf('once'), 'same')).body).toContain('known');
    await eventually(() => statesOf(sha).includes('success'));
    expect(statesOf(sha)).toEqual(['pending', 'success']);
  });

  it('is worked on after a restart', async () => {
    const sha = await commit('later', 'later');
    host.redirectTo = 'https://127.0.0.1:1/';
    await deliver('push', pushOf('later'));
    await eventually(async () => (await shown())?.problem !== null);
    host.redirectTo = null;
    await platform.kill9();
    await platform.restart();
    await eventually(() => statesOf(sha).includes('success'), 60_000);
  });
});

describe('what a host answers wrongly', () => {
  it('is shown with what to do, and undoes nothing', async () => {
    host.answer = () => ({ status: 403 });
    await commit('main', 'untold');
    await deliver('push', pushOf('main'));
    await eventually(async () => (await ask(platform, 'hello')).body === 'untold');
    await eventually(async () => (await shown())?.problem !== null);
    const { output } = await repository.fn('git-hosts', 'list');
    expect(output).toMatch(
      /answered 403 when told to set commit statuses[^]+to do: give an access token/,
    );
    host.answer = () => null;
  });

  it('is asked again when it has had enough', async () => {
    let left = 2;
    host.answer = () => (left-- > 0 ? { status: 429, headers: { 'retry-after': '0' } } : null);
    const sha = await commit('main', 'again');
    await deliver('push', pushOf('main'));
    await eventually(() => statesOf(sha).filter((state) => state === 'success').length === 1);
    expect(statesOf(sha).filter((state) => state === 'pending')).toHaveLength(3);
    await eventually(async () => (await shown())?.problem === null);
  });
});

describe('nobody else', () => {
  it('has anything fetched', async () => {
    const path = new URL(hook.hookUrl).pathname;
    const calls = [
      { path, headers: { 'x-hub-signature-256': `sha256=${'0'.repeat(64)}` } },
      { path, headers: {} },
      { path: '/hooks/git-aaaaaaaaaaaa', headers: {} },
    ];
    const answers = await Promise.all(
      calls.map(({ path: to, headers }) =>
        ask(platform, '', { method: 'POST', path: to, headers, body: '{}' }),
      ),
    );
    for (const { status, body } of answers) {
      expect(status).toBe(401);
      expect(body.replace(/req-\w+/, '')).toBe(answers[0]?.body.replace(/req-\w+/, ''));
    }
  });

  it.each(['https://127.0.0.1:1/a/b', 'https://localhost/a/b', 'https://[::1]/a/b'])(
    'leads to what is not public: %s',
    async (url) => {
      const body = { kind: 'gitea', url, accessToken: 'x' };
      const made = await callControl(platform, '/apps/hello/git-hosts', { method: 'POST', body });
      expect(made.status, made.body).toBe(400);
      expect(made.body).toContain('FN_GIT_HOSTS=');
    },
  );

  it('reads the secrets: not in the list, not in the audit log', async () => {
    for (const path of ['/apps/hello/git-hosts', '/audit?limit=200']) {
      const { body } = await callControl(platform, path);
      expect(body).not.toContain(ACCESS_TOKEN);
      expect(body).not.toContain(hook.webhookSecret);
    }
  });

  it('is heard after it was disconnected', async () => {
    expect((await repository.fn('git-hosts', 'disconnect', hook.id, '--yes')).code).toBe(0);
    expect((await deliver('push', pushOf('main'))).status).toBe(401);
  });
});

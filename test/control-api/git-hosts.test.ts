import { once } from 'node:events';
import http from 'node:http';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ConnectedGitHost } from '../../src/protocol/control-client.generated.ts';
import { ask } from '../support/ask.ts';
import { connectHost, type ConnectedHost } from '../support/connected-host.ts';
import { callControl } from '../support/control-api.ts';
import { eventually } from '../support/eventually.ts';
import { ACCESS_TOKEN, type PlayedGitHost } from '../support/played-git-host.ts';
import type { Platform } from '../support/platform.ts';
import type { TestRepository } from '../support/repository.ts';

let connected: ConnectedHost;
let host: PlayedGitHost;
let platform: Platform;
let repository: TestRepository;
let hook: ConnectedGitHost;

beforeAll(async () => {
  connected = await connectHost('github');
  ({ host, platform, repository, hook } = connected);
});

afterAll(() => connected?.[Symbol.asyncDispose]());

const deliver: ConnectedHost['deliver'] = (...hooked) => connected.deliver(...hooked);
const commit: ConnectedHost['commit'] = (...what) => connected.commit(...what);
const statesOf: ConnectedHost['statesOf'] = (sha) => connected.statesOf(sha);
const shown: ConnectedHost['shown'] = () => connected.shown();

const pushOf = (branch: string) => ({ ref: `refs/heads/${branch}`, repository: { id: 7 } });
const requestOf = (branch: string) => ({
  action: 'opened',
  pull_request: { number: 4, head: { ref: branch, repo: { id: 7 } } },
  repository: { id: 7 },
});

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
    const body = JSON.stringify({ message: `not with ${ACCESS_TOKEN}` });
    host.answer = () => ({ status: 403, body });
    await commit('main', 'untold');
    await deliver('push', pushOf('main'));
    await eventually(async () => (await ask(platform, 'hello')).body === 'untold');
    await eventually(async () => (await shown())?.problem !== null);
    const { output } = await repository.fn('git-hosts', 'list');
    expect(output).toMatch(
      /answered 403 when told to set commit statuses: not with …[^]+to do: give an access token/,
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

describe('a host that is away for longer', () => {
  it('is told how it ended once it is back', async () => {
    const isOver = (state: unknown): boolean => state === 'success';
    host.answer = ({ body }) => (isOver(body['state']) ? { status: 503 } : null);
    const sha = await commit('main', 'told late');
    await deliver('push', pushOf('main'));
    await eventually(async () => {
      expect(await shown()).toMatchObject({ problem: `${host.host} answered 503` });
    });
    expect((await ask(platform, 'hello')).body).toBe('told late');
    const toldInVain = statesOf(sha).length;
    host.answer = () => null;
    await eventually(async () => (await shown())?.problem === null, 40_000);
    expect(statesOf(sha).slice(toldInVain)).toEqual(['pending', 'success']);
    const { body } = await callControl(platform, '/apps/hello/deployments?limit=100');
    const made = (JSON.parse(body) as { items: { commit: string }[] }).items;
    expect(made.filter((deployment) => deployment.commit === sha)).toHaveLength(1);
  });
});

describe('a webhook', () => {
  const kib = (size: number): string => JSON.stringify({ padding: 'x'.repeat(size * 1024) });
  const isProblem = {
    'content-type': expect.stringContaining('application/problem+json'),
  };

  it('that is longer than any that is read is told so, however many come', async () => {
    const sent = [1, 2, 3, 4, 5, 6].map((many) => deliver('push', kib(5 * 1024 * many)));
    for (const { status, headers, body } of await Promise.all(sent)) {
      expect([status, body]).toEqual([413, expect.stringContaining('"code":"too-large"')]);
      expect(headers).toMatchObject(isProblem);
    }
  });

  it('that is longer, and does not say how long, is told so as well', async () => {
    const request = http.request({
      host: '127.0.0.1',
      port: platform.port,
      method: 'POST',
      path: new URL(hook.hookUrl).pathname,
      headers: { host: `localhost:${platform.port}`, 'transfer-encoding': 'chunked' },
      agent: false,
    });
    const answered = once(request, 'response') as Promise<[http.IncomingMessage]>;
    for (let sent = 0; sent < 12; sent += 1) request.write(Buffer.alloc(1024 * 1024));
    request.end();
    const [response] = await answered;
    expect(response.statusCode).toBe(413);
    expect(JSON.parse(await text(response))).toMatchObject({ code: 'too-large' });
  });

  it('of the size that is still read is read', async () => {
    const { status, body } = await deliver('push', kib(5 * 1024 - 1));
    expect([status, body]).toEqual([202, '{"outcome":"ignored"}']);
  });

  it('of an event that nothing is done about is taken without more', async () => {
    for (const event of ['ping', 'star', 'an event of next year']) {
      expect(await deliver(event, { zen: 'x' })).toMatchObject({
        status: 202,
        body: '{"outcome":"ignored"}',
      });
    }
  });

  it('of a ref with half a character in its name is about no ref', async () => {
    const { status, body } = await deliver('push', '{"ref":"refs/heads/\\ud800"}');
    expect([status, body]).toEqual([202, '{"outcome":"ignored"}']);
  });

  it('without an id, or without JSON, is refused although it is signed', async () => {
    const answers = [await deliver('push', pushOf('main'), ''), await deliver('push', 'ref=main')];
    for (const { status, headers, body } of answers) {
      expect([status, body]).toEqual([400, expect.stringContaining('application/json')]);
      expect(headers).toMatchObject(isProblem);
    }
  });

  it('that was recorded is worked on once, and under another id deploys what is there now', async () => {
    const first = await commit('replayed', 'first');
    expect((await deliver('push', pushOf('replayed'), 'recorded')).body).toContain('taken');
    await eventually(() => statesOf(first).includes('success'));
    const second = await commit('replayed', 'second');
    expect((await deliver('push', pushOf('replayed'), 'recorded')).body).toContain('known');
    expect((await deliver('push', pushOf('replayed'), 'recorded-2')).body).toContain('taken');
    await eventually(() => statesOf(second).includes('success'));
    expect(statesOf(first)).toEqual(['pending', 'success']);
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

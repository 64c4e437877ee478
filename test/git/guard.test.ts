import { readdir } from 'node:fs/promises';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { FETCH, INFO, PUSH, useGuardedFront, type GuardedFront } from './support/guarded-front.ts';
import { rememberFront } from './support/left-behind.ts';
import { anonymous, authorized, basic, rawRequest } from './support/raw-request.ts';
import { TOKEN } from './support/start-front.ts';
import { urlOf } from './support/work-tree.ts';

// Dozens of git processes per test: slow on a busy machine, never stuck.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const guarded = useGuardedFront();
const post: GuardedFront['post'] = (...args) => guarded().post(...args);
const get: GuardedFront['get'] = (...args) => guarded().get(...args);
const refs = (): Promise<string> => guarded().refs();

// Whatever is refused leaves no byte and no process.
beforeEach(() => rememberFront(guarded().front));

describe('a request without a valid token', () => {
  const targets: [string, string, string][] = [
    ['GET', INFO, ''],
    ['GET', '/mine.git/info/refs?service=git-upload-pack', ''],
    ['POST', PUSH, 'the push'],
    ['POST', FETCH, '0000'],
    ['GET', '/unknown.git/info/refs?service=git-receive-pack', ''],
  ];
  it.each(targets)('is asked for one: %s %s', async (method, target, what) => {
    const body = what === 'the push' ? guarded().wholePush : what;
    const answer = await rawRequest(guarded().front.sockets.gitHttp, {
      method,
      target,
      headers: anonymous(),
      ...(method === 'POST' && { body }),
    });
    expect(answer.status).toBe(401);
    expect(answer.head.toLowerCase()).toContain('www-authenticate: basic realm="gitfn"');
    expect(await refs()).not.toContain('refs/heads/main');
  });

  const malformed = [
    'Basic',
    'Basic ',
    'Basic %%%',
    'Basic Og==',
    `Basic ${Buffer.from('no colon').toString('base64')}`,
    'Bearer abc',
    'Digest x',
    `Basic ${'A'.repeat(8000)}`,
    basic('wrong'),
  ];
  it.each(malformed)('is asked again: %s', async (value) => {
    expect((await get(INFO, anonymous(`Authorization: ${value}`))).status).toBe(401);
    expect(
      (await post(PUSH, anonymous(`Authorization: ${value}`), guarded().wholePush)).status,
    ).toBe(401);
  });
});

describe('a token', () => {
  it('that may only read is refused for a push, in words that the client shows', async () => {
    const url = urlOf(guarded().front.origin, 'mine', 'reader');
    const { code, text } = await guarded().work.git('push', url, 'main');
    expect(code).not.toBe(0);
    expect(text).toContain('remote: this token may only read');
    expect(
      (await post(PUSH, anonymous(`Authorization: ${basic('reader')}`), guarded().wholePush))
        .status,
    ).toBe(403);
    expect((await guarded().work.git('ls-remote', url)).code).toBe(0);
  });

  it('of another app learns nothing of this one', async () => {
    const headers = anonymous(`Authorization: ${basic('other')}`);
    expect((await get(INFO, headers)).status).toBe(404);
    expect((await post(PUSH, headers, guarded().wholePush)).status).toBe(404);
    expect((await post(FETCH, headers, `0032want ${guarded().sha}\n00000009done\n`)).status).toBe(
      404,
    );
    expect(await refs()).not.toContain('refs/heads/main');
  });

  it('stops working at once when it is revoked', async () => {
    guarded().front.control.tokens.set('brief', { role: 'admin' });
    const headers = anonymous(`Authorization: ${basic('brief')}`);
    expect((await get(INFO, headers)).status).toBe(200);
    guarded().front.control.tokens.delete('brief');
    expect((await get(INFO, headers)).status).toBe(401);
  });

  it('is not even asked for over plain http from afar', async () => {
    const peer = (address: string, ...more: string[]): string[] => [
      'Host: localhost',
      `X-Gitfn-Peer-Address: ${address}`,
      'X-Gitfn-Peer-Scheme: http',
      ...more,
    ];
    const answer = await get(INFO, peer('203.0.113.9'));
    expect(answer.status).toBe(403);
    expect(answer.body).toContain('use the https address');
    for (const headers of [
      peer('203.0.113.9', 'X-Forwarded-Proto: https'),
      peer('', 'X-Forwarded-For: 127.0.0.1'),
      peer('127.0.0.1, 203.0.113.9'),
      ['Host: localhost'],
    ]) {
      expect((await get(INFO, headers)).status).toBe(403);
    }
    for (const address of ['127.0.0.1', '::1', '::ffff:127.0.0.1']) {
      expect((await get(INFO, peer(address))).status).toBe(401);
    }
    const tls = ['Host: x', 'X-Gitfn-Peer-Address: 203.0.113.9', 'X-Gitfn-Peer-Scheme: https'];
    expect((await get(INFO, tls)).status).toBe(401);
  });
});

describe('an address', () => {
  const unknown = [
    '/mine.git/HEAD',
    '/mine.git/config',
    '/mine.git/objects/info/packs',
    '/mine.git/hooks/pre-receive',
    `/mine.git/objects/${'1'.repeat(2)}/${'1'.repeat(38)}`,
    '/mine.git/refs/heads/first',
    '/mine.git-secret/info/refs?service=git-receive-pack',
    '/mine/info/refs?service=git-receive-pack',
    '/MINE.git/info/refs?service=git-receive-pack',
    '/mine.GIT/info/refs?service=git-receive-pack',
    '//mine.git/info/refs?service=git-receive-pack',
    '/./mine.git/info/refs?service=git-receive-pack',
    '/../mine.git/info/refs?service=git-receive-pack',
    '/x.git/../mine.git/info/refs?service=git-receive-pack',
    '/%6dine.git/info/refs?service=git-receive-pack',
    '/%2e%2e/mine.git/info/refs?service=git-receive-pack',
    '/mine.git\\info/refs?service=git-receive-pack',
    '/mine.git%00/info/refs?service=git-receive-pack',
    '/~root.git/info/refs?service=git-receive-pack',
    '/admin.git/info/refs?service=git-receive-pack',
    '/a--b.git/info/refs?service=git-receive-pack',
    '/mine.git/info/refs',
    '/mine.git/info/refs?service=git-upload-archive',
    '/mine.git/info/refs?service=git-receive-pack&x=1',
    '/mine.git/info/refs?x=1&service=git-receive-pack',
    'http://localhost/mine.git/info/refs?service=git-receive-pack',
    `/${'a'.repeat(8_000)}.git/info/refs?service=git-receive-pack`,
    '*',
  ];
  it.each(unknown)('has one spelling: %s is unknown', async (target) => {
    expect((await get(target)).status).toBe(404);
  });

  it.each([
    `${PUSH}?x=1`,
    `${PUSH}/`,
    '/mine.git-secret/git-receive-pack',
    '/x/mine.git/git-receive-pack',
    '/mine.git/git-upload-archive',
    '/mine.git/git-receive-packed',
  ])('of a push has one spelling: %s is unknown', async (target) => {
    expect((await post(target, authorized(), guarded().wholePush)).status).toBe(404);
  });

  it('of 20 kilobytes is refused unread', async () => {
    const target = `/${'a'.repeat(20_000)}.git/info/refs?service=git-receive-pack`;
    expect((await get(target)).status).toBe(431);
  });

  it('answers only the method that git uses', async () => {
    expect((await post(INFO, authorized(), '')).status).toBe(405);
    expect((await get(PUSH)).status).toBe(405);
    for (const method of ['HEAD', 'PUT', 'DELETE', 'OPTIONS']) {
      const answer = await rawRequest(guarded().front.sockets.gitHttp, { method, target: INFO });
      expect(answer.status).toBe(405);
    }
  });

  it('names nothing on the disk', async () => {
    const names = await readdir(guarded().front.repositoriesDir);
    expect(names).toEqual([`${guarded().front.control.apps.get('mine')}.git`]);
  });
});

it('says that control is away, and how to go on', async () => {
  await guarded().front.control.close();
  const { code, text } = await guarded().work.git(
    'push',
    urlOf(guarded().front.origin, 'mine', TOKEN),
    'main',
  );
  await guarded().front.control.listen();
  expect(code).not.toBe(0);
  expect(text).toContain('remote: the control process is not answering');
  expect((await get(INFO)).status).toBe(200);
});

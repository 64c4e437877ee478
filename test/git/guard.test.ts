import { readdir, readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { newId } from '../../src/std/ids.ts';
import {
  anonymous,
  authorized,
  basic,
  commandList,
  openRequest,
  packet,
  rawRequest,
  readAnswer,
  type RawAnswer,
} from './support/raw-request.ts';
import { startFront, TOKEN, type RunningFront } from './support/start-front.ts';
import { createWorkTree, urlOf, type WorkTree } from './support/work-tree.ts';

// Dozens of git processes per test: slow on a busy machine, never stuck.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const PUSH = '/mine.git/git-receive-pack';
const FETCH = '/mine.git/git-upload-pack';
const INFO = '/mine.git/info/refs?service=git-receive-pack';

let front: RunningFront;
let work: WorkTree;
let sha: string;
/** A push of one commit to refs/heads/main as the git client sends it: command list and pack. */
let wholePush: Buffer;

beforeAll(async () => {
  front = await startFront();
  work = await createWorkTree();
  sha = await work.commit('index.ts', 'export {}');
  await work.must('push', urlOf(front.origin, 'mine'), 'main:first');
  front.control.tokens.set('reader', { role: 'viewer' });
  front.control.tokens.set('other', { role: 'admin', app: 'other' });
  front.control.apps.set('other', newId('app'));
  wholePush = Buffer.concat([commandList(['refs/heads/main'], sha), await work.pack(sha)]);
});
afterAll(async () => {
  await work[Symbol.asyncDispose]();
  await front[Symbol.asyncDispose]();
});

const post = (target: string, headers: string[], body: Uint8Array | string): Promise<RawAnswer> =>
  rawRequest(front.sockets.gitHttp, { method: 'POST', target, headers, body });
const get = (target: string, headers?: string[]): Promise<RawAnswer> =>
  rawRequest(front.sockets.gitHttp, { target, ...(headers && { headers }) });
const refs = async (): Promise<string> =>
  (await work.git('ls-remote', urlOf(front.origin, 'mine'))).text;

describe('a request without a valid token', () => {
  const targets: [string, string, string][] = [
    ['GET', INFO, ''],
    ['GET', '/mine.git/info/refs?service=git-upload-pack', ''],
    ['POST', PUSH, 'the push'],
    ['POST', FETCH, '0000'],
    ['GET', '/unknown.git/info/refs?service=git-receive-pack', ''],
  ];
  it.each(targets)('is asked for one: %s %s', async (method, target, what) => {
    const body = what === 'the push' ? wholePush : what;
    const answer = await rawRequest(front.sockets.gitHttp, {
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
    expect((await post(PUSH, anonymous(`Authorization: ${value}`), wholePush)).status).toBe(401);
  });
});

describe('a token', () => {
  it('that may only read is refused for a push, in words that the client shows', async () => {
    const url = urlOf(front.origin, 'mine', 'reader');
    const { code, text } = await work.git('push', url, 'main');
    expect(code).not.toBe(0);
    expect(text).toContain('remote: this token may only read');
    expect(
      (await post(PUSH, anonymous(`Authorization: ${basic('reader')}`), wholePush)).status,
    ).toBe(403);
    expect((await work.git('ls-remote', url)).code).toBe(0);
  });

  it('of another app learns nothing of this one', async () => {
    const headers = anonymous(`Authorization: ${basic('other')}`);
    expect((await get(INFO, headers)).status).toBe(404);
    expect((await post(PUSH, headers, wholePush)).status).toBe(404);
    expect((await post(FETCH, headers, `0032want ${sha}\n00000009done\n`)).status).toBe(404);
    expect(await refs()).not.toContain('refs/heads/main');
  });

  it('stops working at once when it is revoked', async () => {
    front.control.tokens.set('brief', { role: 'admin' });
    const headers = anonymous(`Authorization: ${basic('brief')}`);
    expect((await get(INFO, headers)).status).toBe(200);
    front.control.tokens.delete('brief');
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
    expect((await post(target, authorized(), wholePush)).status).toBe(404);
  });

  it('answers only the method that git uses', async () => {
    expect((await post(INFO, authorized(), '')).status).toBe(405);
    expect((await get(PUSH)).status).toBe(405);
    for (const method of ['HEAD', 'PUT', 'DELETE', 'OPTIONS']) {
      const answer = await rawRequest(front.sockets.gitHttp, { method, target: INFO });
      expect(answer.status).toBe(405);
    }
  });

  it('names nothing on the disk', async () => {
    const names = await readdir(front.repositoriesDir);
    expect(names).toEqual([`${front.control.apps.get('mine')}.git`]);
  });
});

describe('a request body', () => {
  const gzip = authorized('Content-Encoding: gzip');

  it('is inflated when it is gzip', async () => {
    const want = `0032want ${sha}\n00000009done\n`;
    const answer = await post(FETCH, gzip, gzipSync(want));
    expect(answer.status).toBe(200);
    expect(answer.head.toLowerCase()).toContain('application/x-git-upload-pack-result');
    expect(answer.body).toContain('PACK');
  });

  it.each(['deflate', 'br', 'constructor', 'toString', '__proto__', 'gzip, gzip'])(
    'in %s is refused',
    async (encoding) => {
      const headers = authorized(`Content-Encoding: ${encoding}`);
      expect((await post(PUSH, headers, wholePush)).status).toBe(415);
    },
  );

  it('that is damaged is refused', async () => {
    expect((await post(PUSH, gzip, 'garbage')).status).toBe(400);
    expect((await post(PUSH, gzip, gzipSync(wholePush).subarray(0, 40))).status).toBe(400);
  });

  it('that inflates beyond reason is refused', async () => {
    const bomb = gzipSync(Buffer.alloc(48 * 1024 * 1024, commandListStart()));
    const used = await memoryHighWater();
    expect((await post(PUSH, gzip, bomb)).status).toBe(413);
    const nested = gzipSync(Buffer.alloc(1024 ** 3));
    expect((await post(PUSH, gzip, nested)).status).toBe(400);
    expect((await memoryHighWater()) - used).toBeLessThan(100 * 1024);
    expect((await post(FETCH, gzip, gzipSync(Buffer.alloc(48 * 1024 * 1024)))).status).toBe(400);
  });

  it('that says it is too large is refused at once', async () => {
    const socket = await openRequest(front.sockets.gitHttp, {
      method: 'POST',
      target: PUSH,
      headers: authorized('Content-Length: 99999999999', 'Connection: close'),
    });
    const status = new Promise<string>((resolve) => {
      socket.once('data', (chunk: Buffer) => resolve(chunk.toString('latin1')));
    });
    expect(await status).toContain('413');
    socket.destroy();
  });

  const nonsense: [string, string][] = [
    ['hex digits', 'a'.repeat(65_536)],
    ['hex digits and spaces', `${'0a'.repeat(30)} `.repeat(1000)],
    ['an impossible length', '0003'],
    ['a delimiter', '00010002'],
    ['a length beyond the protocol', 'ffff'],
    ['another command', packet('push-cert \0x').toString('latin1')],
    ['a negative length', '-001'],
    [
      'a command without capabilities',
      packet(`${'0'.repeat(40)} ${'1'.repeat(40)} refs/heads/x`).toString(),
    ],
    ['nothing', ''],
    ['half a packet', '0070' + '0'.repeat(40)],
  ];
  it.each(nonsense)('of %s is refused before git sees it', async (_, body) => {
    expect((await post(PUSH, authorized(), body)).status).toBe(400);
    expect((await post(FETCH, authorized(), body)).status).toBe(400);
    expect(await front.gitProcesses()).toEqual([]);
  });

  it('of endless refs is refused', async () => {
    const many = commandList(
      Array.from({ length: 10_000 }, (_, index) => `refs/heads/branch-${index}`),
      sha,
    );
    const answer = await post(PUSH, authorized(), many);
    expect(answer.status).toBe(200);
    expect(answer.body).toContain('\u0003 !     the names of what is pushed');
    // A client that reads no bands is told by the status.
    const plain = Buffer.from(many.toString('latin1').replace(' side-band-64k', '              '));
    expect((await post(PUSH, authorized(), plain)).status).toBe(413);
  });

  it('of a lone flush is answered, because git asks so whether it is let in', async () => {
    const answer = await post(PUSH, authorized(), '0000');
    expect(answer.status).toBe(200);
    expect(answer.head.toLowerCase()).toContain('application/x-git-receive-pack-result');
    expect((await post(PUSH, anonymous(), '0000')).status).toBe(401);
    expect((await post(FETCH, authorized(), '0000')).status).toBe(200);
  });

  it('may come byte by byte around any boundary', async () => {
    const push = Buffer.concat([commandList(['refs/heads/bytes'], sha), await work.pack(sha)]);
    const socket = await openRequest(front.sockets.gitHttp, {
      method: 'POST',
      target: PUSH,
      headers: authorized(`Content-Length: ${push.length}`, 'Connection: close'),
    });
    const answer = readAnswer(socket);
    for (let at = 0; at < 200; at += 1) {
      socket.write(push.subarray(at, at + 1));
      await new Promise((resolve) => setImmediate(resolve));
    }
    socket.write(push.subarray(200));
    expect((await answer).body).toContain('ok refs/heads/bytes');
  });

  it('whose second ref comes in a later chunk is judged whole', async () => {
    const list = commandList(['refs/heads/ok', 'refs/live/production'], sha);
    const socket = await openRequest(front.sockets.gitHttp, {
      method: 'POST',
      target: PUSH,
      headers: authorized('Transfer-Encoding: chunked', 'Connection: close'),
    });
    const answer = readAnswer(socket);
    const chunk = (bytes: Buffer): void => {
      socket.write(`${bytes.length.toString(16)}\r\n`);
      socket.write(bytes);
      socket.write('\r\n');
    };
    chunk(list.subarray(0, 150));
    await new Promise((resolve) => setImmediate(resolve));
    chunk(list.subarray(150));
    chunk(await work.pack(sha));
    socket.write('0\r\n\r\n');
    const { status, body } = await answer;
    expect(status).toBe(200);
    expect(body).toContain('ng refs/live/production only branches and tags can be pushed');
    expect(await refs()).not.toContain('refs/heads/ok');
  });
});

describe('a broken head of a request', () => {
  it.each([
    'GET / HTTP/9.9\r\n\r\n',
    'nonsense\r\n\r\n',
    `GET ${INFO} HTTP/1.1\r\nHost: x\r\nX: ${'y'.repeat(40_000)}\r\n\r\n`,
    `POST ${PUSH} HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n`,
  ])('closes the connection and nothing else: %#', async (bytes) => {
    const raw = connect(front.sockets.gitHttp);
    raw.on('error', () => {});
    raw.write(bytes);
    expect((await readAnswer(raw)).status).toBeGreaterThanOrEqual(400);
    expect((await get(INFO)).status).toBe(200);
  });
});

it('says that control is away, and how to go on', async () => {
  await front.control.close();
  const { code, text } = await work.git('push', urlOf(front.origin, 'mine', TOKEN), 'main');
  await front.control.listen();
  expect(code).not.toBe(0);
  expect(text).toContain('remote: the control process is not answering');
  expect((await get(INFO)).status).toBe(200);
});

it('stays up through all that crashed its engine, beside a push that succeeds', async () => {
  const vectors: (() => Promise<unknown>)[] = [
    () => get(INFO, anonymous('Authorization: Basic')),
    () => post(PUSH, anonymous('Authorization: Basic'), wholePush),
    () => post(PUSH, authorized('Content-Encoding: gzip'), 'garbage'),
    () => post(PUSH, authorized('Content-Encoding: constructor'), wholePush),
    () => post('/missing.git/git-upload-pack', authorized(), Buffer.alloc(4_000_000, 'a')),
    () => abortedUpload(),
  ];
  const storm = vectors.flatMap((vector) => Array.from({ length: 100 }, vector));
  const push = work.git('push', urlOf(front.origin, 'mine'), 'main:storm');
  await Promise.all(storm);
  expect((await push).code).toBe(0);
  expect(front.process.exitCode).toBeNull();
});

/** Of the front's process, KiB. */
async function memoryHighWater(): Promise<number> {
  const status = await readFile(`/proc/${front.process.pid}/status`, 'utf8');
  return Number(/VmHWM:\s+(\d+)/.exec(status)?.[1]);
}

async function abortedUpload(): Promise<void> {
  const socket = await openRequest(front.sockets.gitHttp, {
    method: 'POST',
    target: PUSH,
    headers: authorized('Content-Length: 1000000'),
  });
  socket.write(wholePush.subarray(0, 180));
  await new Promise((resolve) => setImmediate(resolve));
  socket.destroy();
}

function commandListStart(): Buffer {
  return packet(`${'0'.repeat(40)} ${'1'.repeat(40)} refs/heads/x\0 report-status`);
}

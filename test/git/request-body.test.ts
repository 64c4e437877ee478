/** What stands in a request, before git sees a byte of it. */
import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { FETCH, INFO, PUSH, useGuardedFront, type GuardedFront } from './support/guarded-front.ts';
import { rememberFront } from './support/left-behind.ts';
import {
  anonymous,
  authorized,
  commandList,
  openRequest,
  packet,
  readAnswer,
} from './support/raw-request.ts';
import { urlOf } from './support/work-tree.ts';

// Dozens of git processes per test: slow on a busy machine, never stuck.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const MIB = 1024 * 1024;
/** The head of a pack (gitformat-pack) and of a blob that is said to be large. */
const PACK_OF_ONE = Buffer.from('PACK\0\0\0\u0002\0\0\0\u0001\u00bf\u00ff\u007f', 'latin1');

const guarded = useGuardedFront();
const post: GuardedFront['post'] = (...args) => guarded().post(...args);
const get: GuardedFront['get'] = (...args) => guarded().get(...args);
const refs = (): Promise<string> => guarded().refs();

describe('a request body', () => {
  // Whatever is refused leaves no byte and no process.
  beforeEach(() => rememberFront(guarded().front));

  const gzip = authorized('Content-Encoding: gzip');

  it('is inflated when it is gzip', async () => {
    const want = `0032want ${guarded().sha}\n00000009done\n`;
    const answer = await post(FETCH, gzip, gzipSync(want));
    expect(answer.status).toBe(200);
    expect(answer.head.toLowerCase()).toContain('application/x-git-upload-pack-result');
    expect(answer.body).toContain('PACK');
  });

  it.each(['deflate', 'br', 'constructor', 'toString', '__proto__', 'gzip, gzip'])(
    'in %s is refused',
    async (encoding) => {
      const headers = authorized(`Content-Encoding: ${encoding}`);
      expect((await post(PUSH, headers, guarded().wholePush)).status).toBe(415);
    },
  );

  it('that is damaged is refused', async () => {
    expect((await post(PUSH, gzip, 'garbage')).status).toBe(400);
    expect((await post(PUSH, gzip, gzipSync(guarded().wholePush).subarray(0, 40))).status).toBe(
      400,
    );
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

  it('whose pack is ten megabytes that inflate to ten gigabytes is not inflated to its end', async () => {
    const member = gzipSync(Buffer.alloc(256 * MIB));
    const head = gzipSync(
      Buffer.concat([commandList(['refs/heads/main'], guarded().sha), PACK_OF_ONE]),
    );
    const bomb = Buffer.concat([head, ...Array.from({ length: 40 }, () => member)]);
    const used = await memoryHighWater();
    const began = await processorSeconds();
    const { body } = await post(PUSH, gzip, bomb);
    expect(body).not.toContain('ok refs/heads/main');
    expect((await memoryHighWater()) - used).toBeLessThan(100 * 1024);
    expect((await processorSeconds()) - began).toBeLessThan(5);
    expect(await refs()).not.toContain('refs/heads/main');
  });

  it('that says it is too large is refused at once', async () => {
    const socket = await openRequest(guarded().front.sockets.gitHttp, {
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
    expect(await guarded().front.gitProcesses()).toEqual([]);
  });

  it('of endless refs is refused', async () => {
    const many = commandList(
      Array.from({ length: 10_000 }, (_, index) => `refs/heads/branch-${index}`),
      guarded().sha,
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

  it('whose second ref comes in a later chunk is judged whole', async () => {
    const list = commandList(['refs/heads/ok', 'refs/live/production'], guarded().sha);
    const socket = await openRequest(guarded().front.sockets.gitHttp, {
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
    chunk(await guarded().work.pack(guarded().sha));
    socket.write('0\r\n\r\n');
    const { status, body } = await answer;
    expect(status).toBe(200);
    expect(body).toContain('ng refs/live/production only branches and tags can be pushed');
    expect(await refs()).not.toContain('refs/heads/ok');
  });
});

it('takes a body byte by byte around any boundary', async () => {
  const push = Buffer.concat([
    commandList(['refs/heads/bytes'], guarded().sha),
    await guarded().work.pack(guarded().sha),
  ]);
  const socket = await openRequest(guarded().front.sockets.gitHttp, {
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

describe('a broken head of a request', () => {
  it.each([
    'GET / HTTP/9.9\r\n\r\n',
    'nonsense\r\n\r\n',
    `GET ${INFO} HTTP/1.1\r\nHost: x\r\nX: ${'y'.repeat(40_000)}\r\n\r\n`,
    `POST ${PUSH} HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n`,
  ])('closes the connection and nothing else: %#', async (bytes) => {
    const raw = connect(guarded().front.sockets.gitHttp);
    raw.on('error', () => {});
    raw.write(bytes);
    expect((await readAnswer(raw)).status).toBeGreaterThanOrEqual(400);
    expect((await get(INFO)).status).toBe(200);
  });
});

it('stays up through all that crashed its engine, beside a push that succeeds', async () => {
  const vectors: (() => Promise<unknown>)[] = [
    () => get(INFO, anonymous('Authorization: Basic')),
    () => post(PUSH, anonymous('Authorization: Basic'), guarded().wholePush),
    () => post(PUSH, authorized('Content-Encoding: gzip'), 'garbage'),
    () => post(PUSH, authorized('Content-Encoding: constructor'), guarded().wholePush),
    () => post('/missing.git/git-upload-pack', authorized(), Buffer.alloc(4_000_000, 'a')),
  ];
  const storm = vectors.flatMap((vector) => Array.from({ length: 100 }, vector));
  const push = guarded().work.git('push', urlOf(guarded().front.origin, 'mine'), 'main:storm');
  await abortedUploads(100);
  await Promise.all(storm);
  expect((await push).code).toBe(0);
  expect(guarded().front.process.exitCode).toBeNull();
});

it('answers others while it is sent what engines compare with for seconds', async () => {
  const began = await processorSeconds();
  const bodies = ['a'.repeat(65_536), '0a'.repeat(32_768), `00a0${'0a'.repeat(32_766)}`];
  const storm = Array.from({ length: 60 }, (_, index) =>
    post(index % 2 === 0 ? PUSH : FETCH, authorized(), bodies[index % bodies.length] ?? ''),
  );
  const others = Array.from({ length: 20 }, () => get(INFO));
  for (const { status } of await Promise.all(others)) expect(status).toBe(200);
  for (const { status } of await Promise.all(storm)) expect(status).toBe(400);
  // One alone takes the engine four.
  expect((await processorSeconds()) - began).toBeLessThan(4);
});

/** All that the front's own process has taken. */
async function processorSeconds(): Promise<number> {
  const stat = await readFile(`/proc/${guarded().front.process.pid}/stat`, 'utf8');
  // Counted from behind the name, which may hold spaces: user and system time, in hundredths.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** Of the front's process, KiB. */
async function memoryHighWater(): Promise<number> {
  const status = await readFile(`/proc/${guarded().front.process.pid}/status`, 'utf8');
  return Number(/VmHWM:\s+(\d+)/.exec(status)?.[1]);
}

/** Broken off at once, when git works on the first of them. */
async function abortedUploads(count: number): Promise<void> {
  const headers = authorized('Content-Length: 1000000');
  const uploads = await Promise.all(
    Array.from({ length: count }, () =>
      openRequest(guarded().front.sockets.gitHttp, { method: 'POST', target: PUSH, headers }),
    ),
  );
  for (const socket of uploads) socket.write(guarded().wholePush.subarray(0, 180));
  await eventually(async () =>
    (await guarded().front.gitProcesses()).some((line) => line.includes('receive-pack')),
  );
  for (const socket of uploads) socket.destroy();
}

function commandListStart(): Buffer {
  return packet(`${'0'.repeat(40)} ${'1'.repeat(40)} refs/heads/x\0 report-status`);
}

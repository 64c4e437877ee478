import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { PlatformError } from '../../src/protocol/errors.ts';
import {
  createRpcClient,
  createRpcServer,
  type RpcClient,
  type RpcHandlers,
} from '../../src/protocol/rpc.ts';

interface TestMethods {
  greet: { params: { name: string }; result: string };
  count: { params: { to: number }; result: number; progress: number };
  measure: { params: null; result: number };
  fail: { params: { isBug: boolean }; result: null };
  wait: { params: null; result: null };
}

const MIB = 1024 * 1024;

let folder: string;
let sockets = 0;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gitfn-rpc-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function listen(server: Server): Promise<string> {
  sockets += 1;
  const path = join(folder, `${sockets}.sock`);
  server.listen(path);
  await once(server, 'listening');
  return path;
}

interface Served {
  call: RpcClient<TestMethods>;
  path: string;
  bugs: string[];
  /** Resolves when the caller of `wait` has gone. */
  abandoned: Promise<void>;
}

async function serve(): Promise<Served> {
  const bugs: string[] = [];
  const abandoned = Promise.withResolvers<void>();
  const handlers: RpcHandlers<TestMethods> = {
    greet: async ({ name }) => `hello ${name}`,
    async count({ to }, { progress }) {
      for (let number = 1; number <= to; number += 1) progress(number);
      return to;
    },
    measure: async (_, { body }) => (await text(body)).length,
    async fail({ isBug }) {
      if (isBug) throw new TypeError('secret detail');
      throw new PlatformError('conflict', 'taken', { hint: 'choose another' });
    },
    wait: (_, { signal }) =>
      new Promise((resolve) => {
        signal.addEventListener('abort', () => {
          abandoned.resolve();
          resolve(null);
        });
      }),
  };
  const server = createRpcServer(handlers, (method) => bugs.push(method));
  const path = await listen(server);
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const call = createRpcClient<TestMethods>(path, 'the callee');
  return { call, path, bugs, abandoned: abandoned.promise };
}

/** A callee that answers every call with these bytes, and what it does then. */
async function serveRaw(answer: string, then: (socket: Socket) => void): Promise<Served['call']> {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', () => {
      socket.write(`HTTP/1.1 200 OK\r\n\r\n${answer}`);
      then(socket);
    });
    onTestFinished(() => void socket.destroy());
  });
  const path = await listen(server);
  onTestFinished(() => void server.close());
  return createRpcClient<TestMethods>(path, 'the callee');
}

/** What a callee answers to bytes that are no proper call. */
async function answerTo(path: string, body: string): Promise<string> {
  const socket = connect(path);
  const head = `POST /greet HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: ${body.length}`;
  socket.write(`${head}\r\n\r\n${body}`);
  return text(socket);
}

describe('a call', () => {
  it('brings back its result, on a connection that is used again', async () => {
    const { call } = await serve();
    expect(await call('greet', { name: 'Ada' })).toBe('hello Ada');
    expect(await call('greet', { name: 'größe\n🚀' })).toBe('hello größe\n🚀');
  });

  it('brings back an expected failure as it was thrown', async () => {
    const { call, bugs } = await serve();
    const failed = call('fail', { isBug: false });
    await expect(failed).rejects.toMatchObject({
      code: 'conflict',
      message: 'taken',
      hint: 'choose another',
    });
    expect(bugs).toEqual([]);
  });

  it('tells of a bug only that it is one', async () => {
    const { call, bugs } = await serve();
    const failed = call('fail', { isBug: true });
    await expect(failed).rejects.toMatchObject({ code: 'internal', message: 'internal error' });
    expect(bugs).toEqual(['fail']);
  });

  it('hears all progress in its order before the result', async () => {
    const { call } = await serve();
    const heard: number[] = [];
    const counted = await call('count', { to: 5_000 }, { onProgress: (n) => heard.push(n) });
    expect(counted).toBe(5_000);
    expect(heard).toEqual(Array.from({ length: 5_000 }, (_, index) => index + 1));
  });

  it('sends a stream after its parameters', async () => {
    const { call } = await serve();
    const chunks = Array.from({ length: 100 }, () => 'x'.repeat(100_000));
    expect(await call('measure', null, { body: Readable.from(chunks) })).toBe(10_000_000);
    expect(await call('measure', null)).toBe(0);
  });

  it('fails when its stream breaks off, and does not look whole to the callee', async () => {
    const { call } = await serve();
    async function* torn(): AsyncGenerator<string> {
      yield 'half';
      throw new Error('torn');
    }
    const measured = call('measure', null, { body: Readable.from(torn()) });
    await expect(measured).rejects.toMatchObject({ code: 'unavailable' });
  });

  it('tells the callee that its caller has gone', async () => {
    const { call, abandoned } = await serve();
    const leaving = new AbortController();
    const waiting = call('wait', null, { signal: leaving.signal });
    await call('greet', { name: 'someone else' });
    leaving.abort();
    await expect(waiting).rejects.toMatchObject({ code: 'unavailable' });
    await abandoned;
  });

  it('fails when there is no such method or nobody listens', async () => {
    const { path } = await serve();
    const other = createRpcClient<{ other: { params: null; result: null } }>(path, 'the callee');
    await expect(other('other', null)).rejects.toMatchObject({ code: 'unavailable' });
    const nobody = createRpcClient<TestMethods>(join(folder, 'nobody.sock'), 'nobody');
    await expect(nobody('greet', { name: '' })).rejects.toMatchObject({
      code: 'unavailable',
      message: 'nobody is not answering',
    });
  });
});

describe('a callee that is broken or hostile', () => {
  it.each([
    ['ends before its last line', '{"progress":1}\n'],
    ['ends within its last line', '{"result":1}'],
    ['answers no JSON', 'nonsense\n'],
    ['answers nothing at all', ''],
  ])('that %s has failed the call', async (_, answer) => {
    const call = await serveRaw(answer, (socket) => socket.end());
    await expect(call('count', { to: 1 })).rejects.toMatchObject({ code: 'unavailable' });
  });

  it('is hung up on when a line does not end, whether it sends much or little at a time', async () => {
    for (const chunk of ['x'.repeat(MIB), 'x'.repeat(100)]) {
      const hungUp = Promise.withResolvers<void>();
      let sent = 0;
      const call = await serveRaw('{"result":"', (socket) => {
        const send = (): void => {
          while (!socket.destroyed && socket.write(chunk)) sent += chunk.length;
        };
        socket.on('drain', send).on('close', () => hungUp.resolve());
        send();
      });
      await expect(call('count', { to: 1 })).rejects.toMatchObject({
        code: 'internal',
        message: 'the callee answered more than a call may',
      });
      await hungUp.promise;
      expect(sent).toBeLessThan(32 * MIB);
    }
  });

  it('is hung up on when it goes on after its last line', async () => {
    const hungUp = Promise.withResolvers<void>();
    const call = await serveRaw('{"result":7}\n', (socket) => {
      const send = (): void => {
        while (!socket.destroyed && socket.write('{"progress":1}\n'));
      };
      socket.on('drain', send).on('close', () => hungUp.resolve());
      send();
    });
    expect(await call('count', { to: 1 })).toBe(7);
    await hungUp.promise;
  });
});

describe('a caller that is broken or hostile', () => {
  it.each([
    ['sends no JSON', 'nonsense\n', 'bad-request'],
    ['sends no whole line', '{}', 'bad-request'],
  ])('that %s is told so', async (_, body, code) => {
    const { path } = await serve();
    expect(await answerTo(path, body)).toContain(`{"error":{"code":"${code}"`);
  });

  it('is told when its parameters are too large', async () => {
    const { call } = await serve();
    const greeted = call('greet', { name: 'x'.repeat(5 * MIB) });
    await expect(greeted).rejects.toMatchObject({ code: 'too-large' });
    expect(await call('greet', { name: 'Ada' })).toBe('hello Ada');
  });
});

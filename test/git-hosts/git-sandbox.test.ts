import net from 'node:net';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { createRegistryProxy } from '../../src/build/index.ts';
import { createPushTickets } from '../../src/git-hosts/push-tickets.ts';
import { createRefFetcher } from '../../src/git-hosts/fetch-ref.ts';
import { openGitSandbox, type GitSandbox } from '../../src/git-hosts/git-sandbox.ts';
import type { FetchedRef } from '../../src/git-hosts/ports.ts';
import { BUILDER_FRAME } from '../../src/protocol/builder.ts';
import { encodeFrame, FrameDecoder } from '../../src/protocol/framing.ts';
import {
  MAX_GIT_OUTPUT_CHARACTERS,
  type GitEnd,
  type GitOrder,
} from '../../src/protocol/git-order.ts';
import {
  startBuilderAmong,
  startBuilderProcess,
  startFakeBuilder,
} from '../build/builder-process.ts';
import { listen } from '../support/listen.ts';

const NEVER = new AbortController().signal;
const DEAD = { code: null, output: '', errors: '' };

async function open(
  startBuilder: () => ReturnType<typeof startBuilderProcess>,
): Promise<GitSandbox> {
  const sandbox = await openGitSandbox({ startBuilder, openProxy: createRegistryProxy });
  onTestFinished(() => sandbox.close());
  return sandbox;
}

const order = (...args: string[]): GitOrder => ({
  args,
  config: [],
  protocols: 'http:https',
  authorities: '',
  maxFileBytes: 1_000_000,
});

/** Answers 404 to everything, and counts. */
async function openServer(): Promise<{ url: string; port: number; visits: () => number }> {
  let visits = 0;
  const server = net.createServer((socket) => {
    visits += 1;
    socket.on('error', () => {});
    socket.end('HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n');
  });
  onTestFinished(() => void server.close());
  const port = await listen(server);
  return { url: `http://git.example:${port}/a/b`, port, visits: () => visits };
}

it('runs git as ordered, and tells how it ended', async () => {
  const sandbox = await open(startBuilderProcess);
  expect(await sandbox.run(order('init', '--quiet', '--bare', '.'), NEVER)).toMatchObject({
    code: 0,
  });
  const { code, output } = await sandbox.run(order('rev-parse', '--is-bare-repository'), NEVER);
  expect([code, output]).toEqual([0, 'true\n']);
});

it('connects to the one host that it may reach, by the address that was looked at', async () => {
  const [host, other] = [await openServer(), await openServer()];
  const sandbox = await open(startBuilderProcess);
  const ask = (url: string) => sandbox.run(order('ls-remote', '--', url), NEVER);
  sandbox.reach({ url: new URL(host.url), address: '127.0.0.1' });
  expect((await ask(host.url)).errors).toContain('not found');
  expect((await ask(other.url)).errors).toContain('403');
  expect((await ask(`http://127.0.0.1:${host.port}/a/b`)).errors).toContain('403');
  const visits = host.visits();
  sandbox.reach({ url: new URL(other.url), address: '127.0.0.1' });
  expect((await ask(host.url)).errors).toContain('403');
  expect([host.visits(), other.visits()]).toEqual([visits, 0]);
});

it('ends the connections to what it may reach no more', async () => {
  const asked = Promise.withResolvers<net.Socket>();
  // Is asked, and never answers.
  const server = net.createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', () => asked.resolve(socket));
  });
  onTestFinished(() => void server.close());
  const port = await listen(server);
  const url = new URL(`http://git.example:${port}/a/b`);
  const sandbox = await open(startBuilderProcess);
  sandbox.reach({ url, address: '127.0.0.1' });
  const asking = sandbox.run(order('ls-remote', '--', url.href), NEVER);
  const socket = await asked.promise;
  const closed = new Promise((resolve) => socket.on('close', resolve));
  sandbox.reach({ url: new URL('http://other.example/'), address: '127.0.0.1' });
  await closed;
  expect((await asking).code).toBe(128);
});

it('has git go by no variable of its surroundings', async () => {
  const host = await openServer();
  const variables = { NO_PROXY: '*', no_proxy: '*', GIT_DIR: '/nonexistent' };
  const sandbox = await open(() => startBuilderAmong(variables));
  const init = await sandbox.run(order('init', '--quiet', '--bare', '.'), NEVER);
  expect(init.code).toBe(0);
  sandbox.reach({ url: new URL(host.url), address: '127.0.0.1' });
  const { errors } = await sandbox.run(
    order('ls-remote', '--', `http://127.0.0.1:${host.port}/a/b`),
    NEVER,
  );
  expect(errors).toContain('403');
  expect(host.visits()).toBe(0);
});

it('ends with its signal, and runs nothing afterwards', async () => {
  const sandbox = await open(startBuilderProcess);
  const stopping = new AbortController();
  const running = sandbox.run(order('hash-object', '--stdin-paths'), stopping.signal);
  stopping.abort();
  expect(await running).toEqual(DEAD);
  expect(await sandbox.run(order('version'), NEVER)).toEqual(DEAD);
});

it('runs nothing when its signal has aborted before', async () => {
  const sandbox = await open(startBuilderProcess);
  expect(await sandbox.run(order('version'), AbortSignal.abort())).toEqual(DEAD);
  expect(await sandbox.run(order('version'), NEVER)).toEqual(DEAD);
});

/** A builder that ends its runs of git so, one after the other. */
const startEnding = (...ends: unknown[]): ReturnType<typeof startFakeBuilder> =>
  startEndingWith(JSON.stringify(ends));

/** The same, of the source text of a list: what is long is made there, since no command line takes it. */
function startEndingWith(ends: string): ReturnType<typeof startFakeBuilder> {
  return startFakeBuilder(`
    const ends = ${ends};
    let unread = Buffer.alloc(0);
    socket.on('data', (chunk) => {
      unread = Buffer.concat([unread, chunk]);
      for (;;) {
        const bytes = unread.length < 4 ? Infinity : 4 + unread.readUInt32BE(0);
        if (unread.length < bytes) return;
        unread = unread.subarray(bytes);
        const payload = Buffer.from(JSON.stringify(ends.shift()));
        const head = Buffer.alloc(9);
        head.writeUInt32BE(payload.length + 5, 0);
        head[4] = ${BUILDER_FRAME.GIT_END};
        socket.write(Buffer.concat([head, payload]));
      }
    });`);
}

it.each([
  ['a code that is text', { code: '0', output: '', errors: '' }],
  ['half a code', { code: 0.5, output: '', errors: '' }],
  ['no code', { output: '', errors: '' }],
  ['a list for output', { code: 0, output: ['x'], errors: '' }],
  ['a list for errors', { code: 0, output: '', errors: ['x'] }],
])('a builder that tells %s is not believed', async (_what, end) => {
  const sandbox = await open(() => startEnding(end));
  expect(await sandbox.run(order('version'), NEVER)).toEqual(DEAD);
});

it('keeps the end of what a builder says that git said', async () => {
  const long = `'x'.repeat(${2 * MAX_GIT_OUTPUT_CHARACTERS}) + 'end'`;
  const ends = `[{ code: 0, output: ${long}, errors: ${long} }]`;
  const sandbox = await open(() => startEndingWith(ends));
  const { output, errors } = await sandbox.run(order('version'), NEVER);
  for (const text of [output, errors]) {
    expect(text).toHaveLength(MAX_GIT_OUTPUT_CHARACTERS);
    expect(text.endsWith('end')).toBe(true);
  }
});

it('the builder tells no more than the end of what git said', async () => {
  const { socket } = await startBuilderProcess();
  const told = Promise.withResolvers<GitEnd>();
  const decoder = new FrameDecoder(({ type, payload }) => {
    if (type === BUILDER_FRAME.GIT_END) told.resolve(JSON.parse(payload.toString()) as GitEnd);
  });
  socket.on('data', (chunk: Buffer) => decoder.push(chunk));
  const config = [['x.long', `${'x'.repeat(MAX_GIT_OUTPUT_CHARACTERS)}end`]] as const;
  const asked: GitOrder = { ...order('config', '--get', 'x.long'), config };
  socket.write(encodeFrame(BUILDER_FRAME.GIT, 0, JSON.stringify(asked)));
  const { code, output } = await told.promise;
  expect([code, output.length]).toEqual([0, MAX_GIT_OUTPUT_CHARACTERS]);
  expect(output.endsWith('end\n')).toBe(true);
});

it.each([
  ['no frame', `socket.write(Buffer.alloc(64, 255))`],
  ['no end of git', `socket.write(Buffer.from([0, 0, 0, 7, 41, 0, 0, 0, 0, 123, 125]))`],
  ['nothing more', 'socket.end()'],
])('a builder that says %s is ended', async (_what, script) => {
  const sandbox = await open(() => startFakeBuilder(`socket.resume();\n${script}`));
  expect(await sandbox.run(order('version'), NEVER)).toEqual(DEAD);
});

const CONNECTION = {
  id: 'git-aaaaaaaaaaaa',
  appId: 'app',
  appName: 'hello',
  kind: 'gitea',
  url: new URL('https://1.1.1.1/a/b'),
  accessToken: 'x',
} as const;

/** Brings main of a host that is never connected to. */
function bring(startBuilder: typeof startBuilderProcess, isConfined = true): Promise<FetchedRef> {
  const fetcher = createRefFetcher(
    {
      access: { privateNames: [], roots: null, lookup: async () => [], isConfined },
      tickets: createPushTickets(),
      git: { startBuilder, openProxy: createRegistryProxy },
    },
    { controlUrl: 'http://localhost', loopback: '127.0.0.1', maxPackBytes: 1 },
  );
  const ref = 'refs/heads/main';
  return fetcher.bring({ connection: CONNECTION, ref, onFound: async () => {}, signal: NEVER });
}

describe('what git of a host ended with', () => {
  const done = { code: 0, output: '', errors: '' };
  const failed = { code: 128, output: '', errors: 'fatal: no' };
  const sha = 'a'.repeat(40);
  const listed = { ...done, output: `${sha}\trefs/heads/main\n` };

  it.each([
    ['a list that failed', [done, { ...listed, code: 128 }, done, done], /does not show/],
    ['a fetch that failed', [done, listed, failed, done], /does not show/],
    ['a fetch that a signal ended', [done, listed, { ...done, code: null }], /sends too much/],
    ['a push that failed', [done, listed, done, failed], /did not take the push/],
  ])('counts: %s', async (_what, ends, told) => {
    await expect(bring(() => startEnding(...ends))).rejects.toThrow(told);
  });

  it('counts: all that went well', async () => {
    const deployed = { kind: 'deployed', sha };
    expect(await bring(() => startEnding(done, listed, done, done))).toEqual(deployed);
  });
});

it('is not opened where nothing is confined', async () => {
  const startBuilder = vi.fn(startBuilderProcess);
  await expect(bring(startBuilder, false)).rejects.toThrow('where nothing is confined');
  expect(startBuilder).not.toHaveBeenCalled();
});

import net from 'node:net';
import { expect, it, onTestFinished, vi } from 'vitest';
import { createRegistryProxy } from '../../src/build/index.ts';
import { createPushTickets } from '../../src/git-hosts/push-tickets.ts';
import { createRefFetcher } from '../../src/git-hosts/fetch-ref.ts';
import { openGitSandbox, type GitSandbox } from '../../src/git-hosts/git-sandbox.ts';
import type { GitOrder } from '../../src/protocol/git-order.ts';
import { startBuilderProcess, startFakeBuilder } from '../build/builder-process.ts';
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

it('ends with its signal, and runs nothing afterwards', async () => {
  const sandbox = await open(startBuilderProcess);
  const stopping = new AbortController();
  const running = sandbox.run(order('hash-object', '--stdin-paths'), stopping.signal);
  stopping.abort();
  expect(await running).toEqual(DEAD);
  expect(await sandbox.run(order('version'), NEVER)).toEqual(DEAD);
});

it.each([
  ['no frame', `socket.write(Buffer.alloc(64, 255))`],
  ['no end of git', `socket.write(Buffer.from([0, 0, 0, 7, 41, 0, 0, 0, 0, 123, 125]))`],
  ['nothing more', 'socket.end()'],
])('a builder that says %s is ended', async (_what, script) => {
  const sandbox = await open(() => startFakeBuilder(`socket.resume();\n${script}`));
  expect(await sandbox.run(order('version'), NEVER)).toEqual(DEAD);
});

it('is not opened where nothing is confined', async () => {
  const startBuilder = vi.fn(startBuilderProcess);
  const fetcher = createRefFetcher(
    {
      access: { privateNames: [], roots: null, lookup: async () => [], isConfined: false },
      tickets: createPushTickets(),
      git: { startBuilder, openProxy: createRegistryProxy },
    },
    { controlUrl: 'http://localhost', loopback: '127.0.0.1', maxPackBytes: 1 },
  );
  const connection = {
    id: 'git-aaaaaaaaaaaa',
    appId: 'app',
    appName: 'hello',
    kind: 'gitea',
    url: new URL('https://git.example/a/b'),
    accessToken: 'x',
  } as const;
  const asked = { connection, ref: 'refs/heads/main', onFound: async () => {}, signal: NEVER };
  await expect(fetcher.bring(asked)).rejects.toThrow('where nothing is confined');
  expect(startBuilder).not.toHaveBeenCalled();
});

/** What a host can do to who fetches from it: each ends with an answer, and with nothing but the ref's own deployment. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, readlinkSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import net from 'node:net';
import { Readable } from 'node:stream';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { ask } from '../support/ask.ts';
import { code, connectHost, type ConnectedHost } from '../support/connected-host.ts';
import { eventually } from '../support/eventually.ts';
import { listen } from '../support/listen.ts';
import { descendantsOf } from '../support/processes.ts';

const ADVERTISEMENT = 'application/x-git-upload-pack-advertisement';
const BOMB_BYTES = 300 * 1024 * 1024;
const LONG_MS = 50_000;

let connected: ConnectedHost;
/** Listens where nobody shall come. */
let elsewhere: net.Server;
let elsewhereUrl: string;
let visits = 0;

beforeAll(async () => {
  connected = await connectHost('github', { FN_BUILD_MEMORY: '512' });
  elsewhere = net.createServer((socket) => {
    visits += 1;
    socket.destroy();
  });
  elsewhereUrl = `https://127.0.0.1:${await listen(elsewhere)}/ada/hello.git`;
});

afterAll(async () => {
  elsewhere?.close();
  await connected?.[Symbol.asyncDispose]();
});

afterEach(async () => {
  connected.host.git = null;
  connected.host.redirectTo = null;
  expect(visits).toBe(0);
  expect((await ask(connected.platform, 'hello')).body).toBe('first');
  await connected.reconnect();
});

/** Has the branch fetched; resolves with what is then wrong with the connection. */
async function problemOf(branch: string): Promise<string> {
  const { body } = await connected.deliver('push', refOf(branch));
  expect(body).toContain('taken');
  return eventually(async (): Promise<string> => {
    const { problem = null } = (await connected.shown()) ?? {};
    if (problem === null) throw new Error('nothing is wrong with it');
    return problem;
  }, LONG_MS);
}

const refOf = (branch: string) => ({ ref: `refs/heads/${branch}`, repository: { id: 7 } });

/** git in the host's repository. */
function git(args: string[], input: string | Buffer = ''): string {
  const identity = ['-c', 'user.name=Eve', '-c', 'user.email=eve@example.com'];
  const options = { cwd: connected.host.folder, input, maxBuffer: 2 ** 20 };
  return execFileSync('git', [...identity, ...args], options)
    .toString()
    .trim();
}

const blob = (content: string | Buffer): string => git(['hash-object', '-w', '--stdin'], content);

type Entry = [mode: string, name: string, sha: string];

/** A commit of exactly these entries on a branch of the host, also such as git would not make. */
function plant(branch: string, entries: Entry[]): string {
  const raw = entries.map(([mode, name, sha]) =>
    Buffer.concat([Buffer.from(`${mode} ${name}\0`), Buffer.from(sha, 'hex')]),
  );
  const literal = ['hash-object', '-t', 'tree', '-w', '--literally', '--stdin'];
  const tree = git(literal, Buffer.concat(raw));
  const commit = git(['commit-tree', '-m', 'planted', tree]);
  git(['update-ref', `refs/heads/${branch}`, commit]);
  return commit;
}

const functionFile = (text: string): Entry => ['100644', 'index.js', blob(codeOf(text))];
const codeOf = (text: string): string => code(text)['index.js'] ?? '';

it('a host that never ends what it says is given up', async () => {
  connected.host.git = (_request, response) => {
    response.writeHead(200, { 'content-type': ADVERTISEMENT });
    response.write('001e# service=git-upload-pack\n0000');
    let at = 0;
    const lines = new Readable({
      read() {
        const names = Array.from({ length: 500 }, () => pktLine(`refs/heads/${at++}`));
        this.push(names.join(''));
      },
    });
    lines.pipe(response);
    response.on('close', () => lines.destroy());
  };
  expect(await problemOf('endless')).toContain('sends too much, or too slowly');
});

const pktLine = (ref: string): string => {
  const text = `${'a'.repeat(40)} ${ref}\n`;
  return (text.length + 4).toString(16).padStart(4, '0') + text;
};

it('a redirect is not followed', async () => {
  connected.host.redirectTo = elsewhereUrl;
  expect(await problemOf('main')).toContain('does not show the repository');
});

it('a commit that unpacks to more than a sandbox holds changes nothing', async () => {
  const bomb = blob(Buffer.alloc(BOMB_BYTES));
  const sha = plant('main', [['100644', 'bomb', bomb], functionFile('bomb')]);
  await connected.deliver('push', refOf('main'));
  await eventually(async () => {
    const isRefused = connected.statesOf(sha).includes('failure');
    return isRefused || (await connected.shown())?.problem !== null;
  }, LONG_MS);
});

it.each([
  ['.git', '120000', '/etc'],
  ['.git', '100644', '[core]\n\tfsmonitor = "touch /tmp/owned"\n'],
  ['.GIT', '120000', '/etc'],
  ['git~1', '120000', '/etc'],
  ['.gitmodules', '120000', '/etc/passwd'],
  [
    '.gitmodules',
    '100644',
    '[submodule "a"]\n\tpath = a\n\turl = --upload-pack=touch /tmp/owned\n',
  ],
  ['.gitmodules', '100644', '[submodule "../../x"]\n\tpath = a\n\turl = https://example.com/a\n'],
])('a tree with %s (%s) is refused when it is fetched', async (name, mode, content) => {
  plant('main', [[mode, name, blob(content)], functionFile('tricked')]);
  expect(await problemOf('main')).toMatch(
    /does not show the repository: .*(fsck|index-pack|objects)/i,
  );
});

it('submodules are refused, and not fetched', async () => {
  const module = `[submodule "a"]\n\tpath = a\n\turl = ${elsewhereUrl}\n`;
  const sha = plant('main', [
    ['100644', '.gitmodules', blob(module)],
    ['160000', 'a', 'a'.repeat(40)],
    functionFile('main'),
  ]);
  await connected.deliver('push', refOf('main'));
  await eventually(() => connected.statesOf(sha).includes('failure'), LONG_MS);
});

it('hooks and settings in the repository are files', async () => {
  const hook = blob(`#!/bin/sh\ncurl -k ${elsewhereUrl}\n`);
  const hooks = git(
    ['mktree'],
    `100755 blob ${hook}\tpre-push\n100755 blob ${hook}\tpost-checkout\n`,
  );
  const sha = plant('side', [
    ['100644', 'HEAD', blob('ref: refs/heads/main\n')],
    ['100644', 'config', blob('[core]\n\thooksPath = hooks\n')],
    ['40000', 'hooks', hooks],
    functionFile('side'),
  ]);
  await connected.deliver('push', refOf('side'));
  await eventually(() => connected.statesOf(sha).includes('success'));
  expect((await ask(connected.platform, 'side--hello')).body).toBe('side');
});

it('git meets the host in a sandbox, which sees nothing of the platform and ends with it', async () => {
  const { platform, host } = connected;
  const asked = Promise.withResolvers<ServerResponse>();
  host.git = (_request, response) => asked.resolve(response);
  await connected.deliver('push', refOf('main'));
  const answer = await asked.promise;
  const running = () =>
    descendantsOf(platform.pid).filter(({ commandLine }) => commandLine.includes(host.url));
  const [remote] = running().filter(({ commandLine }) => commandLine.includes('remote-https'));
  const pid = remote?.pid ?? 0;
  for (const space of ['net', 'mnt', 'pid', 'user', 'ipc']) {
    const ofServer = readlinkSync(`/proc/${platform.pid}/ns/${space}`);
    expect(readlinkSync(`/proc/${pid}/ns/${space}`)).not.toBe(ofServer);
  }
  expect(existsSync(`/proc/${pid}/root/usr/bin/git`)).toBe(true);
  expect(existsSync(`/proc/${pid}/root${platform.dataDir}`)).toBe(false);
  const control = descendantsOf(platform.pid).find(({ commandLine }) =>
    commandLine.includes('control.mjs'),
  );
  if (process.getuid?.() === 0) expect([0, control?.uid]).not.toContain(remote?.uid);
  expect(readFileSync(`/proc/${pid}/status`, 'utf8')).toMatch(/^Seccomp:\s+2$/m);
  answer.destroy();
  await eventually(() => running().length === 0);
});

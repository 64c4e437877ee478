import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, request } from 'node:http';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, vi } from 'vitest';
import { Git } from 'node-git-server';
import { commandList } from './support/raw-request.ts';
import { NODE } from './support/start-front.ts';
import { createWorkTree } from './support/work-tree.ts';

// Dozens of git processes per test: slow on a busy machine, never stuck.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

// These show that guard.test.ts bites: what it expects to be refused does work, or kill, without the guard.

it('the engine alone takes a push that nobody authenticated', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'gitfn-bare-'));
  const repository = join(folder, 'mine.git');
  execFileSync('git', ['init', '--quiet', '--bare', repository]);
  const engine = new Git(folder, {
    autoCreate: false,
    authenticate: () => Promise.reject(new Error('nobody may push')),
  });
  const server = createServer((req, res) => engine.handle(req, res)).listen(join(folder, 'sock'));
  await once(server, 'listening');
  await using work = await createWorkTree();
  const sha = await work.commit('index.ts', 'export {}');
  const push = request({
    socketPath: join(folder, 'sock'),
    method: 'POST',
    path: '/mine.git/git-receive-pack',
  });
  push.end(Buffer.concat([commandList(['refs/heads/main'], sha), await work.pack(sha)]));
  const [response] = await once(push, 'response');
  response.resume();
  await once(response, 'end');
  expect(response.statusCode).toBe(200);
  expect(await readFile(join(repository, 'refs/heads/main'), 'utf8')).toBe(`${sha}\n`);
  server.close();
  await rm(folder, { recursive: true });
});

const deadly: [string, string][] = [
  ['an empty Basic', 'Authorization: Basic\r\nContent-Length: 4\r\n\r\n0000'],
  ['garbage for gzip', 'Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\n0000'],
  [
    'a prototype key for an encoding',
    'Content-Encoding: constructor\r\nContent-Length: 4\r\n\r\n0000',
  ],
];
it.each(deadly)('the engine alone dies of %s', (_, rest) => {
  const script = `
    const { Git } = require('node-git-server');
    const { createServer } = require('node:http');
    const { connect } = require('node:net');
    const engine = new Git('/nonexistent', { autoCreate: false });
    const server = createServer((req, res) => engine.handle(req, res)).listen(0, '127.0.0.1', () => {
      const socket = connect(server.address().port, '127.0.0.1');
      socket.on('error', () => {});
      socket.write('POST /x.git/git-receive-pack HTTP/1.1\\r\\nHost: x\\r\\n' + process.argv[1]);
      setTimeout(() => process.exit(0), 3000);
    });`;
  const options = { cwd: join(import.meta.dirname, '../..'), encoding: 'utf8' as const };
  const { status, stderr } = spawnSync(NODE, ['--eval', script, '--', rest], options);
  expect(status, stderr).toBe(1);
});

const BODY = 'Content-Length: 50000000\r\n\r\n';
const uploads: [string, string, 'breaks off' | 'goes on'][] = [
  ['an upload that breaks off', 'mine', 'breaks off'],
  ['a large upload to a repository that is not there', 'missing', 'goes on'],
];
it.each(uploads)('the engine alone dies of %s', async (_, name, then) => {
  const folder = await mkdtemp(join(tmpdir(), 'gitfn-bare-'));
  execFileSync('git', ['init', '--quiet', '--bare', join(folder, 'mine.git')]);
  const script = `
    const [folder, head, commands, then] = process.argv.slice(1);
    const { Git } = require('node-git-server');
    const { createServer } = require('node:http');
    const { connect } = require('node:net');
    const engine = new Git(folder, { autoCreate: false });
    const server = createServer((req, res) => engine.handle(req, res)).listen(0, '127.0.0.1', () => {
      const socket = connect(server.address().port, '127.0.0.1');
      socket.on('error', () => {});
      socket.write(head);
      socket.write(Buffer.from(commands, 'base64'));
      // What is no pack ends git, which the engine goes on writing to.
      const rest = () => { while (socket.write(Buffer.alloc(65536))); socket.once('drain', rest); };
      if (then === 'goes on') rest();
      else { socket.write(Buffer.alloc(200000)); setTimeout(() => socket.resetAndDestroy(), 150); }
      setTimeout(() => process.exit(0), 5000);
    });`;
  const head = `POST /${name}.git/git-receive-pack HTTP/1.1\r\nHost: x\r\n${BODY}`;
  const commands = commandList(['refs/heads/main'], '1'.repeat(40)).toString('base64');
  const options = { cwd: join(import.meta.dirname, '../..'), encoding: 'utf8' as const };
  const { status, stderr } = spawnSync(
    NODE,
    ['--eval', script, '--', folder, head, commands, then],
    options,
  );
  await rm(folder, { recursive: true });
  expect(status, stderr).toBe(1);
  expect(stderr).toMatch(/EPIPE|ECONNRESET|aborted/);
});

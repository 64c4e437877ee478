import { randomBytes } from 'node:crypto';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { DEFAULT_LIMITS } from '../../src/git/limits.ts';
import { listFolder } from '../git/support/folder-listing.ts';
import { commandList } from '../git/support/raw-request.ts';
import { startFront, TOKEN, type RunningFront } from '../git/support/start-front.ts';
import { eventually } from '../support/eventually.ts';
import { connectByHand, execByHand } from '../support/hand-made-ssh-client.ts';
import {
  gitOverSsh,
  makeIdentity,
  ssh,
  sshEnvironment,
  type SshIdentity,
  sshWords,
} from '../support/ssh-client.ts';
import { signalGroup } from '../support/signals.ts';

const LOGIN_MS = 2_000;
const STRANGERS = 20;
const SESSIONS = 4;
const MIB = 1024 * 1024;
const ada = makeIdentity();
let front: RunningFront;
let folder: string;

beforeAll(async () => {
  front = await startFront({
    isOverSsh: true,
    maxPackBytes: 128 * MIB,
    limits: {
      ssh: {
        ...DEFAULT_LIMITS.ssh,
        loginMs: LOGIN_MS,
        idleMs: 3_000,
        sessions: SESSIONS,
        strangers: { overall: STRANGERS, perNetwork: STRANGERS },
      },
    },
  });
  folder = await mkdtemp(join(tmpdir(), 'gitfn-ssh-'));
  await git('init', '-q', '-b', 'main');
  await git('config', 'user.name', 'Ada');
  await git('config', 'user.email', 'ada@example.com');
  await git('commit', '-q', '--allow-empty', '-m', 'First');
  front.control.tokens.set(ada.fingerprint, { role: 'admin' });
  expect((await git('push', urlOf('hello'), 'main')).code).toBe(0);
});
beforeEach(() => {
  front.control.preReceive = async () => ({ accept: true });
});
afterAll(async () => {
  await front[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

function git(...args: string[]) {
  return gitOverSsh([ada], args, folder);
}

function urlOf(app: string): string {
  return `ssh://git@127.0.0.1:${front.sshPort}/${app}`;
}

/** A file that no compression makes smaller, committed on a branch of its own. */
async function commitLarge(branch: string, mib: number): Promise<void> {
  await git('checkout', '-q', '-b', branch, 'main');
  await writeFile(join(folder, branch), randomBytes(mib * MIB));
  await git('add', '-A');
  await git('commit', '-q', '-m', branch);
  await git('checkout', '-q', 'main');
}

/** Resolves when the front is reading the pack; the push leads a process group of its own. */
async function pushUnderWay(identity: SshIdentity, what: string): Promise<ChildProcess> {
  const env = sshEnvironment([identity]);
  const child = spawn('git', ['push', urlOf('hello'), what], { cwd: folder, env, detached: true });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  await eventually(async () => {
    const files = await listFolder(front.repositoryOf('hello'));
    if (files.some((line) => line.includes('incoming-'))) return true;
    throw new Error(`no pack has come; the push (exit ${child.exitCode}) said: ${said}`);
  });
  return child;
}

async function open(): Promise<Socket> {
  const socket = connect(front.sshPort, '127.0.0.1');
  socket.on('error', () => {});
  await once(socket, 'connect');
  return socket;
}

function closed(socket: Socket): Promise<unknown> {
  socket.resume();
  return socket.closed ? Promise.resolve() : once(socket, 'close');
}

async function isServed(): Promise<boolean> {
  return (await git('ls-remote', urlOf('hello'))).code === 0;
}

describe('who has shown no key', () => {
  test('is closed at a deadline, however slowly it goes on', async () => {
    const silent = await open();
    const slow = await open();
    slow.write('SSH-2.0-slow');
    const drip = setInterval(() => slow.write('x'), 200);
    const half = await open();
    half.write('SSH-2.0-OpenSSH_9.2\r\n');
    const began = performance.now();
    await Promise.all([silent, slow, half].map(closed));
    clearInterval(drip);
    expect(performance.now() - began).toBeLessThan(LOGIN_MS + 3_000);
    expect(await isServed()).toBe(true);
  });

  test('has so many places and no more, and those who were let in are served on', async () => {
    const sockets = await Promise.all(Array.from({ length: 200 }, open));
    for (const socket of sockets) socket.resume();
    await eventually(() => sockets.filter(({ closed: isClosed }) => !isClosed).length <= STRANGERS);
    await Promise.all(sockets.map(closed));
    expect(await isServed()).toBe(true);
  });

  test('can send anything', async () => {
    for (const noise of [
      randomBytes(100_000),
      Buffer.from('GET / HTTP/1.1\r\n\r\n'),
      Buffer.concat([Buffer.from('SSH-2.0-x\r\n'), randomBytes(100_000)]),
      Buffer.concat([Buffer.from('SSH-2.0-x\r\n'), Buffer.alloc(64, 0xff)]),
      Buffer.alloc(MIB, 0x0a),
    ]) {
      const socket = await open();
      socket.end(noise);
      await closed(socket);
    }
    expect(await isServed()).toBe(true);
    expect(front.process.exitCode).toBeNull();
  });
});

describe('who was let in', () => {
  test('asks for so much at a time over one connection', async () => {
    const control = join(folder, 'control.sock');
    const options = ['-o', `ControlPath=${control}`];
    const [file = 'ssh', ...words] = sshWords([ada], ['-M', '-N', ...options]);
    const master = spawn(file, [...words, '-p', String(front.sshPort), 'git@127.0.0.1']);
    await eventually(
      async () =>
        (await ssh(front.sshPort, [ada], { options: [...options, '-O', 'check'] })).code === 0,
    );
    // They wait for what the client wants, and end with the connection.
    const running = Array.from({ length: SESSIONS }, () => {
      const [program = 'ssh', ...rest] = sshWords([ada], options);
      return spawn(program, [
        ...rest,
        '-p',
        String(front.sshPort),
        'git@127.0.0.1',
        "git-upload-pack '/hello'",
      ]);
    });
    await Promise.all(running.map(({ stdout }) => once(stdout, 'data')));
    const more = await ssh(front.sshPort, [ada], {
      options: [...options, '-o', 'LogLevel=INFO'],
      command: ["git-upload-pack '/hello'"],
    });
    expect(more.output).toContain('Session open refused by peer');
    master.kill('SIGKILL');
    for (const child of running) child.kill('SIGKILL');
    await eventually(async () => (await front.gitProcesses()).length === 0);
  });

  test('is closed when nothing is asked for', async () => {
    const { code } = await ssh(front.sshPort, [ada], { options: ['-N'] });
    expect(code).toBe(255);
  });

  test('is closed when it opens a session and asks for nothing in it', async () => {
    const { client, isClosed } = await connectByHand(front.sshPort, ada);
    client._protocol.session(0, 2 * MIB, 32 * 1024);
    await isClosed;
    expect(await isServed()).toBe(true);
  });

  test('is cut off when it sends more than it was allowed to', async () => {
    const { createApp } = front.control;
    const made = Promise.withResolvers<void>();
    front.control.createApp = async (...asked) => {
      await made.promise; // Nothing of the pack is read until then.
      return createApp(...asked);
    };
    const { client, isClosed } = await connectByHand(front.sshPort, ada);
    const stream = await execByHand(client, `git-receive-pack '/flooded'`);
    stream.on('error', () => {}).resume();
    stream.write(commandList(['refs/heads/main'], 'a'.repeat(40)));
    stream.write(Buffer.from('PACK\0\0\0\u0002\0\0\0\u0001', 'latin1'));
    stream.outgoing.window = Number.MAX_SAFE_INTEGER;
    // Of a size that the window is no multiple of: ssh2 stops at none that is left, and not below.
    const flood = setInterval(() => {
      for (let count = 0; count < 30; count++) stream.write(randomBytes(30_001));
    }, 10);
    await isClosed;
    clearInterval(flood);
    made.resolve();
    front.control.createApp = createApp;
    expect(await isServed()).toBe(true);
  });

  test('pushes tens of MB in bounded memory, over several keys of the connection', async () => {
    await commitLarge('large', 60);
    const before = await peakMib();
    const environment = sshEnvironment([ada]);
    environment['GIT_SSH_COMMAND'] = sshWords([ada], ['-o', 'RekeyLimit=4M']).join(' ');
    const child = spawn('git', ['push', '-q', urlOf('hello'), 'large'], {
      cwd: folder,
      env: environment,
    });
    const [code] = (await once(child, 'close')) as [number];
    expect(code).toBe(0);
    expect((await peakMib()) - before).toBeLessThan(60);
  });

  test('is told what is too large, and nothing stays of it', async () => {
    await commitLarge('larger', 140);
    const before = await listFolder(front.repositoryOf('hello'));
    const { code, output } = await git('push', urlOf('hello'), 'larger');
    expect(code).not.toBe(0);
    expect(output).toContain('larger than 128 MiB');
    await eventually(async () => (await front.gitProcesses()).length === 0);
    expect(await listFolder(front.repositoryOf('hello'))).toEqual(before);
  });

  test('leaves nothing behind when it breaks off a push', async () => {
    await commitLarge('broken', 40);
    const before = await listFolder(front.repositoryOf('hello'));
    const child = await pushUnderWay(ada, 'broken');
    signalGroup(child, 'SIGINT');
    await once(child, 'close');
    await eventually(async () => (await front.gitProcesses()).length === 0);
    expect(await listFolder(front.repositoryOf('hello'))).toEqual(before);
  });

  test('loses a push when its key is taken away meanwhile', async () => {
    const eve = makeIdentity();
    front.control.tokens.set(eve.fingerprint, { role: 'admin' });
    const before = await listFolder(front.repositoryOf('hello'));
    const child = await pushUnderWay(eve, 'broken');
    front.control.tokens.delete(eve.fingerprint);
    const [code] = (await once(child, 'close')) as [number];
    expect(code).not.toBe(0);
    await eventually(async () => (await front.gitProcesses()).length === 0);
    expect(await listFolder(front.repositoryOf('hello'))).toEqual(before);
  });

  test('is told when control is away, and served when it is back', async () => {
    await git('commit', '-q', '--allow-empty', '-m', 'Later');
    await front.control.close();
    const { code, output } = await git('push', urlOf('hello'), 'main');
    expect(code).not.toBe(0);
    expect(output).toContain('Permission denied');
    await front.control.listen();
    expect(await git('push', urlOf('hello'), 'main')).toMatchObject({ code: 0 });
  });

  test('has its push taken although control was started again while it came', async () => {
    const child = await pushUnderWay(ada, 'broken:restarted');
    await front.control.close();
    await front.control.listen();
    const [code] = (await once(child, 'close')) as [number];
    expect(code).toBe(0);
  });

  test('moves a ref once, whoever else pushes to it over HTTP', async () => {
    const origin = new URL(`${front.origin}/hello.git`);
    origin.username = 'git';
    origin.password = TOKEN;
    for (let round = 0; round < 5; round++) {
      const name = `race-${round}`;
      await git('commit', '-q', '--allow-empty', '-m', `over SSH ${round}`);
      await git('branch', 'one');
      await git('reset', '-q', '--hard', 'HEAD~1');
      await git('commit', '-q', '--allow-empty', '-m', `over HTTP ${round}`);
      const pushes = await Promise.all([
        git('push', urlOf('hello'), `one:refs/heads/${name}`),
        git('push', origin.href, `main:refs/heads/${name}`),
      ]);
      expect(pushes.filter(({ code }) => code === 0)).toHaveLength(1);
      const shas = await Promise.all(['one', 'main'].map((branch) => git('rev-parse', branch)));
      const winner = shas[pushes.findIndex(({ code }) => code === 0)]?.output.trim();
      const { output } = await git('ls-remote', urlOf('hello'), name);
      expect(output.split('\t')[0]).toBe(winner);
      await git('branch', '-q', '-D', 'one');
    }
  });
});

async function peakMib(): Promise<number> {
  const status = await readFile(`/proc/${front.process.pid}/status`, 'utf8');
  return Number(/^VmHWM:\s+(\d+)/m.exec(status)?.[1]) / 1024;
}

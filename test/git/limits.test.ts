import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { appendFile, readdir, readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { newId } from '../../src/std/ids.ts';
import { eventually } from '../support/eventually.ts';
import { holdPush } from './support/fake-control.ts';
import { rememberFront } from './support/left-behind.ts';
import { authorized, commandList, openRequest, readAnswer } from './support/raw-request.ts';
import { startFront, type RunningFront } from './support/start-front.ts';
import { createWorkTree, urlOf, type WorkTree } from './support/work-tree.ts';

// Dozens of git processes per test: slow on a busy machine, never stuck.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const MIB = 1024 * 1024;

let front: RunningFront;
let work: WorkTree;
let app: string;
let url: string;

beforeAll(async () => {
  front = await startFront({
    maxPackBytes: 2 * MIB,
    limits: {
      uploadStallMs: 1_000,
      uploadStallBytes: 1_000,
      downloadStallMs: 1_500,
      hookMs: 1_500,
      heartbeatMs: 200,
      graceMs: 500,
      pushPlaces: { overall: 4, perRepository: 2, perHolder: 4, queueLength: 300, queueMs: 60_000 },
      readPlaces: { overall: 1, perRepository: 1, perHolder: 1, queueLength: 1, queueMs: 1_000 },
    },
  });
});
afterAll(() => front[Symbol.asyncDispose]());

beforeEach(async () => {
  app = `app${newId('req').slice(4)}`;
  url = urlOf(front.origin, app);
  work = await createWorkTree();
  front.control.preReceive = async () => ({ accept: true });
  return () => work[Symbol.asyncDispose]();
});
afterEach(() => eventually(async () => (await front.gitProcesses()).length === 0));

/** So that there is an app, whose repository takes some space. */
async function pushBase(): Promise<void> {
  await work.commit('base', 'base');
  await work.must('push', url, 'main:base');
}
const refsOf = async (): Promise<string> => (await work.git('ls-remote', url)).text;

describe('a push that is broken off', () => {
  it('leaves no process and no file, however often', async () => {
    await pushBase();
    const isAsBefore = await rememberFront(front);
    const sha = await work.commit('noise', randomBytes(MIB).toString('base64'));
    const body = Buffer.concat([commandList(['refs/heads/main'], sha), await work.pack(sha)]);
    const half = body.subarray(0, body.length / 2);
    for (let wave = 0; wave < 5; wave += 1) {
      const uploads = await Promise.all(
        Array.from({ length: 10 }, () =>
          openRequest(front.sockets.gitHttp, {
            method: 'POST',
            target: `/${app}.git/git-receive-pack`,
            headers: authorized(`Content-Length: ${body.length}`),
          }),
        ),
      );
      for (const socket of uploads) socket.write(half);
      // Some have come to git, and the others wait for a place.
      await eventually(async () => (await receivePackPids()).length > 0);
      for (const socket of uploads) socket.destroy();
    }
    await isAsBefore();
    await work.must('push', url, 'main');
  });

  it('is cut off when it comes too slowly', async () => {
    const sha = await work.commit('index.ts', '1');
    const body = Buffer.concat([commandList(['refs/heads/main'], sha), await work.pack(sha)]);
    await pushBase();
    const isAsBefore = await rememberFront(front);
    for (const sent of [10, 170]) {
      const socket = await openRequest(front.sockets.gitHttp, {
        method: 'POST',
        target: `/${app}.git/git-receive-pack`,
        headers: authorized(`Content-Length: ${body.length}`, 'Connection: close'),
      });
      socket.write(body.subarray(0, sent));
      const drip = setInterval(() => socket.write('0'), 200);
      const answer = await readAnswer(socket);
      clearInterval(drip);
      expect(answer.status).not.toBe(0);
      expect(answer.body).not.toContain('ok refs/heads/main');
    }
    await isAsBefore();
  });
});

describe('a pack', () => {
  it('that is too large is rejected in words, after the client could send it', async () => {
    await pushBase();
    const isAsBefore = await rememberFront(front);
    await work.commit('noise', randomBytes(3 * MIB).toString('base64'));
    const { code, text } = await work.git('push', url, 'main');
    expect(code).not.toBe(0);
    expect(text).toContain('pack exceeds maximum allowed size');
    expect(await refsOf()).not.toContain('refs/heads/main');
    await isAsBefore();
  });

  it('that is small and builds on much that is there is refused', async () => {
    const names = Array.from({ length: 16 }, (_, i) => `noise-${i}`);
    for (const name of names) await work.commit(name, randomBytes(1.3 * MIB).toString('base64'));
    for (let left = names.length - 1; left >= 0; left--) {
      await work.must('push', url, `main~${left}:refs/heads/main`);
    }
    const isAsBefore = await rememberFront(front);
    for (const name of names) await appendFile(join(work.path, name), 'more');
    await work.must('commit', '--quiet', '--all', '-m', 'A byte of each');
    const { code, text } = await work.git('push', url, 'main');
    expect(code).toBe(1);
    expect(text).toContain('index-pack');
    await isAsBefore();
  }, 60_000);

  it('that is far too large is not read to its end', async () => {
    const socket = await openRequest(front.sockets.gitHttp, {
      method: 'POST',
      target: `/${app}.git/git-receive-pack`,
      headers: authorized(`Content-Length: ${50 * MIB}`, 'Connection: close'),
    });
    expect((await readAnswer(socket)).status).toBe(413);
  });
});

describe('a hook', () => {
  it('that takes too long rejects the push, and its pusher has heard from it', async () => {
    front.control.preReceive = (_, call) =>
      new Promise((_resolve, reject) =>
        call.signal.addEventListener('abort', () => reject(new Error())),
      );
    await work.commit('index.ts', '1');
    await work.git('push', url, 'main');
    const isAsBefore = await rememberFront(front);
    const { code, text } = await work.git('push', url, 'main');
    expect(code).toBe(1);
    expect(text).toContain('still working after');
    expect(text).toContain('try again in a moment');
    expect(await refsOf()).toBe('');
    await isAsBefore();
  });

  it('that is none of a push of this front is turned away', async () => {
    const sha = await work.commit('index.ts', '1');
    await work.must('push', url, 'main');
    const before = front.control.received.length;
    for (const header of [
      `pre-receive ${process.pid} ${front.repositoryOf(app)}/objects/incoming-abcdef`,
      'pre-receive 1 -',
      'post-receive 99999999 -',
      'nonsense',
      '',
    ]) {
      const socket = connect(front.sockets.gitHooks);
      socket.end(`${header}\n${'0'.repeat(40)} ${sha} refs/heads/main\n`);
      const chunks: Buffer[] = [];
      for await (const chunk of socket) chunks.push(chunk as Buffer);
      expect(Buffer.concat(chunks).toString()).toMatch(/exit 1\n$/);
    }
    expect(front.control.received.length).toBe(before);
  });

  it('believes only a quarantine of its own repository', async () => {
    const answers: string[] = [];
    front.control.preReceive = async () => {
      const pid = (await receivePackPids())[0] ?? 0;
      for (const path of [
        '/etc',
        `${front.repositoriesDir}/x/objects/incoming-abcdef`,
        '../incoming-abcdef',
      ]) {
        const socket = connect(front.sockets.gitHooks);
        socket.end(
          `pre-receive ${pid} ${path}\n${'0'.repeat(40)} ${'1'.repeat(40)} refs/heads/x\n`,
        );
        for await (const chunk of socket) answers.push(String(chunk));
      }
      return { accept: true };
    };
    await work.commit('index.ts', '1');
    await work.must('push', url, 'main');
    expect(answers).toEqual(Array(3).fill('line  !     this hook is not part of a push\nexit 1\n'));
  });

  it('rejects when the front has gone', async () => {
    const hook = join(import.meta.dirname, '../../hooks/pre-receive');
    const env = { PATH: '/usr/bin:/bin', GITFN_HOOK_SOCKET: join(front.folder, 'nobody.sock') };
    const run = spawnSync(hook, { env, input: 'x', encoding: 'utf8' });
    expect(run.status).toBe(1);
    expect(run.stderr).toContain('Nothing was changed; try again');
  });
});

it('answers 200 pushes at once with few processes', async () => {
  const sha = await work.commit('index.ts', '1');
  await work.must('push', url, 'main');
  const pack = await work.pack(sha);
  let most = 0;
  const watch = setInterval(() => {
    void receivePackPids().then((pids) => (most = Math.max(most, pids.length)));
  }, 50);
  const answers = await Promise.all(
    Array.from({ length: 200 }, async (_, index) => {
      const body = Buffer.concat([commandList([`refs/heads/b${index}`], sha), pack]);
      const socket = await openRequest(front.sockets.gitHttp, {
        method: 'POST',
        target: `/${app}.git/git-receive-pack`,
        headers: authorized(`Content-Length: ${body.length}`, 'Connection: close'),
      });
      socket.write(body);
      return readAnswer(socket);
    }),
  );
  clearInterval(watch);
  expect(answers.filter(({ body }) => body.includes('ok refs/heads/b')).length).toBe(200);
  expect(most).toBeGreaterThan(0);
  // Two at a time; a fork looks like its parent until it is another program.
  expect(most).toBeLessThanOrEqual(4);
});

it('turns away readers that find no place, and gives it back when a reader stalls', async () => {
  await work.commit('noise', randomBytes(MIB).toString('base64'));
  const sha = await work.commit('index.ts', '1');
  await work.must('push', url, 'main');
  const want = `0032want ${sha}\n00000009done\n`;
  const fetchRequest = () =>
    openRequest(front.sockets.gitHttp, {
      method: 'POST',
      target: `/${app}.git/git-upload-pack`,
      headers: authorized(`Content-Length: ${want.length}`, 'Connection: close'),
    });
  // Takes nothing of its answer, and so keeps its place until it is cut off.
  const staller = await fetchRequest();
  staller.pause();
  staller.write(want);
  await eventually(async () => (await front.gitProcesses()).length > 0);
  const [second, third] = await Promise.all([
    work.git('ls-remote', url),
    work.git('ls-remote', url),
  ]);
  expect([second?.text, third?.text].join()).toContain('remote: too many git requests at once');
  await eventually(async () => (await work.git('ls-remote', url)).code === 0);
  staller.destroy();
});

it('finishes the pushes that it has before it stops', async () => {
  await using own = await startFront();
  const { begun, goOn } = holdPush(own.control);
  await work.commit('index.ts', '1');
  const push = work.git('push', urlOf(own.origin, app), 'main');
  await begun;
  const stopped = own.stop();
  goOn();
  expect((await push).code).toBe(0);
  expect(await stopped).toBe(0);
  expect(own.control.released.length).toBe(1);
});

it('finishes also the push whose client has left before it stops', async () => {
  await using own = await startFront();
  const { begun, goOn } = holdPush(own.control);
  const sha = await work.commit('index.ts', '1');
  const socket = await openRequest(own.sockets.gitHttp, {
    method: 'POST',
    target: `/${app}.git/git-receive-pack`,
    headers: authorized(
      'Content-Type: application/x-git-receive-pack-request',
      'Transfer-Encoding: chunked',
    ),
  });
  for (const part of [commandList(['refs/heads/main'], sha), await work.pack(sha)]) {
    socket.write(`${part.length.toString(16)}\r\n`);
    socket.write(part);
    socket.write('\r\n');
  }
  socket.write('0\r\n\r\n');
  await begun;
  socket.destroy();
  await new Promise((resolve) => setTimeout(resolve, 200));
  const stopped = own.stop();
  await new Promise((resolve) => setTimeout(resolve, 200));
  goOn();
  expect(await stopped).toBe(0);
  expect(own.control.released).toMatchObject([{ updates: [{ newSha: sha }] }]);
});

async function receivePackPids(): Promise<number[]> {
  const pids: number[] = [];
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const commandLine = await readFile(`/proc/${pid}/cmdline`, 'latin1').catch(() => '');
    const isOne =
      commandLine.startsWith('/usr/bin/git-receive-pack') && commandLine.includes(front.folder);
    if (isOne && !commandLine.includes('--advertise-refs')) pids.push(Number(pid));
  }
  return pids;
}

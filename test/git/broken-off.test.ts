/** Several things end a push that is broken off, each enough for most: here each is what is left. */
import { readdir, readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import type { Readable } from 'node:stream';
import { expect, it, onTestFinished, vi } from 'vitest';
import { openRequestBody } from '../../src/git/http-channel.ts';
import { DEFAULT_LIMITS } from '../../src/git/limits.ts';
import { readHead } from '../../src/git/read-head.ts';
import { createPushHeadParser } from '../../src/git/request-head.ts';
import { eventually } from '../support/eventually.ts';
import { listen } from '../support/listen.ts';
import { authorized, commandList, openRequest } from './support/raw-request.ts';
import { startFront, type RunningFront } from './support/start-front.ts';
import { createWorkTree, urlOf } from './support/work-tree.ts';

vi.setConfig({ testTimeout: 60_000 });

async function quarantines({ folder }: RunningFront): Promise<string[]> {
  const names = await readdir(folder, { recursive: true });
  return names.filter((name) => /objects\/(tmp_objdir-)?incoming-[^/]+$/.test(name));
}

/** Nobody is cut off for being slow. */
const PATIENT = { uploadStallMs: 3_600_000, downloadStallMs: 3_600_000 };

it('a git that does not listen to its closed input is killed, with all that it started', async () => {
  await using front = await startFront({ limits: { ...PATIENT, graceMs: 500 } });
  await using work = await createWorkTree();
  await work.commit('base', 'base');
  await work.must('push', urlOf(front.origin, 'mine'), 'main:base');
  const sha = await work.commit('index.ts', 'x'.repeat(100_000));
  const body = Buffer.concat([commandList(['refs/heads/main'], sha), await work.pack(sha)]);
  const socket = await openRequest(front.sockets.gitHttp, {
    method: 'POST',
    target: '/mine.git/git-receive-pack',
    headers: authorized(`Content-Length: ${body.length}`),
  });
  socket.write(body.subarray(0, -30));
  const group = await eventually(() => pushGroup(front));
  process.kill(-group, 'SIGSTOP');
  onTestFinished(() => endGroup(group));
  socket.destroy();
  await eventually(async () => expect(await front.gitProcesses()).toEqual([]));
  expect(await quarantines(front)).toHaveLength(1);
  await eventually(async () => expect(await quarantines(front)).toEqual([]), 30_000);
});

it('a request that breaks off before its head is whole ends at once, however slow it might be', async () => {
  const bodies = Promise.withResolvers<{ request: IncomingMessage; body: Readable }>();
  const server = createServer((request) => {
    request.on('error', () => {});
    const options = { limits: { ...DEFAULT_LIMITS, ...PATIENT }, maxBytes: 1_000 };
    const body = openRequestBody(request, { ...options, onReceived: () => {} });
    bodies.resolve({ request, body });
  });
  onTestFinished(() => void server.close());
  const socket = connect(await listen(server), '127.0.0.1');
  socket.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\n0094');
  const { request, body } = await bodies.promise;
  const head = readHead(body, createPushHeadParser(), 1_000);
  socket.destroy();
  await Promise.all([
    new Promise((resolve) => request.on('close', resolve)),
    expect(head).rejects.toThrow('the request was broken off'),
  ]);
});

/** The process group of the front's push, when receive-pack has started what reads the pack. */
async function pushGroup(front: RunningFront): Promise<number> {
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const environment = await readFile(`/proc/${pid}/environ`, 'latin1').catch(() => '');
    const commandLine = await readFile(`/proc/${pid}/cmdline`, 'latin1').catch(() => '');
    const isOfFront = environment.includes(`GIT_CONFIG_GLOBAL=${front.folder}/`);
    if (!isOfFront || !commandLine.includes('index-pack')) continue;
    const stat = await readFile(`/proc/${pid}/stat`, 'latin1');
    // Behind the name, which may hold spaces: state, parent, group.
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[2]);
  }
  throw new Error('no pack is read');
}

/** What a failed test leaves stopped. */
function endGroup(group: number): void {
  try {
    process.kill(-group, 'SIGKILL');
  } catch {
    // It has ended, as it should.
  }
}

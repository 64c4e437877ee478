/** Clients with a key that is known here, who do with their connection what keeps something from others. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { connectByHand, execByHand } from '../support/hand-made-ssh-client.ts';
import { gitOverSsh, makeIdentity } from '../support/ssh-client.ts';
import { commandList, packet } from './support/raw-request.ts';
import { startFront, type RunningFront } from './support/start-front.ts';
import { createWorkTree, type WorkTree } from './support/work-tree.ts';

const MIB = 1024 * 1024;
const ONE = { overall: 1, perRepository: 1, perHolder: 1, queueLength: 10, queueMs: 20_000 };
const ada = makeIdentity();
let front: RunningFront;
let work: WorkTree;
let sha: string;

beforeAll(async () => {
  front = await startFront({
    isOverSsh: true,
    limits: {
      uploadStallMs: 500,
      negotiationMs: 1_000,
      downloadStallMs: 1_500,
      graceMs: 300,
      pushPlaces: ONE,
      readPlaces: ONE,
    },
  });
  work = await createWorkTree();
  sha = await work.commit('index.js', 'export const handler = () => 1;');
});
beforeEach(() => {
  front.control.tokens.set(ada.fingerprint, { role: 'admin' });
  front.control.preReceive = async () => ({ accept: true });
});
afterAll(async () => {
  await front[Symbol.asyncDispose]();
  await work[Symbol.asyncDispose]();
});

function git(command: string, app: string, ...refs: string[]) {
  const url = `ssh://git@127.0.0.1:${front.sshPort}/${app}`;
  return gitOverSsh([ada], [command, url, ...refs], work.path);
}

async function connect(port = front.sshPort) {
  const { client, isClosed } = await connectByHand(port, ada);
  onTestFinished(() => client.end());
  return { client, isClosed };
}

async function residentBytes(): Promise<number> {
  const status = await readFile(`/proc/${front.process.pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) * 1024;
}

test('what is sent to a command that was refused is not kept', async () => {
  const { client } = await connect();
  const rounds = 60;
  const round = async (): Promise<void> => {
    const stream = await execByHand(client, `git-upload-pack '/absent'`);
    const ended = once(stream, 'close');
    stream.on('error', () => {}).resume();
    stream.write(Buffer.alloc(2 * MIB));
    await ended;
  };
  await round();
  const before = await residentBytes();
  for (let left = rounds; left > 0; left--) await round();
  expect((await residentBytes()) - before).toBeLessThan((rounds / 2) * 2 * MIB);
}, 60_000);

test('a pusher who reads no more loses the place to the next, and the push goes on', async () => {
  front.control.preReceive = async (_, { progress }) => {
    for (let second = 0; second < 40; second++) {
      for (let line = 0; line < 200; line++) progress({ line: 'n'.repeat(900) });
      await delay(50);
    }
    return { accept: true };
  };
  const { client } = await connect();
  const stream = await execByHand(client, `git-receive-pack '/unread'`);
  stream.on('error', () => {});
  let said = '';
  const hear = (chunk: Buffer): void => void (said += chunk.toString('latin1'));
  stream.on('data', hear);
  await eventually(() => said.endsWith('0000'));
  stream.off('data', hear).pause();
  stream.write(commandList(['refs/heads/main'], sha));
  stream.write(await work.pack(sha));
  await eventually(() => front.control.received.length > 0);
  const appId = front.control.apps.get('unread');
  await eventually(() => front.control.released.some((pushed) => pushed.appId === appId), 20_000);
  front.control.preReceive = async () => ({ accept: true });
  expect(await git('push', 'other', 'main')).toMatchObject({ code: 0 });
}, 60_000);

test('who begins a fetch and says nothing loses the place to the next', async () => {
  expect(await git('push', 'read', 'main')).toMatchObject({ code: 0 });
  const { client } = await connect();
  const stream = await execByHand(client, `git-upload-pack '/read'`);
  stream.on('error', () => {}).resume();
  await once(stream, 'data');
  expect(await git('ls-remote', 'read')).toMatchObject({ code: 0 });
  expect(await git('ls-remote', 'read')).toMatchObject({
    output: expect.stringContaining(`${sha}\trefs/heads/main`),
  });
});

test('who goes on and on about what a fetch is about loses the place to the next', async () => {
  expect(await git('push', 'read', 'main')).toMatchObject({ code: 0 });
  const { client } = await connect();
  const stream = await execByHand(client, `git-upload-pack '/read'`);
  stream.on('error', () => {}).resume();
  await once(stream, 'data');
  stream.write(Buffer.concat([packet(`want ${sha} ofs-delta\n`), Buffer.from('0000')]));
  const talking = setInterval(() => {
    const have = packet(`have ${randomBytes(20).toString('hex')}\n`);
    stream.write(Buffer.concat([have, Buffer.from('0000')]));
  }, 200);
  onTestFinished(() => clearInterval(talking));
  await once(stream, 'data'); // An answer: git listens.
  expect(await git('ls-remote', 'read')).toMatchObject({ code: 0 });
});

test('a connection is closed over which nothing is done, also when its client ends nothing', async () => {
  const { ssh } = (await import('../../src/git/limits.ts')).DEFAULT_LIMITS;
  await using own = await startFront({ isOverSsh: true, limits: { ssh: { ...ssh, idleMs: 500 } } });
  own.control.tokens.set(ada.fingerprint, { role: 'admin' });
  const { client, isClosed } = await connect(own.sshPort);
  const { _protocol: protocol } = client as unknown as { _protocol: Record<string, unknown> };
  protocol['channelClose'] = () => {};
  protocol['channelEOF'] = () => {};
  const stream = await execByHand(client, 'id');
  stream.on('error', () => {}).resume();
  await isClosed;
});

/** Who says over SSH what to push, and then nothing, or next to nothing: over HTTP it is cut off by its rate. */
import { once } from 'node:events';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { commandList, packet } from '../git/support/raw-request.ts';
import { startFront, type RunningFront } from '../git/support/start-front.ts';
import { createWorkTree, type WorkTree } from '../git/support/work-tree.ts';
import { eventually } from '../support/eventually.ts';
import { connectByHand, execByHand, type HandMadeStream } from '../support/hand-made-ssh-client.ts';
import { gitOverSsh, makeIdentity } from '../support/ssh-client.ts';

const STALL_MS = 1_000;
const PREPARATION_MS = 8_000;
const SILENT = 4;
const ada = makeIdentity();
let front: RunningFront;
let work: WorkTree;
let sha: string;

beforeAll(async () => {
  front = await startFront({
    isOverSsh: true,
    limits: {
      uploadStallMs: STALL_MS,
      preparationMs: PREPARATION_MS,
      pushPlaces: { overall: 1, perRepository: 1, perHolder: 1, queueLength: 10, queueMs: 500 },
    },
  });
  front.control.tokens.set(ada.fingerprint, { role: 'admin' });
  work = await createWorkTree();
  sha = await work.commit('index.js', 'export const handler = () => 1;');
});
afterAll(async () => {
  await front[Symbol.asyncDispose]();
  await work[Symbol.asyncDispose]();
});

function push(app: string) {
  const url = `ssh://git@127.0.0.1:${front.sshPort}/${app}`;
  return gitOverSsh([ada], ['push', url, 'main'], work.path);
}

interface ByHand {
  stream: HandMadeStream;
  /** What it has been told so far. */
  said(): string;
  ended: Promise<unknown>;
}

/** Has read the advertisement, and sent what it would push. */
async function announce(app: string, what: Buffer = commandList(['refs/heads/main'], sha)) {
  const { client } = await connectByHand(front.sshPort, ada);
  onTestFinished(() => client.end());
  const stream = await execByHand(client, `git-receive-pack '/${app}'`);
  let said = '';
  const hear = (chunk: Buffer): void => void (said += chunk.toString('latin1'));
  stream.on('error', () => {}).on('data', hear);
  stream.stderr.on('data', hear);
  const ended = once(stream, 'close');
  await eventually(() => said.endsWith('0000'));
  stream.write(what);
  return { stream, said: () => said, ended } satisfies ByHand;
}

test('who is at work on a pack keeps no place from others, and no git process', async () => {
  const silent = await Promise.all(Array.from({ length: SILENT }, () => announce('silent')));
  expect(await push('other')).toMatchObject({ code: 0 });
  expect(await front.gitProcesses()).toEqual([]);
  expect(front.control.apps.has('silent')).toBe(false);
  // Nor may it be at work for ever.
  await eventually(() => silent.every(({ said }) => said().includes('came too slowly')));
  await Promise.all(silent.map(({ ended }) => ended));
});

test('who is at work on a pack for long may still send it', async () => {
  const { stream, said, ended } = await announce('late');
  await new Promise((resolve) => setTimeout(resolve, 3 * STALL_MS));
  stream.end(await work.pack(sha));
  await ended;
  expect(said()).toContain('unpack ok');
  expect(front.control.apps.has('late')).toBe(true);
});

test('what a push would make is not made for an app that was deleted meanwhile', async () => {
  expect(await push('doomed')).toMatchObject({ code: 0 });
  const { stream, said, ended } = await announce('doomed', commandList(['refs/heads/next'], sha));
  const appId = front.control.apps.get('doomed') ?? '';
  front.control.apps.delete('doomed');
  await front.calls('removeRepository', { appId });
  stream.end(await work.pack(sha));
  await ended;
  expect(said()).toContain('the app "doomed" was deleted meanwhile');
  expect((await front.calls('listRepositories', null)).appIds).not.toContain(appId);
});

test('options of a push are no beginning of its pack', async () => {
  const first = `${'0'.repeat(40)} ${sha} refs/heads/main\0report-status push-options`;
  const list = [packet(first), Buffer.from('0000'), packet('ci.skip\n'), Buffer.from('0000')];
  const { stream, said, ended } = await announce('opted', Buffer.concat(list));
  await new Promise((resolve) => setTimeout(resolve, 3 * STALL_MS));
  expect(await front.gitProcesses()).toEqual([]);
  stream.end(await work.pack(sha));
  await ended;
  expect(said()).toContain('unpack ok');
});

test('who has begun to send, and stalls, loses its place to the next', async () => {
  const { stream, said } = await announce('stalled');
  stream.write((await work.pack(sha)).subarray(0, -1));
  await eventually(async () => (await front.gitProcesses()).length > 0);
  await eventually(async () => expect(await front.gitProcesses()).toEqual([]));
  expect(said()).not.toContain('unpack ok');
  expect(await push('next')).toMatchObject({ code: 0 });
  expect(front.control.released.map(({ appId }) => appId)).not.toContain(
    front.control.apps.get('stalled'),
  );
});

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createEgressChannels } from '../../../../src/main/supervisor/network/egress-channels.ts';
import { eventually } from '../../../support/eventually.ts';

const OWNER = { app: 'app', egress: [], lost: () => {} };
const SLOT = 'slot-aaaaaaaaaaaa';

/** A process that takes sockets when `take` is called. */
function startProcess(channels: ReturnType<typeof createEgressChannels>) {
  const sent: { channel: net.Socket; take: () => void }[] = [];
  const child = {
    send: (_notice: object, channel: net.Socket, done: (error: null) => void) =>
      void sent.push({ channel, take: () => done(null) }),
  } as unknown as ChildProcess;
  const listener = channels.attach(child);
  return { sent, ready: () => listener.ready?.() };
}

const open = () =>
  createEgressChannels({ policy: { publicAllowed: true, rules: [] }, say: () => {} });

describe('the channel of a sandbox', () => {
  it('is not used before it has left for a process that starts later', async () => {
    const channels = open();
    let hasLeft = false;
    const opening = channels.open(SLOT, new net.Socket(), OWNER).then(() => (hasLeft = true));
    const { sent, ready } = startProcess(channels);
    expect(sent).toEqual([]);
    ready();
    await Promise.resolve();
    expect([sent.length, hasLeft]).toEqual([1, false]);
    sent[0]?.take();
    await opening;
  });

  it('is forgotten when its sandbox ends before', async () => {
    const channels = open();
    const channel = new net.Socket();
    const opening = channels.open(SLOT, channel, OWNER);
    channel.destroy();
    await opening;
    const { sent, ready } = startProcess(channels);
    ready();
    expect(sent).toEqual([]);
  });
});

/** A process that takes channels. */
async function startTaker() {
  const folder = await mkdtemp(join(tmpdir(), 'taker-'));
  const file = join(folder, 'taker.mjs');
  await writeFile(
    file,
    `const held = [];
    process.on('message', ({ slot }, channel) => {
      held.push(channel);
      process.send({ type: 'channel-taken', slot });
    });
    process.send('up');`,
  );
  const child = fork(file);
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await rm(folder, { recursive: true });
  });
  await once(child, 'message');
  return child;
}

async function socket(): Promise<net.Socket> {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const inner = net.connect((server.address() as net.AddressInfo).port, '127.0.0.1');
  inner.on('error', () => {});
  const [outer] = (await once(server, 'connection')) as [net.Socket];
  server.close();
  onTestFinished(() => void inner.destroy());
  return outer;
}

it('sandboxes whose channel was on its way to a process that ended are told, and no others', async () => {
  const said: string[] = [];
  const policy = { publicAllowed: true, rules: [] };
  const channels = createEgressChannels({ policy, say: (line) => said.push(line) });
  const lost: string[] = [];
  const give = async (slot: string): Promise<void> => {
    const opening = channels.open(slot, await socket(), {
      ...OWNER,
      lost: () => lost.push(slot),
    });
    openings.push(opening);
  };
  const openings: Promise<void>[] = [];
  await give('waits for the process');
  const child = await startTaker();
  const listener = channels.attach(child);
  let taken = 0;
  child.on('message', (message) => {
    taken += 1;
    listener.message?.(message as never);
  });
  listener.ready?.();
  await give('is taken');
  await eventually(() => taken === 2);
  child.kill('SIGSTOP');
  await give('is on its way');
  await give('is behind it');
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
  listener.ended();
  expect(lost).toEqual(['is on its way', 'is behind it']);
  await Promise.all(openings);
  await give('waits for the next one');
  expect(lost).toHaveLength(2);
  expect(said).toEqual([]);
});

it('a process that says what it may not is ended', async () => {
  const said: string[] = [];
  const policy = { publicAllowed: true, rules: [] };
  const channels = createEgressChannels({ policy, say: (line) => said.push(line) });
  const child = await startTaker();
  const ended = once(child, 'exit');
  const listener = channels.attach(child);
  listener.ready?.();
  listener.message?.({ type: 'channel-taken', slot: 'nobody' } as never);
  expect(await ended).toEqual([null, 'SIGKILL']);
  expect(said).toHaveLength(1);
});

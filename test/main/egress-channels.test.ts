import type { ChildProcess } from 'node:child_process';
import { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { createEgressChannels } from '../../src/main/supervisor/egress-channels.ts';

const SLOT = 'slot-aaaaaaaaaaaa';

/** A process that takes sockets when `take` is called. */
function startProcess(channels: ReturnType<typeof createEgressChannels>) {
  const sent: { channel: Socket; take: () => void }[] = [];
  const child = {
    send: (_notice: object, channel: Socket, done: (error: null) => void) =>
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
    const opening = channels.open(SLOT, new Socket(), []).then(() => (hasLeft = true));
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
    const channel = new Socket();
    const opening = channels.open(SLOT, channel, []);
    channel.destroy();
    await opening;
    const { sent, ready } = startProcess(channels);
    ready();
    expect(sent).toEqual([]);
  });
});

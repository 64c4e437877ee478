import net from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { APP_SHARE, createAppShares, type ShareBounds } from '../../src/egress/app-shares.ts';
import { createByteBound, holdingOf } from '../../src/egress/byte-bound.ts';
import { RELAY_WINDOW_BYTES } from '../../src/protocol/relay-stream.ts';
import { createEgressClient } from '../../src/worker/outgoing/egress-client.ts';
import { listen, startOuterEnd, tableOf } from '../support/egress-channel.ts';
import { type Clock, systemClock } from '../../src/std/clock.ts';
import { eventually } from '../support/eventually.ts';

const MIB = 1024 * 1024;
const RULES = ['127.0.0.1:*'];
/** One read of a connection. */
const PIECE_BYTES = 64 * 1024;

function openShares(bounds: Partial<ShareBounds>, nowMs = () => performance.now()) {
  return createAppShares({ upstream: tableOf({}), nowMs }, { ...APP_SHARE, ...bounds });
}

/** What one app holds of a bound, and the most that it ever did. */
function watch(bound: ReturnType<typeof createByteBound>) {
  const seen = { bytes: 0, most: 0 };
  const original = { ...bound };
  bound.take = (bytes) => {
    seen.bytes += bytes;
    seen.most = Math.max(seen.most, seen.bytes);
    original.take(bytes);
  };
  bound.give = (bytes) => {
    seen.bytes -= bytes;
    original.give(bytes);
  };
  return seen;
}

/** Two sandboxes of an app, and one of its neighbour. */
async function startApps(
  shares: ReturnType<typeof openShares>,
  clock: Pick<Clock, 'after'> = systemClock,
) {
  const crowd = await startOuterEnd({}, RULES, { app: 'crowd', shares, clock });
  const neighbour = await startOuterEnd({}, RULES, { app: 'neighbour', shares });
  const warnings: string[] = [];
  const sandbox = (path: string) => {
    const socket = net.connect(path);
    socket.on('error', () => {});
    onTestFinished(() => void socket.destroy());
    const client = createEgressClient(socket, {
      closed: () => {},
      warn: (text) => void warnings.push(text),
    });
    return { socket, client };
  };
  const all = [sandbox(crowd.path), sandbox(crowd.path), sandbox(neighbour.path)] as const;
  return { all, warnings, path: crowd.path };
}

const echoes = (): Promise<number> => listen(net.createServer((socket) => socket.pipe(socket)));

async function echo(client: ReturnType<typeof createEgressClient>, port: number): Promise<string> {
  const { relay } = await client.connect({ host: '127.0.0.1', port });
  relay.end('there and back');
  let text = '';
  for await (const chunk of relay) text += String(chunk);
  return text;
}

describe('an app', () => {
  it('has its share of connections in all its sandboxes together, and its neighbour has another', async () => {
    const port = await echoes();
    const { all, warnings } = await startApps(openShares({ connections: 4 }));
    const [first, second, neighbour] = all;
    const target = { host: '127.0.0.1', port };
    const made = [first, first, second, second].map(({ client }) => client.connect(target));
    const [one] = await Promise.all(made);
    for (const { client } of [first, second]) {
      await expect(client.connect(target)).rejects.toMatchObject({
        code: 'EMFILE',
        message: expect.stringContaining('have 4 connections') as string,
      });
    }
    expect(await echo(neighbour.client, port)).toBe('there and back');
    one?.relay.destroy();
    await eventually(async () => (await echo(second.client, port)) === 'there and back');
    // Once, whichever sandbox it was.
    expect(warnings).toEqual([expect.stringMatching(/^Connections are refused: .* 4 connections/)]);
  });

  it('is told when all apps together have as many connections as may be, and gets one when there is one', async () => {
    const port = await echoes();
    const shares = createAppShares({ upstream: tableOf({}), nowMs: () => 0 }, APP_SHARE, 3);
    const { all, warnings } = await startApps(shares);
    const [first, second, neighbour] = all;
    const target = { host: '127.0.0.1', port };
    const made = await Promise.all(
      [first, second, second].map(({ client }) => client.connect(target)),
    );
    await expect(neighbour.client.connect(target)).rejects.toMatchObject({
      code: 'EMFILE',
      message: expect.stringContaining('all apps have as many connections') as string,
    });
    expect(warnings).toEqual([expect.stringContaining('all apps have as many connections')]);
    made[0]?.relay.destroy();
    await eventually(async () => (await echo(neighbour.client, port)) === 'there and back');
  });

  it('asks for as many names as one app may, and its neighbour is answered', async () => {
    const questions = { perSecond: 1, atOnce: 10, atATime: 10 };
    const { all } = await startApps(openShares({ questions }, () => 0));
    const [first, second, neighbour] = all;
    const asked = [first, second].flatMap(({ client }) =>
      Array.from({ length: 10 }, () => client.lookUp('a.example').catch(({ code }) => code)),
    );
    const answers = await Promise.all(asked);
    expect(answers.filter((code) => code === 'ENOTFOUND')).toHaveLength(10);
    expect(answers.filter((code) => code === 'EAI_AGAIN')).toHaveLength(10);
    await expect(neighbour.client.lookUp('a.example')).rejects.toMatchObject({ code: 'ENOTFOUND' });
  });

  it('holds no more than its share of what its functions do not read', async () => {
    const much = Buffer.alloc(16 * MIB);
    const port = await listen(net.createServer((socket) => socket.on('error', () => {}).end(much)));
    const shares = openShares({ heldBytes: 2 * MIB });
    const { all } = await startApps(shares);
    const [deaf, slow, neighbour] = all;
    const seen = watch(shares.join('crowd').app.sent);
    const relays = await Promise.all(
      [deaf, slow].flatMap(({ client }) =>
        Array.from({ length: 30 }, () => client.connect({ host: '127.0.0.1', port })),
      ),
    );
    for (const { relay } of relays) relay.on('data', () => {});
    deaf.socket.pause();
    await eventually(() => seen.bytes >= 2 * MIB);
    expect(await echo(neighbour.client, await echoes())).toBe('there and back');
    expect(seen.most).toBeLessThan(2 * MIB + 60 * PIECE_BYTES);
    // What it held is of no app any more.
    deaf.socket.destroy();
    slow.socket.destroy();
    await eventually(() => seen.bytes === 0);
  });

  it('holds no more than its share of what nobody takes from it, is told so, and goes on when they do', async () => {
    const silent: net.Socket[] = [];
    const port = await listen(
      net.createServer((socket) => {
        socket.on('error', () => {});
        silent.push(socket.pause());
      }),
    );
    const shares = openShares({ heldBytes: MIB });
    const { all, warnings } = await startApps(shares);
    const [loud, other, neighbour] = all;
    const seen = watch(shares.join('crowd').app.received);
    const relays = await Promise.all(
      [loud, other].flatMap(({ client }) =>
        Array.from({ length: 5 }, () => client.connect({ host: '127.0.0.1', port })),
      ),
    );
    // The system takes some megabytes of each for itself.
    const said = Buffer.alloc(8 * MIB);
    for (const { relay } of relays) relay.write(said);
    await eventually(() => seen.bytes >= MIB);
    await eventually(() => warnings.length > 0);
    expect(warnings).toEqual([expect.stringContaining('What this app sends waits')]);
    expect(await echo(neighbour.client, await echoes())).toBe('there and back');
    expect(seen.most).toBeLessThan(MIB + 2 * RELAY_WINDOW_BYTES);
    let taken = 0;
    for (const socket of silent) {
      socket.on('data', ({ length }: Buffer) => (taken += length)).resume();
    }
    await eventually(() => taken === relays.length * said.length);
    expect(seen.bytes).toBe(0);
    expect(await echo(loud.client, await echoes())).toBe('there and back');
  });
});

it('connections whose other ends take nothing for a minute end, and the app goes on', async () => {
  const timers = new Map<() => void, number>();
  const clock: Pick<Clock, 'after'> = {
    after: (delayMs, callback) => {
      timers.set(callback, delayMs);
      return () => timers.delete(callback);
    },
  };
  const port = await listen(
    net.createServer((socket) => void socket.on('error', () => {}).pause()),
  );
  const shares = openShares({ heldBytes: MIB });
  const { all } = await startApps(shares, clock);
  const [loud] = all;
  const seen = watch(shares.join('crowd').app.received);
  const relays = await Promise.all(
    Array.from({ length: 5 }, () => loud.client.connect({ host: '127.0.0.1', port })),
  );
  let ended = 0;
  for (const { relay } of relays) {
    relay.on('error', () => {}).on('close', () => ended++);
    relay.write(Buffer.alloc(8 * MIB));
  }
  await eventually(() => timers.size > 0);
  expect([...timers.values()]).toEqual([60_000]);
  expect(ended).toBe(0);
  for (const callback of timers.keys()) callback();
  await eventually(() => ended > 0 && seen.bytes < MIB);
  expect(await echo(loud.client, await echoes())).toBe('there and back');
});

describe('a bound', () => {
  it('lets those who wait go on in turns, as far as there is room', async () => {
    const outer = createByteBound(10);
    const bounds = [createByteBound(100, outer), createByteBound(100, outer)];
    const went: number[] = [];
    for (const bound of bounds) bound.take(5);
    for (const [index, bound] of bounds.entries()) {
      const goOn = (): void => {
        went.push(index);
        bound.take(5);
        if (bound.isFull()) bound.whenRoom(goOn);
      };
      expect(bound.isFull()).toBe(true);
      bound.whenRoom(goOn);
    }
    for (let round = 0; round < 4; round++) bounds[0]?.give(5);
    expect(went).toEqual([0, 1, 0, 1]);
  });

  it('gets back what a holder that has ended still held, once', () => {
    const bound = createByteBound(10);
    const holding = holdingOf(bound);
    holding.take(10);
    expect(bound.isFull()).toBe(true);
    holding.end();
    holding.give(10);
    holding.take(10);
    expect([bound.isFull(), holding.isEmpty()]).toEqual([false, true]);
  });
});

/** The bounds of connections of HTTP/2, made small, with answers that the test gives. */
import { once } from 'node:events';
import type { ClientHttp2Session } from 'node:http2';
import { afterEach, describe, expect, it } from 'vitest';
import { createBodyRateWatch } from '../../src/router/body-rate.ts';
import { createH2Sessions, shareOfStreams, type StreamClient } from '../../src/router/h2/index.ts';
import { systemClock } from '../../src/std/clock.ts';
import { askOn, connectH2, openStream } from '../support/ask-h2.ts';
import { startH2Front } from '../support/h2-front.ts';
import { RawH2, get, post, setting, TYPES } from '../support/raw-h2.ts';

type Limits = ReturnType<typeof shareOfStreams>;

const HOST = 'hello.localhost';
const INITIAL_WINDOW_SIZE = 4;
const KIB = 1024;
const closing: (() => void)[] = [];

afterEach(() => closing.splice(0).forEach((close) => close()));

async function start(
  limits: Partial<Limits>,
  answer: (client: StreamClient) => void = (client) =>
    void client.sendWhole({ status: 200, lines: '', body: Buffer.from('hello') }),
) {
  const sessions = createH2Sessions(systemClock, {
    limits: { ...shareOfStreams(1), ...limits },
    isExempt: () => false,
    ownerOf: (host) => host,
    clientTextOf: () => '',
    answer,
  });
  const front = await startH2Front((socket) => sessions.accept(socket));
  closing.push(() => {
    sessions.destroy();
    front.close();
  });
  return { sessions, port: front.port };
}

function connect(port: number): ClientHttp2Session {
  const session = connectH2(port);
  closing.push(() => session.destroy());
  return session;
}

async function connectRaw(port: number, settings?: Buffer): Promise<RawH2> {
  const client = await RawH2.connect(port, settings);
  closing.push(() => client.destroy());
  return client;
}

describe('a connection that nobody uses', () => {
  it('closes when its first request does not come', async () => {
    const { port } = await start({ firstRequestMs: 100 });
    const client = await connectRaw(port);
    await client.closed;
    expect(client.endCode).toBe(0);
  });

  it('closes after its last request, told before', async () => {
    const { port } = await start({ idleMs: 100 });
    const session = connect(port);
    const told = once(session, 'goaway') as Promise<[code: number]>;
    expect((await askOn(session, HOST)).status).toBe(200);
    await once(session, 'close');
    expect((await told)[0]).toBe(0);
  });

  it('stays while a stream is open', async () => {
    const clients: StreamClient[] = [];
    const { port } = await start({ idleMs: 100, firstRequestMs: 100 }, (client) => {
      clients.push(client);
    });
    const session = connect(port);
    const answer = askOn(session, HOST);
    await new Promise((resolve) => setTimeout(resolve, 1_200));
    clients[0]?.sendWhole({ status: 200, lines: '', body: Buffer.from('late') });
    expect((await answer).body.toString()).toBe('late');
  });

  it('closes sooner when there are many', async () => {
    const { port } = await start({ idleMs: 600_000, manySessions: 1, idleMsOfMany: 100 });
    const sessions = [connect(port), connect(port)];
    const closed = Promise.race(sessions.map((session) => once(session, 'close')));
    await Promise.all(sessions.map((session) => askOn(session, HOST)));
    await closed;
  });
});

describe('streams', () => {
  it('beyond those of one address are refused, to be asked again', async () => {
    const { port } = await start({ maxStreamsPerPeer: 2 }, () => {});
    const sessions = [connect(port), connect(port)];
    for (const session of sessions) openStream(session, HOST).on('error', () => {});
    await expect(askOn(connect(port), HOST)).rejects.toThrow('NGHTTP2_REFUSED_STREAM');
  });

  it('beyond those of all are refused', async () => {
    const { port } = await start({ maxStreams: 1 }, () => {});
    const session = connect(port);
    openStream(session, HOST).on('error', () => {});
    await expect(askOn(session, HOST)).rejects.toThrow('NGHTTP2_REFUSED_STREAM');
  });

  it('leave their places when they end', async () => {
    const { port } = await start({ maxStreams: 1, maxStreamsPerPeer: 1 });
    const session = connect(port);
    for (let count = 0; count < 5; count++) {
      expect((await askOn(session, HOST)).status).toBe(200);
    }
  });
});

describe('an answer that is not taken', () => {
  const answer = (client: StreamClient): void => {
    client.response.writeHead(200);
    client.response.write(Buffer.alloc(100 * KIB));
  };

  it('is held for its owner, and no more when that is given up', async () => {
    const { port, sessions } = await start({}, answer);
    const client = await connectRaw(port, setting(INITIAL_WINDOW_SIZE, 0));
    client.send(get(1, HOST), get(3, 'other.localhost'));
    await expect.poll(() => sessions.holders().length).toBe(2);
    const [one, other] = sessions.holders();
    expect(one).toMatchObject({ owner: HOST, bytes: 100 * KIB });
    expect(other).toMatchObject({ owner: 'other.localhost', bytes: 100 * KIB });
    one?.giveUp();
    await expect.poll(() => client.of(TYPES.reset).map(({ stream }) => stream)).toEqual([1]);
    expect(sessions.holders().map(({ owner }) => owner)).toEqual(['other.localhost']);
  });

  it('ends when too little of it is taken for too long', async () => {
    const { port, sessions } = await start({ stallMs: 100, minTakenBytes: 1 }, answer);
    const client = await connectRaw(port, setting(INITIAL_WINDOW_SIZE, 1));
    client.send(get(1, HOST));
    await expect.poll(() => client.of(TYPES.reset).length, { timeout: 5_000 }).toBe(1);
    expect(sessions.holders()).toEqual([]);
  });
});

describe('a body', () => {
  it('that nobody reads is held, as far as its window goes', async () => {
    const clients: StreamClient[] = [];
    const { port, sessions } = await start({}, (client) => void clients.push(client));
    const session = connect(port);
    const stream = session.request({ ':method': 'POST', ':path': '/', ':authority': HOST });
    stream.on('error', () => {});
    stream.write(Buffer.alloc(1024 * KIB));
    await expect.poll(() => sessions.holders()[0]?.bytes).toBe(256 * KIB);
    clients[0]?.request.resume();
    await expect.poll(() => sessions.holders()).toEqual([]);
  });

  it('that comes too slowly ends its stream, and no other', async () => {
    const rate = { minBytesPerSecond: 10_000, windowMs: 200, lookEveryMs: 20 };
    const watch = createBodyRateWatch(systemClock, rate);
    closing.push(() => watch.close());
    const { port } = await start({}, (client) => {
      if (client.method === 'GET') {
        client.sendWhole({ status: 200, lines: '', body: Buffer.from('hello') });
        return;
      }
      watch.watch(client.request);
      client.request.resume();
    });
    const client = await connectRaw(port);
    client.send(post(1, HOST));
    await expect.poll(() => client.of(TYPES.reset).map(({ stream }) => stream)).toEqual([1]);
    client.send(get(3, HOST));
    await expect.poll(() => client.of(TYPES.data).map(({ stream }) => stream)).toEqual([3]);
  });
});

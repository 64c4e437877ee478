import { createSocket, type RemoteInfo } from 'node:dgram';
import { once } from 'node:events';
import net from 'node:net';
import { Resolver } from 'node:dns/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { answerQuery } from '../../src/egress/answer-query.ts';
import { addressOf, DNS_TYPE } from '../../src/egress/dns-message.ts';
import { readDnsMessage } from '../../src/egress/read-dns.ts';
import { encodeDnsQuery, encodeDnsResponse } from '../../src/egress/write-dns.ts';
import { startDnsServer } from '../../src/egress/dns-server.ts';
import { createAppShares } from '../../src/egress/app-shares.ts';
import { createSlots } from '../../src/egress/slots.ts';
import { createUpstream, nameServersOf } from '../../src/egress/upstream.ts';
import { eventually } from '../support/eventually.ts';

const LOOPBACK = '127.0.0.1';
type Answer = (query: Buffer) => Buffer | Buffer[];

/** UDP has chosen the port, which TCP may have given away. */
async function onFreePort<Started>(start: () => Promise<Started>): Promise<Started> {
  for (;;) {
    try {
      return await start();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    }
  }
}

/** A name server by UDP, and by TCP with what `byTcp` answers. */
const startNameServer = (answer: Answer, byTcp: Answer = answer) =>
  onFreePort(() => bindNameServer(answer, byTcp));

async function bindNameServer(answer: Answer, byTcp: Answer) {
  const socket = createSocket('udp4');
  let count = 0;
  socket.on('message', (query: Buffer, { port }: RemoteInfo) => {
    count += 1;
    for (const response of [answer(query)].flat()) socket.send(response, port, LOOPBACK);
  });
  socket.bind(0, LOOPBACK);
  await once(socket, 'listening');
  const { port } = socket.address();
  const server = net.createServer((connection) => {
    connection.on('error', () => {});
    connection.on('data', (query: Buffer) => {
      for (const response of [byTcp(query.subarray(2))].flat()) {
        connection.write(Buffer.from([response.length >> 8, response.length & 255]));
        connection.write(response);
      }
    });
  });
  onTestFinished(() => {
    socket.close();
    server.close();
  });
  server.listen(port, LOOPBACK);
  await once(server, 'listening');
  return { address: LOOPBACK, port, count: () => count };
}

function reply(
  query: Buffer,
  addresses: string[],
  change: { id?: number; name?: string } = {},
): Buffer {
  const { id, question } = readDnsMessage(query);
  return encodeDnsResponse(
    {
      id: change.id ?? id,
      question: { ...question, name: change.name ?? question.name },
      code: 0,
      answers: addresses.map((address) => {
        const data = Buffer.from(address.split('.').map(Number));
        return { name: question.name, type: DNS_TYPE.A, ttl: 60, data };
      }),
      authority: [],
      reason: null,
      udpBytes: null,
    },
    65_535,
  );
}

async function startServer(
  upstream: { address: string; port: number }[],
  {
    sources = [LOOPBACK],
    app = () => 'app',
  }: { sources?: string[]; app?: (source: string) => string } = {},
) {
  const shares = createAppShares({ upstream: createUpstream(() => upstream), nowMs: () => 0 });
  const slots = createSlots(shares);
  for (const source of sources) {
    slots.open(app(source), [source], { publicAllowed: true, rules: [] });
  }
  const start = () =>
    startDnsServer(
      {
        slots,
        resolve: (slot) => (question) =>
          answerQuery(question, slot.policy, {
            upstream: slot.share.upstream,
            hosts: () => new Map(),
            ownAddresses: () => new Set(),
            open: () => Promise.resolve(false),
          }),
      },
      { addresses: [LOOPBACK], port: 0 },
    );
  const server = await onFreePort(start);
  onTestFinished(() => server.close());
  const resolver = new Resolver({ timeout: 20_000, tries: 1 });
  resolver.setServers([`${LOOPBACK}:${server.port}`]);
  return { port: server.port, resolver, slots };
}

describe('the name server of sandboxes', () => {
  it('answers a resolver with what may be reached', async () => {
    const upstream = await startNameServer((query) => reply(query, ['8.8.8.8', '10.0.0.1']));
    const { resolver } = await startServer([upstream]);
    expect(await resolver.resolve4('example.com')).toEqual(['8.8.8.8']);
    await expect(resolver.resolve4('db.internal')).rejects.toMatchObject({ code: 'ENOTFOUND' });
  });

  it('asks the next name server when no packet can be sent to one', async () => {
    const upstream = await startNameServer((query) => reply(query, ['8.8.8.8']));
    // Linux refuses to connect a socket to it, as it does where there is no route.
    const unreachable = { address: '255.255.255.255', port: 53 };
    const { resolver } = await startServer([unreachable, upstream]);
    expect(await resolver.resolve4('example.com')).toEqual(['8.8.8.8']);
  });

  it('takes an answer to its own question alone', async () => {
    const upstream = await startNameServer((query) => {
      const { id } = readDnsMessage(query);
      return [
        Buffer.from('garbage'),
        Buffer.alloc(2_000),
        reply(query, ['6.6.6.6'], { id: id ^ 1 }),
        reply(query, ['6.6.6.6'], { name: 'other.example' }),
        query, // Not even a response.
        reply(query, ['8.8.8.8']),
      ];
    });
    const { resolver } = await startServer([upstream]);
    expect(await resolver.resolve4('example.com')).toEqual(['8.8.8.8']);
  });

  it('asks the next server when the first is silent', async () => {
    const silent = await startNameServer(() => []);
    const upstream = await startNameServer((query) => reply(query, ['8.8.8.8']));
    const { resolver } = await startServer([silent, upstream]);
    expect(await resolver.resolve4('example.com')).toEqual(['8.8.8.8']);
    expect(silent.count()).toBe(1);
  });

  it('asks by TCP for what is too long for UDP, and is asked so itself', async () => {
    const many = Array.from({ length: 100 }, (_, index) => `8.8.8.${index}`);
    const upstream = await startNameServer(
      (query) => {
        const cut = reply(query, []);
        cut.writeUInt16BE(cut.readUInt16BE(2) | 0x0200, 2);
        return cut;
      },
      (query) => reply(query, many),
    );
    const { resolver } = await startServer([upstream]);
    expect(await resolver.resolve4('example.com')).toHaveLength(100);
  });

  it('says nothing to whom it does not know', async () => {
    const upstream = await startNameServer((query) => reply(query, ['8.8.8.8']));
    const { port } = await startServer([upstream], { sources: ['198.18.0.2'] });
    const socket = net.connect(port, LOOPBACK);
    socket.on('error', () => {});
    socket.write(
      Buffer.concat([Buffer.from([0, 29]), encodeDnsQuery(1, { name: 'a.b', type: 1 }, 1232)]),
    );
    await once(socket, 'close');
    expect(socket.bytesRead).toBe(0);
    expect(upstream.count()).toBe(0);
  });

  it('leaves connections to others when all sandboxes of an app hold on to theirs', async () => {
    const crowd = Array.from({ length: 64 }, (_, index) => `127.0.1.${index + 1}`);
    const app = (source: string) => (source === LOOPBACK ? 'neighbour' : 'crowd');
    const { port } = await startServer([], { sources: [...crowd, LOOPBACK], app });
    const hold = (localAddress: string): net.Socket => {
      const socket = net.connect({ port, host: LOOPBACK, localAddress });
      onTestFinished(() => void socket.destroy());
      return socket.on('error', () => {});
    };
    const held = crowd.flatMap((source) => [hold(source), hold(source)]);
    await eventually(() => held.filter(({ destroyed }) => destroyed).length === 96);
    const query = encodeDnsQuery(7, { name: 'db.internal', type: DNS_TYPE.A }, 1232);
    const neighbour = hold(LOOPBACK);
    neighbour.write(Buffer.concat([Buffer.from([0, query.length]), query]));
    const [answer] = (await once(neighbour, 'data')) as [Buffer];
    expect(answer.readUInt16BE(2)).toBe(7);
    // Room comes back to the app itself.
    for (const socket of held) socket.destroy();
    await eventually(async () => {
      const again = hold('127.0.1.1');
      again.write(Buffer.concat([Buffer.from([0, query.length]), query]));
      await Promise.race([once(again, 'data'), once(again, 'close')]);
      return again.bytesRead > 0;
    });
  });

  it('answers a burst, and no more', async () => {
    const upstream = await startNameServer((query) => reply(query, ['8.8.8.8']));
    const { port } = await startServer([upstream]);
    const socket = createSocket('udp4');
    onTestFinished(() => void socket.close());
    const answers: number[] = [];
    socket.on('message', (message: Buffer) => void answers.push(message.readUInt16BE(0)));
    socket.connect(port, LOOPBACK);
    await once(socket, 'connect');
    for (let id = 0; id < 400; id++)
      socket.send(encodeDnsQuery(id, { name: 'a.b', type: 255 }, 1232));
    // By TCP, so behind all of these: the credit is used up.
    for (;;) {
      const connection = net.connect(port, LOOPBACK);
      connection.on('error', () => {});
      connection.write(Buffer.from('ffff', 'hex'));
      await once(connection, 'close');
      if (answers.length >= 200) break;
    }
    expect(answers.length).toBe(200);
  });

  it.each([
    ['an answer', '00018180000100000000000001610000010001', null],
    ['what it does not understand', '00070100000200000000000001', `00078181${'0000'.repeat(4)}`],
  ])('answers %s as it deserves', async (_, hex, expected) => {
    const { port } = await startServer([]);
    const socket = net.connect(port, LOOPBACK);
    onTestFinished(() => void socket.destroy());
    socket.on('error', () => {});
    const bytes = Buffer.from(hex, 'hex');
    socket.write(Buffer.concat([Buffer.from([0, bytes.length]), bytes]));
    if (expected === null) {
      await once(socket, 'close');
      expect(socket.bytesRead).toBe(0);
    } else {
      const [answer] = (await once(socket, 'data')) as [Buffer];
      expect(answer.subarray(2).toString('hex')).toBe(expected);
    }
  });
});

it('resolv.conf names the servers', () => {
  const text = '# comment\nsearch corp\nnameserver 10.0.0.2\n nameserver fd00::2\nnameserver\n';
  expect(nameServersOf(text)).toEqual([
    { address: '10.0.0.2', port: 53 },
    { address: 'fd00::2', port: 53 },
  ]);
});

it('what reads addresses of a message knows none of other types', () => {
  expect(addressOf({ name: 'a', type: DNS_TYPE.TXT, ttl: 0, data: Buffer.alloc(4) })).toBeNull();
});

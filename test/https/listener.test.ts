/** The port of HTTPS, with real certificates and clients. */
import { randomBytes, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import net from 'node:net';
import type tls from 'node:tls';
import { afterEach, describe, expect, it } from 'vitest';
import { firstMessage } from '../support/client-hello.ts';
import { makeCertificate } from '../support/certificates.ts';
import { eventually } from '../support/eventually.ts';
import {
  askRaw,
  type HandshakeOptions,
  type HttpsDoorOptions,
  shakeHands,
  startHttpsDoor,
} from '../support/https-door.ts';

const WILD = makeCertificate('wild', ['*.fn.test', 'fn.test']);
const OTHER = makeCertificate('other', ['other.test']);
const ADDRESS = makeCertificate('address', ['127.0.0.1']);
const CHALLENGE = makeCertificate('challenge', ['other.test']);
const closing: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

async function start(options: Partial<HttpsDoorOptions> = {}) {
  const door = await startHttpsDoor({ certificates: [WILD, OTHER], ...options });
  closing.push(() => door.close());
  const connect = async (how: HandshakeOptions) => {
    const socket = await shakeHands(door.httpsPort, how);
    closing.push(() => socket.destroy());
    return socket;
  };
  return { ...door, connect };
}

const serial = (socket: tls.TLSSocket) => socket.getPeerX509Certificate()?.serialNumber;
const serialOf = ({ served }: typeof WILD) => new X509Certificate(served.chain).serialNumber;
const request = (host: string, target = '/') => `GET ${target} HTTP/1.1\r\nHost: ${host}\r\n\r\n`;
const last = (host: string, target = '/') =>
  `GET ${target} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`;
const VERSIONS = ['TLSv1.3', 'TLSv1.2'] as const;

describe('a handshake', () => {
  it.each(VERSIONS)('shows the certificate of the server name: %s', async (version) => {
    const { connect } = await start();
    const options = { minVersion: version, maxVersion: version };
    expect(serial(await connect({ name: 'hello.fn.test', ...options }))).toBe(serialOf(WILD));
    expect(serial(await connect({ name: 'HELLO.fn.TEST', ...options }))).toBe(serialOf(WILD));
    expect(serial(await connect({ name: 'other.test', ...options }))).toBe(serialOf(OTHER));
  });

  it.each(['unknown.test', 'a.b.fn.test', undefined])('ends in an alert for %s', async (name) => {
    const { connect } = await start();
    for (const version of VERSIONS) {
      const options = { minVersion: version, maxVersion: version };
      const attempt = connect({ ...options, ...(name !== undefined && { name }) });
      await expect(attempt).rejects.toThrow(/unrecognized name/);
    }
  });

  it('shows the certificate of the address to clients that name no server, and to no others', async () => {
    const { connect } = await start({ certificates: [WILD, ADDRESS] });
    expect(serial(await connect({}))).toBe(serialOf(ADDRESS));
    expect(serial(await connect({ name: 'fn.test' }))).toBe(serialOf(WILD));
    await expect(connect({ name: 'unknown.test' })).rejects.toThrow(/unrecognized name/);
  });

  it('takes no version before TLS 1.2', async () => {
    const { connect } = await start();
    const old = connect({
      name: 'fn.test',
      minVersion: 'TLSv1',
      maxVersion: 'TLSv1.1',
      ciphers: 'ALL:@SECLEVEL=0',
    });
    await expect(old).rejects.toThrow();
  });

  it.each([
    [['http/1.1'], 'http/1.1'],
    [['foo', 'http/1.1'], 'http/1.1'],
    [[], false],
  ])('agrees on a protocol: of %j on %j', async (offered, agreed) => {
    const { connect } = await start();
    const socket = await connect({
      name: 'fn.test',
      ...(offered.length > 0 && { ALPNProtocols: offered }),
    });
    expect(socket.alpnProtocol).toBe(agreed);
  });

  it('ends in an alert when no protocol is one of ours', async () => {
    const { connect } = await start();
    const attempt = connect({ name: 'fn.test', ALPNProtocols: ['foo', 'acme-tls/1'] });
    await expect(attempt).rejects.toThrow(/no application protocol/);
  });
});

describe('a client that does not go on', () => {
  it('is left after ten seconds, whatever it has begun with', async () => {
    const { httpsPort, connect } = await start();
    const hello = await firstMessage('fn.test');
    const begun = [Buffer.alloc(0), hello.subarray(0, 1), hello.subarray(0, 100), hello];
    const clients = begun.map((bytes) => {
      const client = net
        .connect(httpsPort, '127.0.0.1')
        .on('error', () => {})
        .resume();
      client.write(bytes);
      return once(client, 'close');
    });
    const kept = await connect({ name: 'hello.fn.test' });
    await Promise.all(clients);
    kept.destroy();
  });
});

describe('a function that sleeps', () => {
  it('is woken when a client names its host, before it has asked for anything', async () => {
    const woken: string[] = [];
    const warm = (_deployment: string, name: string) => woken.push(name) > 0;
    const { httpsPort, seen } = await start({ warm });
    const silent = net.connect(httpsPort, '127.0.0.1');
    closing.push(() => silent.destroy());
    silent.write(await firstMessage('hello.fn.test'));
    await eventually(() => woken.length === 1);
    expect(seen).toEqual([]);
  });

  it('is not woken by names that are not served, or by those of no app', async () => {
    const woken: string[] = [];
    const { connect } = await start({ warm: (_, name) => woken.push(name) > 0 });
    for (const name of ['scan.fn.test', 'other.test', 'fn.test']) await connect({ name });
    await expect(connect({ name: 'hello.unknown.test' })).rejects.toThrow();
    expect(woken).toEqual([]);
  });
});

describe('a session', () => {
  it.each(VERSIONS)('goes on with another process and a new certificate: %s', async (version) => {
    const ticketKeys = randomBytes(48);
    const [first, second] = [await start({ ticketKeys }), await start({ ticketKeys })];
    const options = { name: 'hello.fn.test', minVersion: version, maxVersion: version };
    const session = await sessionOf(await first.connect(options));
    await second.serve([makeCertificate('renewed', ['*.fn.test'])]);
    const resumed = await second.connect({ ...options, session });
    expect(resumed.isSessionReused()).toBe(true);
    expect(await askRaw(resumed, last('hello.fn.test'))).toMatch(/^HTTP\/1.1 200/);
    const misdirected = await second.connect({ ...options, session });
    expect(await askRaw(misdirected, request('hello.fn.test') + last('other.test'))).toMatch(
      /HTTP\/1.1 200[^]*HTTP\/1.1 421/,
    );
  });

  it.each(VERSIONS)('does not go on for a name that is served no more: %s', async (version) => {
    const { connect, serve } = await start();
    const options = { name: 'other.test', minVersion: version, maxVersion: version };
    const session = await sessionOf(await connect(options));
    await serve([WILD]);
    const answer = connect({ ...options, session }).then((socket) =>
      askRaw(socket, last('other.test')),
    );
    const text = await answer.catch(() => '');
    expect(text).not.toMatch(/^HTTP\/1.1 200/);
  });

  it('begins anew when its keys were renewed', async () => {
    const { connect, door } = await start();
    const session = await sessionOf(await connect({ name: 'fn.test' }));
    door.tls?.setTicketKeys(randomBytes(48));
    expect((await connect({ name: 'fn.test', session })).isSessionReused()).toBe(false);
  });
});

async function sessionOf(socket: tls.TLSSocket): Promise<Buffer> {
  const session = socket.getProtocol() === 'TLSv1.2' ? socket.getSession() : undefined;
  if (session !== undefined) return session;
  const [issued] = (await once(socket.resume(), 'session')) as [Buffer];
  return issued;
}

describe('a request', () => {
  it('reaches its function as one over https', async () => {
    const { connect, seen } = await start();
    const socket = await connect({ name: 'hello.fn.test' });
    const answer = await askRaw(
      socket,
      request('hello.fn.test') + last('hello.fn.test', '/second'),
    );
    expect(answer.match(/HTTP\/1.1 200/g)?.length).toBe(2);
    expect(seen.map(({ target, headers }) => [target, headers['x-forwarded-proto']])).toEqual([
      ['/', 'https'],
      ['/second', 'https'],
    ]);
  });

  it('is misdirected for a host that the certificate is not for, and the connection goes on', async () => {
    const { connect, seen } = await start();
    const socket = await connect({ name: 'other.test' });
    const answer = await askRaw(socket, request('hello.fn.test') + last('other.test'));
    expect(answer).toMatch(/^HTTP\/1.1 421 [^]*hello.fn.test[^]*HTTP\/1.1 404/);
    expect(seen).toEqual([]);
  });

  it('is for any host of its certificate', async () => {
    const { connect, seen } = await start();
    const socket = await connect({ name: 'fn.test' });
    expect(await askRaw(socket, last('Hello.FN.test.:8443'))).toMatch(/^HTTP\/1.1 200/);
    expect(seen.length).toBe(1);
  });
});

describe('certificates', () => {
  it('are replaced without an effect on connections, and without one that fails', async () => {
    const { connect, serve } = await start();
    const kept = await connect({ name: 'hello.fn.test' });
    let failed = 0;
    const over = new AbortController();
    const shown = new Set<string | undefined>();
    const clients = Array.from({ length: 4 }, async () => {
      while (!over.signal.aborted) {
        try {
          const socket = await connect({ name: 'hello.fn.test' });
          shown.add(serial(socket));
          socket.destroy();
        } catch {
          failed += 1;
        }
      }
    });
    const renewed = Array.from({ length: 10 }, (_, at) => makeCertificate(`r${at}`, ['*.fn.test']));
    for (const one of renewed) {
      await serve([one, OTHER]);
      await eventually(() => shown.has(serialOf(one)));
    }
    over.abort();
    await Promise.all(clients);
    expect(failed).toBe(0);
    expect(await askRaw(kept, last('hello.fn.test'))).toMatch(/^HTTP\/1.1 200/);
  });
});

describe('a challenge of a CA', () => {
  const challenges = [
    {
      kind: 'tls-alpn-01' as const,
      host: 'other.test',
      certificate: CHALLENGE.served.chain,
      key: CHALLENGE.key,
    },
  ];
  const acme = { name: 'other.test', ALPNProtocols: ['acme-tls/1'] };

  it.each(VERSIONS)('is answered with its own certificate: %s', async (version) => {
    const { connect } = await start({ challenges });
    const options = { minVersion: version, maxVersion: version };
    const socket = await connect({ ...acme, ...options });
    expect([serial(socket), socket.alpnProtocol]).toEqual([serialOf(CHALLENGE), 'acme-tls/1']);
    expect(await askRaw(socket, last('other.test'))).toBe('');
  });

  it('leaves all others what they have', async () => {
    const { connect } = await start({ challenges });
    const socket = await connect({ name: 'other.test', ALPNProtocols: ['http/1.1', 'acme-tls/1'] });
    expect([serial(socket), socket.alpnProtocol]).toEqual([serialOf(OTHER), 'http/1.1']);
    await expect(connect({ ...acme, name: 'fn.test' })).rejects.toThrow(/handshake failure/);
    await expect(connect({ ...acme, name: 'unknown.test' })).rejects.toThrow(/handshake failure/);
  });

  it('is answered to a client whose first message comes in pieces', async () => {
    const { httpsPort, connect } = await start({ challenges });
    const proxy = net.createServer((near) => {
      const far = net.connect(httpsPort, '127.0.0.1').setNoDelay();
      far.pipe(near).on('error', () => {});
      near
        .on('error', () => {})
        .on('data', (chunk: Buffer) => {
          for (let at = 0; at < chunk.length; at += 100) far.write(chunk.subarray(at, at + 100));
        });
    });
    closing.push(() => proxy.close());
    proxy.listen(0, '127.0.0.1');
    await once(proxy, 'listening');
    const { port } = proxy.address() as net.AddressInfo;
    const socket = await shakeHands(port, acme);
    expect(serial(socket)).toBe(serialOf(CHALLENGE));
    socket.destroy();
    expect(serial(await connect({ name: 'other.test' }))).toBe(serialOf(OTHER));
  });
});

/** What is answered on each of the two ports where there is HTTPS. */
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { makeCertificate } from '../support/certificates.ts';
import { askRaw, shakeHands, startHttpsDoor } from '../support/https-door.ts';
import { RawConnection } from '../support/raw-connection.ts';

const CERTIFICATE = makeCertificate('fn', ['fn.test', 'hello.fn.test', '192.0.2.1', '2001:db8::1']);
const CHALLENGE = '/.well-known/acme-challenge/';
const CHALLENGES = ['hello.fn.test', 'elsewhere.test'].map((host) => ({
  kind: 'http-01' as const,
  host,
  token: 'token',
  keyAuthorization: `token.for-${host.split('.')[0]}`,
}));
/** Of the loopback, where everybody is who it says to come for. */
const PROXY = '127.0.0.1';

let door: Awaited<ReturnType<typeof startHttpsDoor>>;
let proxied: typeof door;
beforeAll(async () => {
  const options = { certificates: [CERTIFICATE], challenges: CHALLENGES };
  door = await startHttpsDoor(options);
  proxied = await startHttpsDoor({ ...options, trustedProxies: [PROXY] });
});
afterAll(async () => {
  await door.close();
  await proxied.close();
});

async function overHttp(host: string, target: string, ...headers: string[]): Promise<string> {
  return askPlain(door.port, host, target, headers);
}

async function askPlain(port: number, host: string, target: string, headers: string[]) {
  const connection = new RawConnection(port);
  const lines = [`GET ${target} HTTP/1.1`, `Host: ${host}`, ...headers, 'Connection: close'];
  connection.send(`${lines.join('\r\n')}\r\n\r\n`);
  return connection.closed();
}

async function overTls(name: string, host: string, target = '/', method = 'GET'): Promise<string> {
  const socket = await shakeHands(door.httpsPort, { name });
  return askRaw(
    socket,
    `${method} ${target} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`,
  );
}

const statusOf = (answer: string) => Number(/^HTTP\/1.1 (\d+)/.exec(answer)?.[1]);
const locationOf = (answer: string) => /^location: (.*)$/im.exec(answer)?.[1]?.trim();

describe('over http', () => {
  it.each([
    ['hello.fn.test', '/a?b=c', 'https://hello.fn.test/a?b=c'],
    ['HELLO.fn.test.:8080', '/', 'https://hello.fn.test/'],
    ['hello.fn.test', '//evil.test/', 'https://hello.fn.test//evil.test/'],
  ])('%s%s is at %s', async (host, target, location) => {
    const answer = await overHttp(host, target);
    expect([statusOf(answer), locationOf(answer)]).toEqual([308, location]);
  });

  it.each([
    ['evil.test', 404],
    ['other.fn.test', 404],
    ['hello.fn.test@evil.test', 400],
    ['hello.fn.test/evil', 400],
  ])('nothing is redirected for %s', async (host, status) => {
    const answer = await overHttp(host, '/');
    expect([statusOf(answer), locationOf(answer)]).toEqual([status, undefined]);
  });

  it('a function answers a client of whom a trusted proxy says that it came over https', async () => {
    const ask = (proto: string) =>
      askPlain(proxied.port, 'hello.fn.test', '/', [`X-Forwarded-Proto: ${proto}`]);
    expect(statusOf(await ask('https'))).toBe(200);
    expect(proxied.seen.at(-1)?.headers['x-forwarded-proto']).toBe('https');
    expect(statusOf(await ask('http'))).toBe(308);
  });

  it('the control host answers this machine, and redirects all others', async () => {
    const from = (address: string, target: string, ...headers: string[]) =>
      askPlain(proxied.port, 'fn.test', target, [`X-Forwarded-For: ${address}`, ...headers]);
    expect(statusOf(await overHttp('fn.test', '/apps'))).not.toBe(308);
    expect(statusOf(await from('203.0.113.9', '/apps'))).toBe(308);
    expect(statusOf(await from('203.0.113.9', '/healthz'))).toBe(200);
  });

  it('what carries a token is passed on, to be refused, rather than redirected', async () => {
    const from = (target: string, ...headers: string[]) =>
      askPlain(proxied.port, 'fn.test', target, ['X-Forwarded-For: 203.0.113.9', ...headers]);
    expect(statusOf(await from('/hello.git/info/refs?service=git-upload-pack'))).not.toBe(308);
    expect(statusOf(await from('/apps', 'Authorization: Bearer x'))).not.toBe(308);
  });
});

describe('a domain that redirects', () => {
  const WWW = makeCertificate('www', ['www.shop.test']);
  const BOTH = makeCertificate('both', ['www.shop.test', 'shop.test']);

  it('serves the app itself until the other has a certificate, and goes there then', async () => {
    const domains = [
      { name: 'shop.test', target: null, redirectTo: null },
      { name: 'www.shop.test', target: null, redirectTo: 'shop.test' },
    ];
    const shop = await startHttpsDoor({ certificates: [], domains });
    onTestFinished(() => shop.close());
    const plain = () => askPlain(shop.port, 'www.shop.test', '/a?b', []);
    const encrypted = async () => {
      const socket = await shakeHands(shop.httpsPort, { name: 'www.shop.test' });
      return askRaw(
        socket,
        'GET /a?b HTTP/1.1\r\nHost: www.shop.test\r\nConnection: close\r\n\r\n',
      );
    };
    expect(statusOf(await plain())).toBe(200);
    await shop.serve([WWW]);
    expect(locationOf(await plain())).toBe('https://www.shop.test/a?b');
    expect(statusOf(await encrypted())).toBe(200);
    await shop.serve([BOTH]);
    expect(locationOf(await encrypted())).toBe('https://shop.test/a?b');
    await shop.serve([WWW]);
    expect(statusOf(await encrypted())).toBe(200);
  });
});

describe('a challenge of a CA', () => {
  it.each([
    ['hello.fn.test', 'token', 200, 'token.for-hello'],
    ['elsewhere.test', 'token', 200, 'token.for-elsewhere'],
    ['fn.test', 'token', 404, ''],
    ['hello.fn.test', '../token', 404, ''],
    ['hello.fn.test', 'other', 404, ''],
  ])('of %s (%s) is answered with %i', async (host, token, status, body) => {
    door.forget();
    const answer = await overHttp(host, CHALLENGE + token);
    expect(statusOf(answer)).toBe(status);
    expect(answer).toContain(body);
    expect(door.seen).toEqual([]);
  });

  it('is answered over https as well', async () => {
    const answer = await overTls('hello.fn.test', 'hello.fn.test', `${CHALLENGE}token`);
    expect(answer).toContain('token.for-hello');
  });
});

describe('over https', () => {
  it('the control host alone is pinned to it', async () => {
    const answer = await overTls('fn.test', 'fn.test', '/healthz');
    expect(answer).toMatch(/^strict-transport-security: max-age=31536000\r$/im);
    for (const [host, plain] of [
      ['hello.fn.test', await overTls('fn.test', 'hello.fn.test')],
      ['192.0.2.1', await overTls('fn.test', '192.0.2.1', '/healthz')],
      ['over http', await overHttp('fn.test', '/healthz')],
    ] as const) {
      expect(statusOf(plain), host).toBe(200);
      expect(plain, host).not.toMatch(/strict-transport-security/i);
    }
  });

  it('is pinned by what the control process answers, too', async () => {
    const answer = await overTls('fn.test', 'fn.test', '/apps');
    expect(answer).toMatch(/^strict-transport-security: max-age=31536000\r$/im);
  });

  it('a host that the certificate is not for is misdirected', async () => {
    for (const host of ['evil.test', 'a.hello.fn.test', '192.0.2.2', 'localhost']) {
      expect(statusOf(await overTls('fn.test', host)), host).toBe(421);
    }
    expect(statusOf(await overTls('fn.test', '[2001:db8:0::1]', '/healthz'))).toBe(200);
  });
});

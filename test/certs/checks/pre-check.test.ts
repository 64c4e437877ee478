import http from 'node:http';
import { connect, createServer } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { OpenProbes } from '../../../src/certs/checks/open-probes.ts';
import { createPreCheck } from '../../../src/certs/checks/pre-check.ts';
import { judgeProbes } from '../../../src/certs/checks/pre-check-findings.ts';
import type { AddressProbe } from '../../../src/certs/checks/reachability.ts';
import type { ChallengeKind, PreCheckFinding } from '../../../src/certs/ports.ts';
import { freePort } from '../../support/free-port.ts';
import { listen } from '../../support/listen.ts';
import { type PlayedName, playLookup } from '../../support/played-lookup.ts';

const PATH = '/.well-known/acme-challenge/token';
const ANSWER = 'token.thumbprint';
const CA = { caaNames: ['ca.example'], accountUrl: 'https://ca.example/acct/1' };
const OURS = { 'fn.example.net': { addresses: ['203.0.113.5'] } };

interface Situation {
  names: Record<string, PlayedName>;
  /** Port of port 80. */
  port?: number;
  challenge?: ChallengeKind;
  /** Of this machine's interfaces. */
  own?: string[];
  ipAddresses?: string[];
  ca?: { caaNames: string[]; accountUrl: string };
}

/** What a check finds, and for which hosts it had probes answered. */
async function check(
  name: string,
  situation: Situation,
): Promise<{ finding: PreCheckFinding | null; opened: string[] }> {
  const { names, port = 9, challenge = 'http-01', own = [], ipAddresses = [] } = situation;
  const opened: string[] = [];
  const openProbes: OpenProbes = async (_, wanted) => {
    opened.push(...wanted.map(({ host }) => host));
    return wanted.map(({ host }) => {
      return { kind: 'http-01', host, token: 'token', keyAuthorization: ANSWER };
    });
  };
  const lookup = playLookup({ ...OURS, ...names });
  const preCheck = createPreCheck(
    { lookup, openProbes, ownAddresses: () => new Set(own) },
    { controlHost: 'fn.example.net', ipAddresses, ports: { http: port, https: 9 }, dnsPort: 9 },
  );
  const { signal } = new AbortController();
  const authority = situation.ca ?? CA;
  return { finding: await preCheck.check([{ name, challenge }], authority, signal), opened };
}

/** Plays what stands at port 80 of an address of the loopback. */
async function serve(listener: http.RequestListener): Promise<number> {
  const server = http.createServer(listener);
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return listen(server);
}

const us: http.RequestListener = ({ url, headers }, response) => {
  const isAsked = url === PATH && headers.host?.startsWith('www.example.com') === true;
  response.statusCode = isAsked ? 200 : 404;
  response.end(isAsked ? `${ANSWER}\n` : '');
};

const HERE = { 'www.example.com': { addresses: ['127.0.0.1'] }, 'example.com': {}, com: {} };
const own = ['127.0.0.1'];

describe('a name that leads here', () => {
  it('may be ordered for', async () => {
    const port = await serve(us);
    const { finding, opened } = await check('www.example.com', { names: HERE, port, own });
    expect(finding).toBeNull();
    expect(opened).toEqual(['www.example.com']);
  });

  it('may redirect to itself, as authorities follow', async () => {
    const port = await serve(({ url }, response) => {
      if (url === '/other') response.end(ANSWER);
      else response.writeHead(301, { location: '/other' }).end();
    });
    expect(await check('www.example.com', { names: HERE, port, own })).toMatchObject({
      finding: null,
    });
  });

  it('need not be reached from within, where its addresses are this server’s', async () => {
    const port = await freePort();
    expect(await check('www.example.com', { names: HERE, port, own })).toMatchObject({
      finding: null,
    });
    // Those of a router before it.
    const names = { ...HERE, ...OURS, 'www.example.com': { addresses: ['127.0.0.1'] } };
    names['fn.example.net'] = { addresses: ['127.0.0.1'] };
    expect(await check('www.example.com', { names, port })).toMatchObject({ finding: null });
    const ipAddresses = ['127.0.0.1'];
    const said = await check('www.example.com', { names: HERE, port, ipAddresses });
    expect(said.finding).toBeNull();
  });
});

describe('a name that leads elsewhere', () => {
  const find = async (situation: Situation): Promise<PreCheckFinding | null> => {
    return (await check('www.example.com', situation)).finding;
  };

  it.each<[string, http.RequestListener, RegExp]>([
    [
      'another page',
      (_, response) => void response.writeHead(404).end('<h1>Not\u001b[31m found</h1>'),
      /127\.0\.0\.1, which is another server: .* it answered 404 "<h1>Not found<\/h1>"$/,
    ],
    [
      'the right words with others',
      (_, response) => void response.end(`${ANSWER}x`),
      /answered 200/,
    ],
    [
      'a body without end',
      (_, response) => void response.write('x'.repeat(10_000)),
      /answered 200/,
    ],
    [
      'a redirect without end',
      (_, response) => void response.writeHead(302, { location: PATH }).end(),
      /more than 5 redirects/,
    ],
    [
      'a redirect to another port',
      (_, response) => void response.writeHead(302, { location: 'http://127.0.0.1:22/' }).end(),
      /a redirect to "http:\/\/127\.0\.0\.1:22\/", which no authority follows/,
    ],
    [
      'a redirect to another protocol',
      (_, response) => void response.writeHead(302, { location: 'file:///etc/passwd' }).end(),
      /no authority follows/,
    ],
  ])('is told with what answered: %s', async (_, listener, message) => {
    const finding = await find({ names: HERE, port: await serve(listener), own });
    expect(finding).toMatchObject({
      code: 'points-elsewhere',
      message: expect.stringMatching(message),
      hint: 'Make the record: www.example.com. CNAME fn.example.net.',
    });
  });

  it('has no redirect followed into a private network', async () => {
    let arrived = 0;
    const port = await serve(({ url }, response) => {
      if (url === '/inside') arrived += 1;
      response.writeHead(302, { location: `http://inside.example.com:${port}/inside` }).end();
    });
    const names = { ...HERE, 'inside.example.com': { addresses: ['127.0.0.2'] } };
    const finding = await find({ names, port, own });
    expect(finding?.message).toMatch(/a redirect to "http:\/\/inside.*", which leads nowhere/);
    expect(arrived).toBe(0);
  });

  it.each(['10.0.0.7', '169.254.169.254', '127.0.0.1', '::1', '::ffff:127.0.0.1', '0.0.0.0'])(
    'has no connection made to %s',
    async (address) => {
      let arrived = 0;
      const server = createServer((socket) => {
        arrived += 1;
        socket.destroy();
      });
      const port = await listen(server);
      onTestFinished(() => void server.close());
      const finding = await find({ names: { 'www.example.com': { addresses: [address] } }, port });
      expect(finding).toMatchObject({
        code: 'points-elsewhere',
        message: `www.example.com leads to ${address}, which is no address of the internet, nor of this server`,
      });
      // The server does count who comes.
      connect(port, '127.0.0.1').on('error', () => {});
      await expect.poll(() => arrived).toBe(1);
    },
  );

  it('is told where one address of two is wrong', async () => {
    const addresses = ['127.0.0.1', '192.168.1.1'];
    const port = await serve(us);
    const finding = await find({ names: { 'www.example.com': { addresses } }, port, own });
    expect(finding?.message).toContain('leads to 192.168.1.1');
  });
});

describe('an address that does not answer', () => {
  const place = { controlHost: 'fn.example.net', addresses: [] };
  const silent = { kind: 'unreachable', why: 'connect ECONNREFUSED' } as const;
  const [stranger, ours] = ['198.41.0.4', '203.0.113.5'];
  const judge = (probes: AddressProbe[]): PreCheckFinding | null =>
    judgeProbes('www.example.com', probes, { isOurs: (address) => address === ours, place });

  it('is told where it is not this server’s', () => {
    const probes = [
      { address: ours, result: silent },
      { address: stranger, result: silent },
    ];
    expect(judge(probes)).toEqual({
      code: 'points-elsewhere',
      message: 'www.example.com leads to 198.41.0.4, which does not answer: connect ECONNREFUSED',
      hint: "If it is this server's, let its ports 80 and 443 be reached from the internet. Else: Make the record: www.example.com. CNAME fn.example.net.",
    });
  });

  it('is left to the authority where another leads here', () => {
    const here = { address: ours, result: { kind: 'ours' } as const };
    expect(judge([here, { address: '2001:500:ba3e::2:30', result: silent }])).toBeNull();
  });
});

describe('a name that is not there', () => {
  it('is told with the record to make', async () => {
    const { finding, opened } = await check('www.example.com', { names: {} });
    expect(finding).toEqual({
      code: 'unknown-name',
      message: 'www.example.com does not exist: DNS answers NXDOMAIN',
      hint: 'Make the record: www.example.com. CNAME fn.example.net.',
    });
    expect(opened).toEqual([]);
  });

  it('has addresses to make where it cannot be an alias', async () => {
    const ipAddresses = ['198.41.0.4', '2001:500:ba3e::2:30'];
    const { finding } = await check('example.co.uk', { names: {}, ipAddresses, own: ['10.0.0.1'] });
    expect(finding?.hint).toBe(
      'Make the record, and no other address: example.co.uk. A 198.41.0.4, example.co.uk. AAAA 2001:500:ba3e::2:30',
    );
    expect((await check('example.com', { names: {} })).finding?.hint).toContain(
      'an A or AAAA record',
    );
  });

  it('is told from one that has no address, and one that nobody answers for', async () => {
    const none = await check('www.example.com', { names: { 'www.example.com': {} } });
    expect(none.finding).toMatchObject({
      code: 'points-elsewhere',
      message: 'www.example.com has neither an A nor an AAAA record',
    });
    const names = { 'www.example.com': { isBroken: true } };
    expect((await check('www.example.com', { names })).finding).toMatchObject({
      code: 'dns-failed',
      message: 'the A records of www.example.com could not be looked up: SERVFAIL',
    });
  });
});

describe('CAA records before an order', () => {
  const withCaa = (caa: string[]): Situation => {
    const names = {
      'www.example.com': { addresses: ['127.0.0.1'] },
      'example.com': { caa },
      com: {},
    };
    return { names, own };
  };

  it('stop it, with the record to add', async () => {
    const { finding, opened } = await check('www.example.com', withCaa(['issue other.example']));
    expect(finding).toEqual({
      code: 'caa-forbids',
      message: 'example.com. CAA 0 issue "other.example" does not let ca.example sign',
      hint: 'Add the record: example.com. CAA 0 issue "ca.example"',
    });
    expect(opened).toEqual([]);
  });

  it('stop it for another account or challenge', async () => {
    const caa = ['issue ca.example; validationmethods=dns-01'];
    const { finding } = await check('www.example.com', withCaa(caa));
    expect(finding?.message).toMatch(
      /does not let ca\.example sign by http-01 of the account https:\/\/ca\.example\/acct\/1$/,
    );
  });

  it('stop a wildcard alone by issuewild', async () => {
    const situation = withCaa(['issue ca.example', 'issuewild ;']);
    const zone = {
      'example.com': { caa: ['issue ca.example', 'issuewild ;'], nameServers: ['ns'] },
    };
    const names = { ...situation.names, ...zone, '_acme-challenge.example.com': {} };
    const challenge = 'dns-01';
    const wild = await check('*.example.com', { names, challenge });
    expect(wild.finding).toMatchObject({
      code: 'caa-forbids',
      hint: 'Add the record: example.com. CAA 0 issuewild "ca.example"',
    });
    expect((await check('example.com', { names, challenge })).finding).toBeNull();
  });

  it('are not judged for an authority that has no names', async () => {
    const situation = {
      ...withCaa(['issue ;']),
      port: await freePort(),
      ca: { ...CA, caaNames: [] },
    };
    expect((await check('www.example.com', situation)).finding).toBeNull();
  });

  it('stop it where they cannot be looked up', async () => {
    const names = { ...HERE, 'example.com': { isBroken: true } };
    expect((await check('www.example.com', { names, own })).finding).toMatchObject({
      code: 'dns-failed',
      message: 'the CAA records of example.com could not be looked up: SERVFAIL',
    });
  });
});

describe('a zone before an order by dns-01', () => {
  const challenge = 'dns-01';

  it('has to answer', async () => {
    const zone = { nameServers: ['ns1.example.com', 'ns2.example.com'] };
    const names: Record<string, PlayedName> = { 'example.com': zone, com: {} };
    names['_acme-challenge.example.com'] = {};
    expect((await check('*.example.com', { names, challenge })).finding).toBeNull();
  });

  it('is told when neither its servers nor a resolver know of it', async () => {
    const names: Record<string, PlayedName> = { 'example.com': { isBroken: true } };
    expect((await check('*.example.com', { names, challenge })).finding).toMatchObject({
      code: 'dns-failed',
      message: 'the NS records of example.com could not be looked up: SERVFAIL',
    });
  });

  it('is told when there is none but that of the whole top-level domain', async () => {
    const names = { com: { nameServers: ['a.gtld-servers.net'] } };
    expect((await check('*.example.com', { names, challenge })).finding).toMatchObject({
      code: 'unknown-name',
      message: 'example.com does not exist: DNS answers NXDOMAIN',
    });
  });
});

it('an address is asked without any look-up', async () => {
  const port = await serve((_, response) => void response.end(ANSWER));
  const { finding } = await check('127.0.0.1', { names: {}, port, own });
  expect(finding).toBeNull();
});

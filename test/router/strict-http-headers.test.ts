/** Which headers of a client reach a function, control and the git front. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { RawConnection } from '../support/raw-connection.ts';
import { startRecordedDoor, type RecordedDoor } from '../support/recorded-door.ts';

/** A client may not say these: they would be believed. */
const FORGED = [
  'Forwarded',
  'X-Forwarded-For',
  'X-Forwarded-Host',
  'X-Forwarded-Proto',
  'X-Forwarded-Port',
  'X-Forwarded-Prefix',
  'X-Forwarded-Server',
  'X-Forwarded-Ssl',
  'X-Real-IP',
  'X-Request-ID',
  'X-Fn-Override',
  'X-Fn-Deployment',
  'X-Fn-Version',
  'X-Fn-Commit',
  'X-Fn-Cold-Start',
  'X-Fn-App',
  'X-Gitfn-Peer-Address',
  'X-Gitfn-Peer-Scheme',
  'X_Forwarded_For',
  'X_Fn_App',
  'Content_Length',
  'Proxy',
] as const;
/** These end at the door: they concern the connection of the client alone. */
const HOP_BY_HOP = [
  ['Keep-Alive', 'timeout=5'],
  ['Proxy-Connection', 'keep-alive'],
  ['Proxy-Authorization', 'Basic eDp5'],
  ['TE', 'trailers'],
  ['Trailer', 'x-sum'],
] as const;
/** These are the function's affair: the platform neither reads nor writes them. */
const KEPT = [
  ['Authorization', 'Bearer x'],
  ['Cookie', 'a=1'],
  ['Traceparent', '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'],
  ['Tracestate', 'a=b'],
  ['Via', '1.1 x'],
  ['X-Fnord', 'y'],
] as const;

let door: RecordedDoor;
let behindProxy: RecordedDoor;

beforeAll(async () => {
  door = await startRecordedDoor();
  behindProxy = await startRecordedDoor({ trustedProxies: ['127.0.0.1'] });
});
afterAll(async () => {
  await door.close();
  await behindProxy.close();
});
beforeEach(() => {
  door.forget();
  behindProxy.forget();
});

async function ask(
  to: RecordedDoor,
  lines: string,
  host = 'hello.localhost',
  target = '/',
): Promise<void> {
  const client = new RawConnection(to.port);
  client.send(`GET ${target} HTTP/1.1\r\nHost: ${host}\r\n${lines}\r\n`);
  await client.has('ok');
  client.socket.destroy();
}

/** What the function got of a header. */
async function asFunctionSees(name: string, value: string): Promise<string | undefined> {
  await ask(door, `${name}: ${value}\r\n`);
  return door.seen[0]?.headers[name.toLowerCase()];
}

async function asUpstreamSees(lines: string, target: string): Promise<[string, string][]> {
  await ask(door, lines, 'localhost', target);
  const upstream = target.includes('.git/') ? door.git : door.control;
  return upstream.readings[0]?.requests[0]?.headers ?? [];
}

describe('a function', () => {
  it.each(FORGED)('never gets what a client calls %s', async (name) => {
    await ask(door, `${name}: forged\r\n`);
    expect(door.seen).toHaveLength(1);
    expect(JSON.stringify(door.seen)).not.toContain('forged');
  });

  it('gets one each of the headers that name its client', async () => {
    await ask(
      door,
      'X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-For: 7.7.7.7\r\nX-Forwarded-Proto: https\r\n',
    );
    expect(door.seen[0]?.headers).toEqual({
      host: 'hello.localhost',
      'x-forwarded-for': '127.0.0.1',
      'x-forwarded-host': 'hello.localhost',
      'x-forwarded-proto': 'http',
      'x-request-id': expect.stringMatching(/^[0-9a-f-]{36}$/),
    });
  });

  it('gets the address and scheme that a trusted proxy says, and nothing else that it says', async () => {
    const said =
      'X-Forwarded-For: 6.6.6.6, 7.7.7.7\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Port: 1\r\n';
    await ask(
      behindProxy,
      `${said}X-Request-ID: forged\r\nForwarded: for=forged\r\nX-Fn-App: forged\r\n`,
    );
    expect(behindProxy.seen[0]?.headers).toMatchObject({
      'x-forwarded-for': '7.7.7.7',
      'x-forwarded-proto': 'https',
    });
    expect(behindProxy.seen[0]?.headers).not.toHaveProperty('x-forwarded-port');
    expect(JSON.stringify(behindProxy.seen)).not.toContain('forged');
  });

  it.each(HOP_BY_HOP)('does not get %s', async (name, value) => {
    expect(await asFunctionSees(name, value)).toBeUndefined();
  });

  it('gets nothing that Connection names, but what says where a message goes and how long it is', async () => {
    await ask(
      door,
      'Connection: X-A, x-b ,host,content-length\r\nConnection: X-C\r\nX-A: 1\r\nx-B: 2\r\nX-C: 3\r\nX-D: 4\r\n',
    );
    const headers = door.seen[0]?.headers ?? {};
    expect(Object.keys(headers).toSorted()).toEqual([
      'host',
      'x-d',
      'x-forwarded-for',
      'x-forwarded-host',
      'x-forwarded-proto',
      'x-request-id',
    ]);
  });

  it('keeps its client when Connection names the headers that say so', async () => {
    await ask(door, 'Connection: X-Forwarded-For, X-Request-ID, X-Forwarded-Proto\r\n');
    expect(door.seen[0]?.headers).toMatchObject({
      'x-forwarded-for': '127.0.0.1',
      'x-forwarded-proto': 'http',
    });
  });

  it.each(KEPT)('gets %s as it is', async (name, value) => {
    expect(await asFunctionSees(name, value)).toBe(value);
  });
});

describe.each(['/apps', '/a.git/info/refs?service=git-upload-pack'])('behind %s', (target) => {
  it('no header arrives that only the door may set', async () => {
    const lines = FORGED.map((name) => `${name}: forged\r\n`).join('');
    expect(JSON.stringify(await asUpstreamSees(lines, target))).not.toContain('forged');
  });

  it('no header arrives that is of the connection, or that it names', async () => {
    const lines = HOP_BY_HOP.map(([name, value]) => `${name}: ${value}\r\n`).join('');
    const all = await asUpstreamSees(
      `${lines}Connection: close, X-A\r\nX-A: 1\r\nX-B: 2\r\n`,
      target,
    );
    expect(all).toEqual([
      ['host', 'localhost'],
      ['x-b', '2'],
      ['x-gitfn-peer-address', '127.0.0.1'],
      ['x-gitfn-peer-scheme', 'http'],
      ['connection', 'keep-alive'],
    ]);
  });
});

describe('a body that waits to be told to go on', () => {
  it('reaches control, which is not asked to wait itself', async () => {
    const client = new RawConnection(door.port);
    client.send(
      'POST /x HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n',
    );
    await client.has('HTTP/1.1 100 Continue\r\n\r\n');
    client.send('abc');
    await eventually(() => client.received.endsWith('ok'));
    const [request] = door.control.readings[0]?.requests ?? [];
    expect(request?.body.toString()).toBe('abc');
    expect(request?.headers.map(([name]) => name)).not.toContain('expect');
    client.socket.destroy();
  });
});

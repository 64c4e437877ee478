/** Whatever a function says, its client gets whole answers, one for each question and in their order. (R12, R13) */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { RawConnection } from '../support/raw-connection.ts';
import { startScriptedFunctions } from '../support/scripted-functions.ts';

const HOST = 'Host: hello.localhost\r\n';
const NEXT = `GET /next HTTP/1.1\r\n${HOST}\r\n`;

let functions: Awaited<ReturnType<typeof startScriptedFunctions>>;
let client: RawConnection;

beforeAll(async () => {
  functions = await startScriptedFunctions();
});
afterAll(() => functions.door.close());
beforeEach(() => {
  client = new RawConnection(functions.port);
  return () => client.socket.destroy();
});

function ask(method = 'GET', target = '/'): void {
  client.send(`${method} ${target} HTTP/1.1\r\n${HOST}\r\n`);
}

/** The connection is where both ends think that it is: another question gets its own answer. */
async function servesNext(): Promise<void> {
  const known = client.received.length;
  client.send(NEXT);
  const { invocation } = await functions.begun();
  invocation.replied(200, '', Buffer.from('the next answer'));
  await client.has('the next answer');
  expect(client.received.slice(known)).toMatch(
    /^HTTP\/1\.1 200 OK\r\n(?:[^\r\n]+\r\n)+\r\nthe next answer$/,
  );
}

describe('a head that is none is a 502, and the connection goes on:', () => {
  it.each([
    ['a line end in a value', 200, 'x-a\nb\r\nset-cookie: c=1'],
    ['a CR in a value', 200, 'x-a\nb\rc'],
    ['a line end in a name', 200, 'x-a\r\nx-b\nc'],
    ['a colon in a name', 200, 'x-a: b\nc'],
    ['a NUL', 200, 'x-a\nb\0'],
    ['a name without a value', 200, 'x-a'],
    ['100 KB', 200, `x-a\n${'b'.repeat(100 * 1024)}`],
    ['two lengths', 200, 'content-length\n3\ncontent-length\n4'],
    ['a length that is none', 200, 'content-length\n+3'],
    ['the status 0', 0, ''],
    ['the status 100', 100, ''],
    ['the status 101', 101, 'upgrade\nwebsocket'],
    ['the status 103', 103, 'link\n</a>'],
    ['the status 600', 600, ''],
    ['the status 65535', 65535, ''],
  ])('%s', async (_what, status, headers) => {
    for (const says of ['replied', 'headed'] as const) {
      ask();
      const { invocation } = await functions.begun();
      if (says === 'replied') invocation.replied(status, headers, Buffer.from('x'));
      else invocation.headed(status, headers);
      await client.has('"error":"The function failed"');
      expect(client.received).toMatch(/^HTTP\/1\.1 502 Bad Gateway\r\n/);
      expect(client.received).not.toContain('set-cookie');
      client.received = '';
      await servesNext();
      client.received = '';
    }
  });
});

describe("a head is cleaned of what is not a function's to say:", () => {
  it.each([
    ['Strict-Transport-Security', 'max-age=9; includeSubDomains'],
    ['Alt-Svc', 'h3=":443"'],
    ['Clear-Site-Data', '"*"'],
    ['Connection', 'close'],
    ['Connection', 'x-a'],
    ['Keep-Alive', 'timeout=900'],
    ['Proxy-Connection', 'close'],
    ['Proxy-Authenticate', 'Basic'],
    ['Transfer-Encoding', 'chunked'],
    ['Transfer-Encoding', 'gzip'],
    ['Trailer', 'x-a'],
    ['Upgrade', 'h2c'],
    ['TE', 'trailers'],
    ['Date', 'yesterday'],
    ['X-Request-ID', 'forged'],
    ['X-Fn-Version', 'forged'],
    ['X-Fn-Deployment', 'forged'],
    ['Set-Cookie', 'a=1; Domain=localhost'],
    ['Set-Cookie', 'a=1; Domain=.localhost; Path=/'],
    ['Set-Cookie', 'a=1; path=/;DOMAIN = other.localhost'],
  ])('%s: %s', async (name, value) => {
    ask();
    const { invocation } = await functions.begun();
    invocation.replied(200, `${name}\n${value}\nx-own\nkept`, Buffer.from('fine'));
    await client.has('fine');
    expect(client.received).toMatch(/\r\nx-own: kept\r\n/);
    expect(client.received).not.toContain(`: ${value}\r\n`);
    await servesNext();
  });
});

describe('an answer without a body has none, whatever comes with it:', () => {
  it.each([
    ['204', 'GET', 204],
    ['304', 'GET', 304],
    ['HEAD', 'HEAD', 200],
  ])('%s', async (_what, method, status) => {
    const smuggled = Buffer.from('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n');
    ask(method);
    const whole = await functions.begun();
    whole.invocation.replied(status, '', smuggled);
    await client.has('\r\n\r\n');
    expect(client.responses).toBe(1);
    expect(client.received).toMatch(/\r\n\r\n$/);
    await servesNext();
    client.received = '';
    ask(method);
    const streamed = await functions.begun();
    streamed.invocation.headed(status, '');
    streamed.invocation.body(smuggled);
    streamed.invocation.ended('');
    await client.has('\r\n\r\n');
    expect(client.responses).toBe(1);
    await servesNext();
  });
});

describe('a body that lies about its length ends the connection with it:', () => {
  it.each([
    ['shorter', 'content-length\n10', ['abc']],
    ['longer', 'content-length\n4', ['abc', 'def']],
    ['none at all', 'content-length\n1', []],
  ])('%s', async (_what, headers, chunks) => {
    ask();
    const { invocation } = await functions.begun();
    client.send(NEXT);
    invocation.headed(200, headers);
    for (const chunk of chunks) invocation.body(Buffer.from(chunk));
    invocation.ended('');
    const all = await client.closed();
    expect(client.responses).toBeLessThan(2);
    expect(all).not.toContain('abcd');
    expect(functions.waitingCount).toBe(0);
  });

  it('the worker dies after it has begun', async () => {
    ask();
    const { invocation } = await functions.begun();
    invocation.headed(200, '');
    invocation.body(Buffer.from('abc'));
    await client.has('abc');
    client.send(NEXT);
    invocation.failed({ kind: 'worker-gone', message: 'Worker exited with code 1' });
    // No last chunk: the client knows that this was not all.
    expect(await client.closed()).toMatch(/3\r\nabc\r\n$/);
    expect(functions.waitingCount).toBe(0);
  });
});

describe('questions that came before their answers (pipelining)', () => {
  function askAll(...targets: string[]): void {
    client.send(targets.map((target) => `GET ${target} HTTP/1.1\r\n${HOST}\r\n`).join(''));
  }

  it('are begun one after the other, each when the one before it is answered', async () => {
    askAll('/1', '/2', '/3');
    for (const name of ['first', 'second', 'third']) {
      const { invocation } = await functions.begun();
      expect(functions.waitingCount).toBe(0);
      invocation.replied(200, '', Buffer.from(name));
      await client.has(name);
    }
    expect(client.received).toMatch(/first[^]*second[^]*third$/);
    await servesNext();
  });

  it('go on after one that fails', async () => {
    askAll('/1', '/2');
    const first = await functions.begun();
    first.invocation.failed({ kind: 'threw', errorType: 'Error', message: 'x', stack: 'y' });
    const second = await functions.begun();
    second.invocation.replied(200, '', Buffer.from('second'));
    await client.has('second');
    expect(client.received).toMatch(
      /^HTTP\/1\.1 502 [^]*\r\nHTTP\/1\.1 200 [^]*second$|^HTTP\/1\.1 502 [^]*}\nHTTP\/1\.1 200 [^]*second$/,
    );
    await servesNext();
  });

  it('are never begun behind an answer that breaks off', async () => {
    askAll('/1', '/2');
    const { invocation } = await functions.begun();
    invocation.headed(200, '');
    invocation.body(Buffer.from('abc'));
    invocation.failed({ kind: 'worker-gone', message: 'x' });
    await client.closed();
    expect(functions.waitingCount).toBe(0);
  });

  it('are never begun when their client has gone', async () => {
    askAll('/1', '/2');
    const { link } = await functions.begun();
    client.socket.destroy();
    await expect.poll(() => link.calls).toContain('cancel');
    expect(functions.waitingCount).toBe(0);
  });

  it('are never begun behind one that asks to close, or that is refused', async () => {
    client.send(`GET http://x/ HTTP/1.1\r\n${HOST}\r\n${NEXT}`);
    expect(await client.closed()).toMatch(/^HTTP\/1\.1 400 /);
    expect(client.responses).toBe(1);
    expect(functions.waitingCount).toBe(0);
  });

  it('stay in the sockets when there are many', async () => {
    const count = 50;
    // Beyond what the door reads at once, and below what sockets hold.
    askAll(...Array.from({ length: count }, (_, index) => `/${index}?${'x'.repeat(2_000)}`));
    for (let turn = 0; turn < count; turn++) {
      const { invocation } = await functions.begun();
      expect(invocation.text).toContain(`\n/${turn}?`);
      invocation.replied(200, '', Buffer.from('.'));
    }
    await expect.poll(() => client.responses).toBe(count);
  });
});

describe('what went wrong is told without saying where: (R13)', () => {
  it.each([
    {
      kind: 'threw',
      errorType: 'Error',
      message: 'in /srv/app 10.0.0.1',
      stack: 'at /srv/app.js:1',
    },
    {
      kind: 'init-failed',
      failure: { reason: 'threw', message: '/srv/app', stack: 'at /srv/app.js:1' },
    },
    { kind: 'unavailable', message: '/run/gitfn/socket' },
  ] as const)('$kind', async (failure) => {
    ask();
    const { invocation } = await functions.begun();
    invocation.failed(failure);
    await client.has('"requestId"');
    expect(client.received).not.toMatch(/\/srv|\/run|10\.0\.0\.1|\.js/);
  });
});

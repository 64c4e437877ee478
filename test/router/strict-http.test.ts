/** Bytes in, and what comes of them: the answers, the end of the connection, and what the function saw: that or nothing. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { RawConnection } from '../support/raw-connection.ts';
import { startRecordedDoor, type RecordedDoor } from '../support/recorded-door.ts';

const HOST = 'Host: hello.localhost\r\n';
const CHUNKED = 'Transfer-Encoding: chunked\r\n';
const SMUGGLED = `GET /smuggled HTTP/1.1\r\n${HOST}\r\n`;

let door: RecordedDoor;

beforeAll(async () => {
  door = await startRecordedDoor();
});
afterAll(() => door.close());
beforeEach(() => door.forget());

interface Outcome {
  /** Their status codes, in order. */
  answers: number[];
  /** `METHOD target body` of each request. */
  sees: string[];
}

const NOTHING: Outcome = { answers: [400], sees: [] };

function post(headers: string, body: string): string {
  return `POST / HTTP/1.1\r\n${HOST}${headers}\r\n${body}`;
}

function get(headers: string, target = '/'): string {
  return `GET ${target} HTTP/1.1\r\n${HOST}${headers}\r\n`;
}

function answersIn(text: string): number[] {
  return Array.from(text.matchAll(/HTTP\/1\.1 (\d{3}) /g), ([, code]) => Number(code));
}

function seen(): string[] {
  return door.seen.map(({ method, target, body }) =>
    `${method} ${target} ${body.toString()}`.trim(),
  );
}

/** What comes of bytes that end their connection. */
async function endedBy(bytes: string): Promise<Outcome> {
  const client = new RawConnection(door.port);
  client.send(bytes);
  return { answers: answersIn(await client.closed()), sees: seen() };
}

/** The same for bytes whose sender is given time to send the rest: it leaves when it has read the answer. */
async function refusedBy(bytes: string): Promise<Outcome> {
  const client = new RawConnection(door.port);
  client.send(bytes);
  await client.has('\r\n\r\n');
  client.socket.end();
  return { answers: answersIn(await client.closed()), sees: seen() };
}

/** What comes of bytes that leave their connection open: one more question is answered on it, in its turn. */
async function servedBy(bytes: string): Promise<Outcome> {
  const client = new RawConnection(door.port);
  client.send(bytes + get('', '/last'));
  await eventually(() => door.seen.at(-1)?.target === '/last');
  await eventually(() => client.received.endsWith('ok'));
  client.socket.destroy();
  return { answers: answersIn(client.received).slice(0, -1), sees: seen().slice(0, -1) };
}

describe('a request that two readers could take for two things is no request: (R1)', () => {
  it.each([
    ['a length and chunks (CL.TE)', post(`Content-Length: 6\r\n${CHUNKED}`, `0\r\n\r\nG`)],
    ['chunks and a length (TE.CL)', post(`${CHUNKED}Content-Length: 4\r\n`, `5c\r\n${SMUGGLED}`)],
    ['two codings (TE.TE)', post(`${CHUNKED}Transfer-Encoding: identity\r\n`, `0\r\n\r\n`)],
    ['chunked twice', post(`${CHUNKED}${CHUNKED}`, '0\r\n\r\n')],
    ['chunked twice in one line', post('Transfer-Encoding: chunked, chunked\r\n', '0\r\n\r\n')],
    ['gzip, chunked', post('Transfer-Encoding: gzip, chunked\r\n', '0\r\n\r\n')],
    ['chunked, gzip', post('Transfer-Encoding: chunked, gzip\r\n', '0\r\n\r\n')],
    ['identity', post('Transfer-Encoding: identity\r\n', '')],
    ['a coding with a tab before its colon', post('Transfer-Encoding\t: chunked\r\n', '0\r\n\r\n')],
    ['a coding with a vertical tab', post('Transfer-Encoding: \x0bchunked\r\n', '0\r\n\r\n')],
    ['a quoted coding', post('Transfer-Encoding: "chunked"\r\n', '0\r\n\r\n')],
    ['chunks of HTTP/1.0', `POST / HTTP/1.0\r\n${HOST}${CHUNKED}\r\n0\r\n\r\n`],
    ['two lengths', post('Content-Length: 3\r\nContent-Length: 4\r\n', 'abcd')],
    ['one length twice', post('Content-Length: 3\r\nContent-Length: 3\r\n', 'abc')],
    ['a list of lengths', post('Content-Length: 3, 3\r\n', 'abc')],
    ['a length with a plus', post('Content-Length: +5\r\n', 'abcde')],
    ['a negative length', post('Content-Length: -1\r\n', '')],
    ['a length in hex', post('Content-Length: 0x5\r\n', 'abcde')],
    ['a length with a point', post('Content-Length: 5.0\r\n', 'abcde')],
    ['an empty length', post('Content-Length: \r\n', '')],
    ['a length beyond 64 bits', post('Content-Length: 99999999999999999999\r\n', '')],
    ['a space before the colon', post('Content-Length : 3\r\n', 'abc')],
    ['a line that is folded', get('X-A: b\r\n c\r\n')],
    ['a first line that is folded', `GET / HTTP/1.1\r\n Host: hello.localhost\r\n\r\n`],
    ['a header without a colon', get('X-A\r\n')],
    ['a header without a name', get(': x\r\n')],
    ['a bare CR in a value', get('X-A: b\rContent-Length: 3\r\n')],
    ['a NUL in a value', get('X-A: b\0c\r\n')],
    ['a line feed alone after a header', `GET / HTTP/1.1\r\n${HOST}X-A: b\n\r\n`],
    ['a line feed alone after the first line', `GET / HTTP/1.1\n${HOST}\r\n`],
    ['a line feed alone after the last header', `GET / HTTP/1.1\r\n${HOST}\n`],
    ['line feeds alone', 'GET / HTTP/1.1\nHost: hello.localhost\n\n'],
    ['a tab in the first line', `GET\t/\tHTTP/1.1\r\n${HOST}\r\n`],
    ['a version that does not exist', `GET / HTTP/1.2\r\n${HOST}\r\n`],
    ['a method that does not exist', `GETT / HTTP/1.1\r\n${HOST}\r\n`],
    ['a method in lower case', `get / HTTP/1.1\r\n${HOST}\r\n`],
    ['a letter beyond ASCII in the target', `GET /\xe4 HTTP/1.1\r\n${HOST}\r\n`],
    ['a space in the target', `GET /a b HTTP/1.1\r\n${HOST}\r\n`],
    ['an absolute target', get('', 'http://other.localhost/')],
    ['a target with a scheme only', get('', 'hello:')],
    ['a target without its slash', get('', 'x')],
    ['a star for GET', get('', '*')],
    ['no Host', 'GET / HTTP/1.1\r\n\r\n'],
    ['an empty Host', 'GET / HTTP/1.1\r\nHost: \r\n\r\n'],
    ['two Hosts', get(HOST)],
    ['a Host with a user', 'GET / HTTP/1.1\r\nHost: a@hello.localhost\r\n\r\n'],
    ['a Host with a path', 'GET / HTTP/1.1\r\nHost: hello.localhost/x\r\n\r\n'],
    ['a list of Hosts', 'GET / HTTP/1.1\r\nHost: hello.localhost, b\r\n\r\n'],
    ['TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
  ])('%s', async (_what, bytes) => {
    // What follows is a request that would be served, were the bytes before it read as anything that ends.
    expect(await endedBy(bytes + SMUGGLED)).toEqual(NOTHING);
  });

  it.each([
    ['a size that is none', 'x\r\nabc\r\n'],
    ['a size with a plus', '+3\r\nabc\r\n'],
    ['a size in 0x', '0x3\r\nabc\r\n'],
    ['a negative size', '-3\r\nabc\r\n'],
    ['a size with a space before it', ' 3\r\nabc\r\n'],
    ['a size beyond 64 bits', 'fffffffffffffffff\r\nabc\r\n'],
    ['a line feed alone after the size', '3\nabc\r\n0\r\n\r\n'],
    ['a bare CR after the size', '3\r\rabc\r\n0\r\n\r\n'],
    ['a bare CR in an extension', '3;a=\rb\r\nabc\r\n0\r\n\r\n'],
    ['a line feed in an extension', `3;a=\nb\r\nabc\r\n0\r\n\r\n`],
    ['more data than the size', '3\r\nabcdef\r\n0\r\n\r\n'],
    ['no line end after the data', '3\r\nabc0\r\n\r\n'],
    ['a line feed alone after the data', '3\r\nabc\n0\r\n\r\n'],
    ['a line feed alone at the end', '0\r\n\n'],
    ['a trailer that is folded', '0\r\nX-A: b\r\n c\r\n\r\n'],
    ['a length in the trailers', '1\r\na\r\n0\r\nContent-Length: 9\r\n\r\n'],
    ['a coding in the trailers', '1\r\na\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n'],
    ['a trailer without a colon', '0\r\nX-A\r\n\r\n'],
  ])('chunks with %s', async (_what, chunks) => {
    const { answers, sees } = await endedBy(post(CHUNKED, chunks) + SMUGGLED);
    expect(answers).toEqual([400]);
    // The function had begun, and was told that its client is gone.
    expect(door.seen.filter(({ isWhole }) => isWhole)).toEqual([]);
    expect(sees.filter((one) => one.includes('smuggled'))).toEqual([]);
    expect(sees.length).toBeLessThan(2);
  });

  it('and the answer to it is exactly this', async () => {
    const client = new RawConnection(door.port);
    client.send('GARBAGE\r\n\r\n');
    expect(await client.closed()).toBe(
      'HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n',
    );
  });
});

describe('a request that can be read in one way only is served once: (R1)', () => {
  it.each([
    ['chunks', post(CHUNKED, '3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n'), 'POST / abcde'],
    [
      'a coding in capitals',
      post('Transfer-Encoding: CHUNKED\r\n', '1\r\na\r\n0\r\n\r\n'),
      'POST / a',
    ],
    ['chunk extensions', post(CHUNKED, '3;a=b;c="d"\r\nabc\r\n0;x\r\n\r\n'), 'POST / abc'],
    ['sizes with zeros before them', post(CHUNKED, '0003\r\nabc\r\n000\r\n\r\n'), 'POST / abc'],
    ['trailers', post(CHUNKED, '1\r\na\r\n0\r\nX-Sum: 1\r\n\r\n'), 'POST / a'],
    ['a length', post('Content-Length: 5\r\n', 'abcde'), 'POST / abcde'],
    ['a length with zeros before it', post('Content-Length: 005\r\n', 'abcde'), 'POST / abcde'],
    ['a length with spaces around it', post('Content-Length:  \t5 \r\n', 'abcde'), 'POST / abcde'],
    ['no length', post('', ''), 'POST /'],
    [
      'a body that looks like a request',
      post(`Content-Length: ${SMUGGLED.length}\r\n`, SMUGGLED),
      `POST / ${SMUGGLED.trim()}`,
    ],
    ['GET with a body', `${get('Content-Length: 3\r\n')}abc`, 'GET / abc'],
    ['GET with chunks', `${get(CHUNKED)}3\r\nabc\r\n0\r\n\r\n`, 'GET / abc'],
    // Words of the first line may stand apart by more than one space (RFC 9112 section 3).
    ['two spaces in the first line', `GET  / HTTP/1.1\r\n${HOST}\r\n`, 'GET /'],
    ['empty lines before it', `\r\n\r\n${get('')}`, 'GET /'],
    ['OPTIONS *', `OPTIONS * HTTP/1.1\r\n${HOST}\r\n`, 'OPTIONS *'],
    [
      'a Host in capitals with a port and a point',
      'GET / HTTP/1.1\r\nHost: HELLO.localhost.:80\r\n\r\n',
      'GET /',
    ],
  ])('%s', async (_what, bytes, sees) => {
    expect(await servedBy(bytes)).toEqual({ answers: [200], sees: [sees] });
  });

  it.each(['\r\n', '\n', '\r\nGET', 'x', ' \r\n\r\n'])(
    'and what follows does not change it: %j',
    async (rest) => {
      const client = new RawConnection(door.port);
      client.send(get('Connection: close\r\n') + rest);
      expect(answersIn(await client.closed())).toEqual([200]);
      expect(seen()).toEqual(['GET /']);
    },
  );
});

describe('sizes: (R6)', () => {
  const MANY = 'X-A: b\r\n';

  it.each([
    ['17 KB in one header', get(`X-A: ${'b'.repeat(17 * 1024)}\r\n`), 431],
    ['17 KB in one name', get(`${'b'.repeat(17 * 1024)}: a\r\n`), 431],
    ['17 KB of headers', get(`X-A: ${'b'.repeat(1000)}\r\n`.repeat(17)), 431],
    ['a target of 17 KB', get('', `/${'a'.repeat(17 * 1024)}`), 431],
    ['200 headers', get(MANY.repeat(199)), 431],
    ['101 headers', get(MANY.repeat(100)), 431],
    ['17 KB of trailers', post(CHUNKED, `0\r\nX-A: ${'b'.repeat(17 * 1024)}\r\n\r\n`), 431],
    [
      '17 KB of chunk extensions',
      post(CHUNKED, `1;${'a'.repeat(17 * 1024)}\r\na\r\n0\r\n\r\n`),
      413,
    ],
    [
      'a declared length one byte over the limit',
      post(`Content-Length: ${1024 * 1024 + 1}\r\n`, ''),
      413,
    ],
  ])('%s', async (_what, bytes, status) => {
    expect((await refusedBy(bytes)).answers).toEqual([status]);
    expect(door.seen.filter(({ isWhole }) => isWhole)).toEqual([]);
  });

  it('100 headers are served', async () => {
    expect(await servedBy(get(MANY.repeat(99)))).toEqual({ answers: [200], sees: ['GET /'] });
  });

  it('chunks without end are cut off one byte above the limit', async () => {
    const client = new RawConnection(door.port);
    client.send(post(CHUNKED, ''));
    const endless = setInterval(() => client.send(`8000\r\n${'a'.repeat(0x8000)}\r\n`), 1);
    await client.has('HTTP/1.1 413 ');
    clearInterval(endless);
    client.socket.end();
    expect(answersIn(await client.closed())).toEqual([413]);
    expect(door.seen[0]?.body.length).toBeLessThanOrEqual(1024 * 1024);
  });
});

describe('methods and protocols that the door does not speak: (R9)', () => {
  it.each([
    ['CONNECT', `CONNECT x.localhost:80 HTTP/1.1\r\nHost: x.localhost\r\n\r\n`, 405],
    ['CONNECT with a length', `CONNECT x:80 HTTP/1.1\r\n${HOST}Content-Length: 3\r\n\r\nabc`, 405],
    ['TRACE', `TRACE / HTTP/1.1\r\n${HOST}\r\n`, 405],
    ['HTTP/0.9', `GET /\r\n${HOST}\r\n`, 505],
    ['HTTP/2.0 in the first line', `GET / HTTP/2.0\r\n${HOST}\r\n`, 505],
    ['HTTP/2 with prior knowledge', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400],
    [
      'h2c',
      get('Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMA\r\n'),
      400,
    ],
    [
      'an upgrade with a body',
      post('Connection: upgrade\r\nUpgrade: x\r\nContent-Length: 3\r\n', 'abc'),
      400,
    ],
    ['an upgrade that Connection does not name', get('Upgrade: websocket\r\n'), 426],
    ['WebSocket', get('Connection: Upgrade\r\nUpgrade: WebSocket\r\n'), 426],
  ])('%s', async (_what, bytes, status) => {
    expect(await endedBy(bytes + SMUGGLED)).toEqual({ answers: [status], sees: [] });
  });

  it('an expectation other than to be told to go on', async () => {
    const bytes = post('Expect: 200-ok\r\nContent-Length: 3\r\n', 'abc');
    expect(await endedBy(bytes + SMUGGLED)).toEqual({ answers: [417], sees: [] });
  });

  it('a body that is too large is refused before its client is told to go on', async () => {
    const length = `Content-Length: ${1024 * 1024 + 1}\r\n`;
    const bytes = post(`Expect: 100-continue\r\n${length}`, '');
    expect(await refusedBy(bytes)).toEqual({ answers: [413], sees: [] });
  });
});

describe('targets reach the function as they are, and lead nowhere else: (R11)', () => {
  it.each([
    '/..;/x',
    '/a/..%2f..%2fetc/passwd',
    '/%2e%2e/%2e%2e/x',
    '/../../etc/passwd',
    '/%00',
    '//evil.example',
    '/\\evil.example',
    '/%5cevil.example',
    '/a?b?c=/../d',
    '/x%zz',
    '/?x=http://evil.example',
    '/;a=b',
  ])('%s', async (target) => {
    const client = new RawConnection(door.port);
    client.send(get('', target));
    await eventually(() => client.received.endsWith('ok'));
    expect(client.received.toLowerCase()).not.toContain('location:');
    expect(door.seen.map((one) => one.target)).toEqual([target]);
    client.socket.destroy();
  });
});

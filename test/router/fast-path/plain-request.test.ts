import http from 'node:http';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readPlainRequest } from '../../../src/router/fast-path/plain-request.ts';
import { listen } from '../../support/listen.ts';
import { RawConnection } from '../../support/raw-connection.ts';

const server = http.createServer();
let port = 0;

beforeAll(async () => {
  port = await listen(server);
});

afterAll(() => {
  server.close();
  server.closeAllConnections();
});

function read(text: string) {
  return readPlainRequest(Buffer.from(text, 'latin1'));
}

describe('a plain request', () => {
  it('is read with its fields as they came and without the space around them', () => {
    const plain = read('GET /a?b=c HTTP/1.1\r\nHost: x\r\nX-One: \t a b \t\r\nx-empty:\r\n\r\nGET');
    expect(plain).toMatchObject({ method: 'GET', target: '/a?b=c' });
    expect(plain?.headers.rawHeaders).toEqual(['Host', 'x', 'X-One', 'a b', 'x-empty', '']);
    expect(plain?.headers.head.headerLines).toBe('\nhost\nx\nx-one\na b\nx-empty\n');
    expect(plain?.bytes).toBe(58);
    expect(plain?.body).toBeNull();
  });

  it('is read with its body, and no further', () => {
    const plain = read('POST /b HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabcGET');
    expect(plain?.body?.toString()).toBe('abc');
    expect(read('PUT /b HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\nGET')?.body).toBeNull();
  });

  it('is not long in reading when a field has long runs of space', () => {
    const spaces = `a${' '.repeat(15_000)}a`;
    const text = `GET / HTTP/1.1\r\nHost: x\r\nX-A: ${spaces}\r\n\r\n`;
    for (let time = 0; time < 1_000; time++) expect(read(text)).not.toBeNull();
  });

  it.each([
    ['not all there', 'GET / HTTP/1.1\r\nHost: x\r\n'],
    ['without fields', 'GET / HTTP/1.1\r\n\r\n'],
    ['of another version', 'GET / HTTP/1.0\r\nHost: x\r\n\r\n'],
    ['with a body by length', 'GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\na'],
    ['with a length of nothing', 'GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n'],
    ['with chunks', 'GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
    ['with a body that does not say its length', 'POST / HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['whose body is not all there', 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\na'],
    ['with two lengths', `POST / HTTP/1.1\r\nHost: x\r\n${'Content-Length: 1\r\n'.repeat(2)}\r\na`],
    ['with a signed length', 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +1\r\n\r\na'],
    ['with a list of lengths', 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1, 1\r\n\r\na'],
    ['with an empty length', 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length:\r\n\r\n'],
    [
      'with a length and chunks',
      'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    ],
    ['of an unknown method', 'GETS / HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['with a method in lower case', 'get / HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['that closes', 'GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'],
    ['that names a field', 'GET / HTTP/1.1\r\nHost: x\r\nConnection: x-a\r\n\r\n'],
    ['that upgrades', 'GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n\r\n'],
    ['that expects', 'GET / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n\r\n'],
    ['without a host', 'GET / HTTP/1.1\r\nAccept: */*\r\n\r\n'],
    ['with two hosts', 'GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n'],
    ['for a whole URL', 'GET http://x/ HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['with a space in its target', 'GET /a b HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['with two spaces', 'GET  / HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['with bytes above ASCII in its target', 'GET /\xe4 HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['with a folded field', 'GET / HTTP/1.1\r\nHost: x\r\nX-A: a\r\n b\r\n\r\n'],
    ['with a space before the colon', 'GET / HTTP/1.1\r\nHost: x\r\nX-A : a\r\n\r\n'],
    ['with a field without a name', 'GET / HTTP/1.1\r\nHost: x\r\n: a\r\n\r\n'],
    ['with a line without a colon', 'GET / HTTP/1.1\r\nHost: x\r\nx-a\r\n\r\n'],
    ['with a bare line feed', 'GET / HTTP/1.1\r\nHost: x\nX-A: a\r\n\r\n'],
    ['with a bare carriage return', 'GET / HTTP/1.1\r\nHost: x\r\nX-A: a\rb\r\n\r\n'],
    ['with a control character', 'GET / HTTP/1.1\r\nHost: x\r\nX-A: a\0b\r\n\r\n'],
    ['behind an empty line', '\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['with a head too large', `GET / HTTP/1.1\r\nHost: x\r\nX-A: ${'a'.repeat(17_000)}\r\n\r\n`],
    ['with too many fields', `GET / HTTP/1.1\r\nHost: x\r\n${'a: b\r\n'.repeat(101)}\r\n`],
  ])('is none %s', (_what, text) => {
    expect(read(text)).toBeNull();
  });

  it("is what Node's server reads of the same bytes, and ends where that ends", async () => {
    let plainOnes = 0;
    const property = fc.asyncProperty(requestText, async (text) => {
      const plain = read(text);
      if (plain === null) return;
      plainOnes += 1;
      const { method, target, headers, body, bytes } = plain;
      expect(await seenByNode(text.slice(0, bytes))).toEqual({
        method,
        target,
        rawHeaders: headers.rawHeaders,
        body: body?.toString('latin1') ?? '',
      });
    });
    await fc.assert(property, { numRuns: 300 });
    expect(plainOnes).toBeGreaterThan(50);
  });
});

const fieldName = fc.stringMatching(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,8}$/);
const fieldValue = fc.stringMatching(/^[\t\x20-\x7e\xa0-\xff]{0,12}$/);
/** Mostly nothing: what one of them breaks is no longer plain. */
const noise = fc.oneof(
  { weight: 6, arbitrary: fc.constant('') },
  fc.constantFrom(' ', '\t', '\r', '\n', '\0', ':', '\r\n ', '\r\n'),
);
const field = fc
  .tuple(fieldName, noise, noise, fieldValue, noise)
  .map(([name, before, after, value, end]) => `${name}${before}:${after}${value}${end}`);
const requestText = fc
  .tuple(
    fc.constantFrom('GET', 'HEAD', 'DELETE', 'OPTIONS', 'POST', 'PUT', 'PATCH'),
    fc.stringMatching(/^\/[\x21-\x7e]{0,12}$/),
    fc.array(field, { maxLength: 3 }),
    fc.constantFrom('', 'a', 'GET / HTTP/1.1\r\n\r\n'),
  )
  .map(([method, target, fields, body]) => {
    const lines = ['Host: x', ...fields];
    if (method.startsWith('P')) lines.push(`Content-Length: ${body.length}`);
    return `${method} ${target} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n${body}`;
  });

/** What Node makes of the bytes, and only of them: a second request behind them would be its second. */
async function seenByNode(text: string) {
  const client = new RawConnection(port);
  const requests: http.IncomingMessage[] = [];
  let body = '';
  const done = new Promise<void>((resolve) => {
    const listener = (request: http.IncomingMessage, response: http.ServerResponse): void => {
      requests.push(request);
      request.on('data', (chunk: Buffer) => (body += chunk.toString('latin1')));
      response.end();
      if (request.url !== '/behind') return;
      server.off('request', listener);
      resolve();
    };
    server.on('request', listener);
  });
  client.send(`${text}GET /behind HTTP/1.1\r\nHost: x\r\n\r\n`);
  await done;
  client.socket.destroy();
  expect(requests).toHaveLength(2);
  const [seen] = requests;
  return { method: seen?.method, target: seen?.url, rawHeaders: seen?.rawHeaders, body };
}

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { RawConnection } from '../../support/raw-connection.ts';
import { RecordingLink, startScriptedFunctions } from '../../support/scripted-functions.ts';

const GET = 'GET / HTTP/1.1\r\nHost: hello.localhost\r\n\r\n';
const CHUNKED = 'POST / HTTP/1.1\r\nHost: hello.localhost\r\nTransfer-Encoding: chunked\r\n\r\n';
const KIB = 1024;

let functions: Awaited<ReturnType<typeof startScriptedFunctions>>;
let client: RawConnection;

beforeAll(async () => {
  functions = await startScriptedFunctions(1024 * KIB);
});
afterAll(() => functions.door.close());
beforeEach(() => {
  functions.failures.length = 0;
  functions.withdrawn.length = 0;
  client = new RawConnection(functions.port);
  return () => client.socket.destroy();
});

function post(length: number): string {
  return `POST / HTTP/1.1\r\nHost: hello.localhost\r\nContent-Length: ${length}\r\n\r\n`;
}

describe('a worker that says what has no place', () => {
  it('puts no second response on the connection by a REPLY after its HEAD', async () => {
    client.send(GET);
    const { invocation, link } = await functions.begun();
    invocation.headed(200, 'content-length\n1');
    await client.has('\r\n\r\n');
    invocation.replied(200, '', Buffer.from('xHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n'));
    const all = await client.closed();
    expect(all.slice(all.indexOf('\r\n\r\n'))).toBe('\r\n\r\n');
    expect(link.calls).toEqual(['cancel', 'breach: replied while headed']);
    expect(functions.failures).toMatchObject([{ kind: 'threw', errorType: 'BadResponse' }]);
  });

  it('has no second HEAD', async () => {
    client.send(GET);
    const { invocation, link } = await functions.begun();
    invocation.headed(200, '');
    invocation.headed(200, '');
    await client.closed();
    expect(client.responses).toBeLessThan(2);
    expect(link.calls).toContain('breach: headed while headed');
  });

  it.each([
    ['a body', 'body while begun'],
    ['an end', 'ended while begun'],
  ])('gives the client 502 for %s without a head', async (what, breach) => {
    client.send(GET);
    const { invocation, link } = await functions.begun();
    if (what === 'a body') invocation.body(Buffer.from('HTTP/1.1 200 OK\r\n\r\n'));
    else invocation.ended('');
    await client.has('The function failed');
    expect(client.received).toMatch(/^HTTP\/1\.1 502 /);
    expect(link.calls).toEqual(['cancel', `breach: ${breach}`]);
  });

  it.each([
    ['nothing', 0],
    ['more than was sent', 11],
  ])('is ended for a credit of %s', async (_what, bytes) => {
    client.send(post(10) + 'a'.repeat(10));
    const { invocation, link } = await functions.begun();
    await eventually(() => link.received.length === 10);
    invocation.credited(bytes);
    await client.has('HTTP/1.1 502 ');
    expect(link.calls).toContain('breach: credit for what was not sent');
  });

  it('may credit what was sent, once', async () => {
    client.send(post(10) + 'a'.repeat(10));
    const { invocation, link } = await functions.begun();
    await eventually(() => link.received.length === 10);
    invocation.credited(10);
    expect(link.calls).toEqual(['end of body']);
    invocation.credited(1);
    expect(link.calls).toContain('breach: credit for what was not sent');
  });

  it('cannot refuse what it has taken of', async () => {
    client.send(post(10) + 'a'.repeat(10));
    const { invocation, link } = await functions.begun();
    await eventually(() => link.received.length === 10);
    invocation.credited(1);
    invocation.refused();
    await client.has('HTTP/1.1 502 ');
    expect(link.calls).toContain('breach: refused what it had taken of');
  });

  it.each([
    ['longer', 'abcdef'],
    ['shorter', 'abc'],
  ])('leaves a trace of a body %s than its Content-Length', async (word, body) => {
    client.send(GET);
    const { invocation, link } = await functions.begun();
    invocation.headed(200, 'content-length\n4');
    invocation.body(Buffer.from(body));
    invocation.ended('');
    await client.closed();
    expect(link.calls).toEqual(['cancel']);
    const message = `the body is ${word} than its Content-Length`;
    expect(functions.failures).toMatchObject([{ errorType: 'BadResponse', message }]);
  });
});

describe('a head without a body so far', () => {
  it('goes out with the bytes that its values have', async () => {
    client.send(GET);
    const { invocation } = await functions.begun();
    invocation.headed(200, 'x-a\ngr\xc3\xbc\xdf');
    await client.has('\r\n\r\n');
    expect(client.received).toContain('\r\nx-a: gr\xc3\xbc\xdf\r\n');
    invocation.body(Buffer.from('body'));
    invocation.ended('');
    await client.has('\r\n\r\n4\r\nbody\r\n0\r\n\r\n');
  });
});

describe('a refused invocation', () => {
  it('is sent again to the next worker, whole and in order', async () => {
    const body = Array.from({ length: 64 * KIB }, (_, at) => String(at % 10)).join('');
    client.send(post(body.length * 5) + body);
    const { invocation, link } = await functions.begun();
    await eventually(() => link.received.length === body.length);
    invocation.refused();
    // All arrives while nobody has it, but the stream hands out no more than the window.
    client.send(body.repeat(4));
    await eventually(() => client.socket.bytesWritten > 5 * body.length);
    const second = new RecordingLink();
    invocation.begun(second, 7, null);
    for (let credited = 0; credited < 5 * body.length;) {
      await eventually(() => second.received.length > credited);
      if (second.received.length < 5 * body.length) expect(second.calls).toEqual([]);
      invocation.credited(second.received.length - credited);
      credited = second.received.length;
    }
    await eventually(() => second.calls.includes('end of body'));
    expect(second.received.toString()).toBe(body.repeat(5));
    expect(link.received.length).toBe(body.length);
    invocation.replied(200, '', Buffer.from('fine'));
    await client.has('fine');
    expect(link.calls).toEqual([]);
  });

  it('is sent again whole when its body came in one piece', async () => {
    client.send(`${post(3)}abc`);
    const { invocation, link } = await functions.begun();
    expect(link.received.toString()).toBe('abc');
    invocation.refused();
    const second = new RecordingLink();
    invocation.begun(second, 7, null);
    expect(second.received.toString()).toBe('abc');
    expect(second.calls).toEqual(['end of body']);
    invocation.credited(3);
    invocation.replied(200, '', Buffer.from('fine'));
    await client.has('fine');
  });

  it('is withdrawn, not cancelled, when its client leaves', async () => {
    client.send(GET);
    const { invocation, link } = await functions.begun();
    invocation.refused();
    client.socket.destroy();
    await eventually(() => functions.withdrawn.includes(invocation));
    expect(link.calls).toEqual([]);
  });

  it('is withdrawn when its body turns out too large', async () => {
    const small = await startScriptedFunctions(100);
    const other = new RawConnection(small.port);
    other.send('POST / HTTP/1.1\r\nHost: hello.localhost\r\nTransfer-Encoding: chunked\r\n\r\n');
    const { invocation, link } = await small.begun();
    invocation.refused();
    other.send(`65\r\n${'a'.repeat(101)}\r\n0\r\n\r\n`);
    await other.has('The request body is larger than 100 bytes');
    expect(other.received).toMatch(/^HTTP\/1\.1 413 /);
    expect(other.received).toMatch(/\r\nx-fn-deployment: .*\r\n(?:.*\r\n)*x-request-id: /);
    expect(small.withdrawn).toEqual([invocation]);
    expect(link.calls).toEqual([]);
    other.socket.destroy();
    await small.door.close();
  });
});

describe('a connection', () => {
  it('gets no parse error into a response that is owed, and ends after it', async () => {
    client.send(`${CHUNKED}0\r\n\r\nGARBAGE\r\n\r\n`);
    const { invocation } = await functions.begun();
    invocation.headed(200, 'content-length\n5');
    invocation.body(Buffer.from('first'));
    invocation.ended('');
    expect(await client.closed()).toMatch(/^HTTP\/1\.1 200 [^]*connection: close\r\n[^]*first$/i);
  });

  it('gets no parse error into a response that is on its way, whose request is broken', async () => {
    client.send(CHUNKED);
    const { invocation, link } = await functions.begun();
    invocation.headed(200, '');
    invocation.body(Buffer.from('first'));
    await client.has('first');
    client.send('GARBAGE\r\n');
    expect(await client.closed()).toMatch(/first\r\n$/);
    await eventually(() => link.calls.includes('cancel'));
  });

  it('gets the error of what it sent ahead after the response that it waits for', async () => {
    client.send(`${GET}GARBAGE\r\n\r\n`);
    const { invocation } = await functions.begun();
    invocation.replied(200, '', Buffer.from('first'));
    expect(await client.closed()).toMatch(/first(?:HTTP\/1\.1 400 )/);
  });

  it('gets a parse error after a response that is done', async () => {
    client.send(GET);
    const { invocation } = await functions.begun();
    invocation.replied(200, '', Buffer.from('first'));
    await client.has('first');
    client.send('GARBAGE\r\n\r\n');
    expect(await client.closed()).toMatch(/first(?:HTTP\/1\.1 400 )/);
  });
});

import { describe, expect, it } from 'vitest';
import { readRequestHead } from '../../src/router/request-head.ts';

function read(
  headers: string[],
  { method = 'GET', target = '/', httpVersion = '1.1' } = {},
): ReturnType<typeof readRequestHead> {
  return readRequestHead({ method, target, httpVersion, rawHeaders: headers });
}

const HOST = ['Host', 'hello.localhost:3000'];

describe('request head', () => {
  it.each([
    ['no Host', []],
    ['two Hosts', [...HOST, 'host', 'other.localhost']],
    ['an empty Host', ['Host', '']],
    ['a Host with user information', ['Host', 'a@b']],
    ['a Host with a path', ['Host', 'a/b']],
    ['a Host with an underscore', ['Host', 'a_b.localhost']],
    ['a Host with a bad port', ['Host', 'a:port']],
    ['a Host that is no IPv6 address', ['Host', '[zz]']],
    ['an unknown transfer coding', [...HOST, 'Transfer-Encoding', 'gzip, chunked']],
    [
      'two Transfer-Encodings',
      [...HOST, 'Transfer-Encoding', 'chunked', 'Transfer-Encoding', 'chunked'],
    ],
    ['a protocol change', [...HOST, 'Upgrade', 'h2c']],
  ])('refuses %s', (_what, headers) => {
    expect(read(headers)).toMatchObject({ kind: 'refused', status: 400 });
  });

  it.each([
    ['an absolute target', { target: 'http://other.localhost/' }, 400],
    ['an authority target', { target: 'other.localhost:80' }, 400],
    ['an asterisk but for OPTIONS', { target: '*' }, 400],
    ['TRACE', { method: 'TRACE' }, 405],
  ])('refuses %s', (_what, request, status) => {
    expect(read(HOST, request)).toMatchObject({ kind: 'refused', status });
  });

  it('refuses a chunked body in HTTP/1.0', () => {
    const headers = [...HOST, 'Transfer-Encoding', 'chunked'];
    expect(read(headers, { httpVersion: '1.0' })).toMatchObject({ kind: 'refused', status: 400 });
  });

  it('refuses more than 100 headers', () => {
    const many = Array.from({ length: 100 }, (_, index) => [`a${index}`, 'x']).flat();
    expect(read([...HOST, ...many])).toMatchObject({ kind: 'refused', status: 431 });
    expect(read([...HOST, ...many.slice(2)])).toMatchObject({ kind: 'ok' });
  });

  it('answers a WebSocket handshake with 426', () => {
    expect(read([...HOST, 'Upgrade', 'websocket'])).toMatchObject({ kind: 'refused', status: 426 });
  });

  it('brings the host to lower case, without port and final dot', () => {
    expect(read(['HOST', 'HeLLo.LocalHost.:3000'])).toMatchObject({ host: 'hello.localhost' });
    expect(read(['Host', '[::1]:3000'])).toMatchObject({ host: '::1' });
  });

  it('drops headers that only the platform may set, and those of the connection', () => {
    const pairs = [
      HOST,
      ['X-Fn-Override', 'a'],
      ['X_Forwarded_For', '1.1.1.1'],
      ['X-Forwarded-For', '2.2.2.2'],
      ['X-Forwarded-Host', 'evil'],
      ['Forwarded', 'for=3.3.3.3'],
      ['X-Gitfn-Peer-Address', '4.4.4.4'],
      ['Connection', 'close, X-Secret'],
      ['X-Secret', 'b'],
      ['TE', 'trailers'],
      ['Accept', 'text/html'],
    ];
    const head = read(pairs.flat());
    expect(head).toMatchObject({
      headerLines: '\nhost\nhello.localhost:3000\naccept\ntext/html',
      forwardedFor: '2.2.2.2',
    });
  });

  it('sees a body in a length above zero or in chunks', () => {
    expect(read([...HOST, 'Content-Length', '0'])).toMatchObject({ hasBody: false });
    expect(read([...HOST, 'Content-Length', '5'])).toMatchObject({
      hasBody: true,
      contentLength: 5,
    });
    expect(read([...HOST, 'Transfer-Encoding', 'Chunked'])).toMatchObject({
      hasBody: true,
      contentLength: null,
    });
  });
});

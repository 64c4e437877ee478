import { describe, expect, it } from 'vitest';
import { otherTarget, readStreamHead } from '../../../src/router/h2/stream-head.ts';

function raw(overrides: Record<string, string> = {}, fields: string[] = []): string[] {
  const pseudo = {
    ':method': 'GET',
    ':scheme': 'https',
    ':authority': 'hello.localhost',
    ':path': '/a?b=c',
    ...overrides,
  };
  return [...Object.entries(pseudo).flat(), ...fields];
}

describe('the head of a stream', () => {
  it('reads as the one of HTTP/1.1 that says the same', () => {
    const { method, target, head } = readStreamHead(raw({}, ['x-a', 'b', 'te', 'trailers']), true);
    expect({ method, target }).toEqual({ method: 'GET', target: '/a?b=c' });
    expect(head).toMatchObject({
      kind: 'ok',
      host: 'hello.localhost',
      headerLines: '\nhost\nhello.localhost\nx-a\nb',
      hasBody: false,
      contentLength: null,
    });
  });

  it.each([
    ['none when the stream ends with its head', [], true, { hasBody: false }],
    ['one of unknown length', [], false, { hasBody: true, contentLength: null }],
    ['one of known length', ['content-length', '3'], false, { hasBody: true, contentLength: 3 }],
  ])('has a body: %s', (_what, fields, isWhole, expected) => {
    expect(readStreamHead(raw({ ':method': 'POST' }, fields), isWhole).head).toMatchObject(
      expected,
    );
  });

  it('puts the crumbs of a cookie together', () => {
    const { fields } = readStreamHead(
      raw({}, ['cookie', 'a=1', 'x-a', 'b', 'cookie', 'c=2']),
      true,
    );
    expect(fields).toEqual(['host', 'hello.localhost', 'cookie', 'a=1; c=2', 'x-a', 'b']);
  });

  it('takes a Host that says what :authority says, or stands alone', () => {
    const both = readStreamHead(raw({}, ['host', 'Hello.localhost']), true);
    expect(both.fields).toEqual(['host', 'hello.localhost']);
    const alone = readStreamHead(raw({ ':authority': '' }, ['host', 'hello.localhost']), true);
    expect(alone.head).toMatchObject({ kind: 'ok', host: 'hello.localhost' });
  });

  const long = 'a'.repeat(16 * 1024);
  const many = Array.from({ length: 100 }, (_, at) => [`x-${at}`, 'b']).flat();
  it.each([
    ['another Host than :authority', raw({}, ['host', 'other.localhost']), 400],
    ['another port than that of :authority', raw({}, ['host', 'hello.localhost:81']), 400],
    ['no host at all', raw({ ':authority': '' }), 400],
    ['a host that is none', raw({ ':authority': 'a@hello.localhost' }), 400],
    ['another scheme', raw({ ':scheme': 'http' }), 400],
    ['a path with a space', raw({ ':path': '/a b' }), 400],
    ['a path with a line end', raw({ ':path': '/a\nb' }), 400],
    ['an empty path', raw({ ':path': '' }), 400],
    ['a path that is a URL', raw({ ':path': 'https://hello.localhost/' }), 400],
    ['a value with a line end', raw({}, ['x-a', 'b\nc']), 400],
    ['a name that is none', raw({}, ['x a', 'b']), 400],
    ['a tunnel', raw({ ':method': 'CONNECT', ':path': '', ':scheme': '' }), 405],
    ['TRACE', raw({ ':method': 'TRACE' }), 405],
    ['WebSocket by an upgrade', raw({}, ['upgrade', 'websocket']), 426],
    ['an unknown expectation', raw({}, ['expect', 'more']), 417],
    ['more than 16 KiB', raw({}, ['x-a', long]), 431],
    ['more than 100 headers', raw({}, many), 431],
  ])('is refused: %s', (_what, lines, status) => {
    expect(readStreamHead(lines, true).head).toMatchObject({ kind: 'refused', status });
  });
});

describe('a head that differs in its path only', () => {
  it('has that path', () => {
    expect(otherTarget(raw({ ':path': '/x' }, ['a', 'b']), raw({}, ['a', 'b']))).toBe('/x');
    expect(otherTarget(raw(), raw())).toBe('/a?b=c');
  });

  it.each([
    ['another value', raw({}, ['a', 'c'])],
    ['another name', raw({}, ['c', 'b'])],
    ['another method', raw({ ':method': 'POST' }, ['a', 'b'])],
    ['a header more', raw({}, ['a', 'b', 'c', 'd'])],
    ['a path that needs a closer look', raw({ ':path': '*' }, ['a', 'b'])],
  ])('is none: %s', (_what, lines) => {
    expect(otherTarget(lines, raw({}, ['a', 'b']))).toBe(null);
  });
});

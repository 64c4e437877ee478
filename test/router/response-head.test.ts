import { describe, expect, it } from 'vitest';
import { readFunctionHeaders } from '../../src/router/response-head.ts';

const HOST = 'hello.localhost';

function read(...lines: string[]): ReturnType<typeof readFunctionHeaders> {
  return readFunctionHeaders(lines.join('\n'), HOST);
}

describe('function headers', () => {
  it('passes what a function says of its own answer', () => {
    expect(read('Content-Type', 'text/html', 'X-A', 'b')).toEqual({
      kind: 'ok',
      list: ['content-type', 'text/html', 'x-a', 'b'],
      lines: 'content-type: text/html\r\nx-a: b\r\n',
      contentLength: null,
    });
  });

  it.each([
    ['a name without value', ['x-a']],
    ['a name with a space', ['x a', 'b']],
    ['an empty name', ['', 'b']],
    ['a carriage return in a value', ['x-a', 'b\rSet-Cookie: c']],
    ['a NUL in a value', ['x-a', 'b\0c']],
    ['a length that is no number', ['content-length', '5x']],
    ['two lengths', ['content-length', '5', 'content-length', '6']],
    ['a head of 100 KB', ['x-a', 'b'.repeat(100_000)]],
  ])('refuses %s', (_what, lines) => {
    expect(read(...lines)).toMatchObject({ kind: 'bad' });
  });

  it.each([
    'connection',
    'transfer-encoding',
    'upgrade',
    'x-fn-version',
    'x-request-id',
    'strict-transport-security',
    'alt-svc',
    'clear-site-data',
    'date',
  ])('drops %s', (name) => {
    expect(read(name, 'a')).toMatchObject({ kind: 'ok', list: [] });
  });

  it('drops cookies for any domain but the host itself', () => {
    expect(read('set-cookie', 'a=1; Domain=localhost')).toMatchObject({ list: [] });
    expect(read('set-cookie', 'a=1; domain=.other.localhost')).toMatchObject({ list: [] });
    expect(read('set-cookie', `a=1; Domain=${HOST}`)).toMatchObject({
      list: ['set-cookie', `a=1; Domain=${HOST}`],
    });
    // Nor is what one host may not: the same text is read for another after it.
    expect(readFunctionHeaders('set-cookie\na=1; Domain=b.localhost', HOST)).toMatchObject({
      list: [],
    });
    expect(readFunctionHeaders('set-cookie\na=1; Domain=b.localhost', 'b.localhost')).toMatchObject(
      { list: ['set-cookie', 'a=1; Domain=b.localhost'] },
    );
    // What one host may set is no rule for another.
    expect(readFunctionHeaders(`set-cookie\na=1; Domain=${HOST}`, 'x.localhost')).toMatchObject({
      list: [],
    });
  });
});

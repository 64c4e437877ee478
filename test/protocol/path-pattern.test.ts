import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { comparePatterns, matchPath, parsePathPattern } from '../../src/protocol/path-pattern.ts';

const match = (pattern: string, path: string) => {
  const parameters = matchPath(parsePathPattern(pattern), path);
  return parameters === null ? null : { ...parameters };
};

describe('a path pattern', () => {
  it.each([
    ['/', '/', {}],
    ['/', '/a', null],
    ['/*', '/', { '*': '' }],
    ['/*', '/a/b', { '*': 'a/b' }],
    ['/users', '/users', {}],
    ['/users', '/users/', {}],
    ['/users', '/users/1', null],
    ['/users/:id', '/users/1', { id: '1' }],
    ['/users/:id', '/users', null],
    ['/users/:id', '/users//', null],
    ['/users/:id', '/users/a%2Fb', { id: 'a/b' }],
    ['/users/:id', '/users/%zz', { id: '%zz' }],
    ['/users/:id/posts/:post', '/users/1/posts/2', { id: '1', post: '2' }],
    ['/files/*rest', '/files', { rest: '' }],
    ['/files/*rest', '/files/a/b%20c', { rest: 'a/b c' }],
    ['/caf%C3%A9', '/caf%c3%a9', {}],
    ['/:__proto__', '/x', { ['__proto__']: 'x' }],
  ])('%s matches %s as it should', (pattern, path, expected) => {
    expect(match(pattern, path)).toEqual(expected === null ? null : { ...expected });
  });

  it.each([
    ['users', 'must begin with "/"'],
    ['/a?b', 'must be a path without query, "#" or spaces'],
    ['/*rest/a', 'may have "*" only at the end'],
    ['/:a-b', 'has "a-b" as a parameter: use letters, digits and "_"'],
    ['/:a/:a', 'has the parameter "a" twice'],
    [`/${'x'.repeat(600)}`, 'must have at most 512 characters'],
  ])('refuses %s', (pattern, message) => {
    expect(() => parsePathPattern(pattern)).toThrow(message);
  });
});

describe('the order of patterns', () => {
  it('puts what is more specific first', () => {
    const texts = ['/*', '/:a', '/users/*', '/users/:id', '/users', '/users/me', '/'];
    const sorted = texts.map(parsePathPattern).sort(comparePatterns);
    expect(sorted.map(({ text }) => text)).toEqual([
      '/',
      '/users',
      '/users/me',
      '/users/:id',
      '/users/*',
      '/:a',
      '/*',
    ]);
  });

  it('is 0 for patterns that match the same paths', () => {
    expect(comparePatterns(parsePathPattern('/a/:b'), parsePathPattern('/a/:c/'))).toBe(0);
  });

  it('is an order', () => {
    const segment = fc.constantFrom('a', 'b', ':x', ':y');
    const pattern = fc
      .tuple(fc.uniqueArray(segment, { maxLength: 4 }), fc.constantFrom('', '/*'))
      .map(([parts, end]) => parsePathPattern(`/${parts.join('/')}${end}`.replace('//', '/')));
    fc.assert(
      fc.property(pattern, pattern, pattern, (a, b, c) => {
        const sign = Math.sign(comparePatterns(a, b));
        expect(sign + Math.sign(comparePatterns(b, a))).toBe(0);
        if (sign <= 0 && comparePatterns(b, c) <= 0) {
          expect(comparePatterns(a, c)).toBeLessThanOrEqual(0);
        }
      }),
    );
  });
});

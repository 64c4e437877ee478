import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ServedFunction } from '../../../src/model/served.ts';
import { createFunctionTable } from '../../../src/router/functions/function-table.ts';
import { servedDeployment, servedFunction } from '../../support/function-code.ts';

type Settings = Pick<Partial<ServedFunction>, 'path' | 'methods'>;

function tableOf(functions: Record<string, Settings>) {
  const served = Object.entries(functions).map(([name, settings]) =>
    servedFunction({ name, ...settings }),
  );
  return createFunctionTable(servedDeployment({ bundle: 'b', functions: served }));
}

/** The name of the function, `405 <allow>`, or `404`. */
function find(functions: Record<string, Settings>, target: string, method = 'GET'): string {
  const match = tableOf(functions).find(method, target);
  switch (match.kind) {
    case 'function':
      return match.served.name;
    case 'no-path':
      return '404';
    default:
      return `405 ${match.allow}`;
  }
}

describe('which function answers a path', () => {
  const several = {
    all: {},
    admin: { path: '/admin/*' },
    user: { path: '/users/:id' },
    me: { path: '/users/me' },
  };

  it.each([
    ['/', 'all'],
    ['/users', 'all'],
    ['/users/7', 'user'],
    ['/users/me', 'me'],
    ['/users/me?id=7', 'me'],
    ['/users/me/', 'me'],
    ['/users/m%65', 'me'],
    ['/Users/me', 'all'],
    ['/users/7/posts', 'all'],
    ['/admin', 'admin'],
    ['/admin/', 'admin'],
    ['/administrator', 'all'],
    ['/?/admin/x', 'all'],
  ])('%s is for %s', (target, name) => {
    expect(find(several, target)).toBe(name);
  });

  it.each([
    // An encoded slash separates nothing.
    ['/admin%2Fx', 'all'],
    ['/users/a%2Fb', 'user'],
    ['/users/..%2fadmin', 'user'],
    ['/%61dmin/x', 'admin'],
    // A doubled slash leaves an empty segment, which only `*` matches.
    ['//admin/x', 'all'],
    ['/admin//x', 'admin'],
    ['/users//', 'all'],
    ['//evil.com/admin/x', 'all'],
    // Dot segments count as every URL parser reads them.
    ['/x/../admin/x', 'admin'],
    ['/x/%2e%2E/admin/x', 'admin'],
    ['/x/..\\admin/x', 'admin'],
    ['/admin/../users/me', 'me'],
    ['/admin/..', 'all'],
    ['/./admin/./x', 'admin'],
    ['/../../admin', 'admin'],
    ['/admin/...', 'admin'],
    ['/.admin', 'all'],
    // `;` is a letter, `#` ends a path, and what is no encoding stands for itself.
    ['/admin;x/y', 'all'],
    ['/admin/..;/users/me', 'admin'],
    ['/users/me#/../../admin', 'me'],
    ['/users/%zz', 'user'],
    ['/users/%00', 'user'],
    ['*', 'all'],
  ])('%s is for %s, however it is written', (target, name) => {
    expect(find(several, target)).toBe(name);
  });

  it('reads every path as the URL that the function sees', () => {
    const table = tableOf(several);
    const piece = fc.constantFrom(
      '/',
      '..',
      '.',
      '%2e',
      '\\',
      'admin',
      'users',
      'me',
      ';',
      '%2f',
      '#',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const target = `/${pieces.join('')}`;
        const { pathname } = new URL(`http://host${target}`);
        expect(table.find('GET', target)).toEqual(table.find('GET', pathname));
      }),
      { numRuns: 2_000 },
    );
  });

  it('is none when all have paths of their own', () => {
    expect(find({ a: { path: '/a' }, b: { path: '/b/:c' } }, '/')).toBe('404');
    expect(find({ a: { path: '/a' } }, '/b')).toBe('404');
    expect(find({}, '/')).toBe('404');
  });

  it('never depends on the order in which they are listed', () => {
    const names = ['b', 'a', 'c'].map((name): [string, Settings] => [name, { path: '/x/:y' }]);
    expect(find(Object.fromEntries(names), '/x/1')).toBe('a');
    expect(find(Object.fromEntries(names.toReversed()), '/x/1')).toBe('a');
  });

  it('leaves out a function whose path is no pattern, and goes on', () => {
    expect(find({ broken: { path: 'x' }, all: {} }, '/x')).toBe('all');
    expect(find({ broken: { path: '/:-' } }, '/x')).toBe('404');
  });
});

describe('which function answers a method', () => {
  it.each([
    ['GET', 'one'],
    ['HEAD', 'one'],
    ['POST', '405 GET, HEAD'],
    ['OPTIONS', '405 GET, HEAD'],
  ])('%s of one that answers GET: %s', (method, expected) => {
    expect(find({ one: { methods: ['GET'] } }, '/', method)).toBe(expected);
  });

  it('may be another one for each method of a path, and Allow lists them all', () => {
    const functions = {
      read: { path: '/items/:id', methods: ['GET'] },
      write: { path: '/items/:key', methods: ['PUT', 'DELETE'] },
    };
    expect(find(functions, '/items/1')).toBe('read');
    expect(find(functions, '/items/1', 'DELETE')).toBe('write');
    expect(find(functions, '/items/1', 'POST')).toBe('405 DELETE, GET, HEAD, PUT');
    expect(find(functions, '/items', 'POST')).toBe('404');
  });

  it('gives HEAD to the one that names it', () => {
    const functions = { read: { methods: ['GET'] }, size: { methods: ['HEAD'] } };
    expect(find(functions, '/', 'HEAD')).toBe('size');
    expect(find(functions, '/')).toBe('read');
  });

  it('falls to a less specific pattern that answers it', () => {
    const functions = { user: { path: '/users/:id', methods: ['GET'] }, all: {} };
    expect(find(functions, '/users/1')).toBe('user');
    expect(find(functions, '/users/1', 'POST')).toBe('all');
  });

  it('lets OPTIONS through to a function that excludes no method', () => {
    expect(find({ one: { path: '/a' } }, '/a', 'OPTIONS')).toBe('one');
  });
});

/** The worker's Headers, beside Node's. */
/* oxlint-disable typescript/unbound-method -- methods are called on what they were not made for */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { expectSame, named, OURS, type WebCase } from '../support/web-classes.ts';

type Init = NonNullable<ConstructorParameters<typeof Headers>[0]>;

/** Whatever is given to a constructor. */
const any = (value: unknown): Init => value as Init;

const INITS: [what: string, make: () => unknown][] = [
  ['nothing', () => undefined],
  ['null', () => null],
  ['a number', () => 1],
  ['a text', () => 'a: b'],
  ['a symbol', () => Symbol('a')],
  ['true', () => true],
  ['an empty object', () => ({})],
  ['an empty list', () => []],
  ['an object', () => ({ b: '1', A: '2', c: 3 })],
  ['names that differ in case', () => ({ a: '1', A: '2' })],
  ['an object without a prototype', () => Object.assign(Object.create(null), { a: 'b' })],
  ['what an object inherits', () => Object.create({ a: 'b' })],
  ['values that are no texts', () => ({ a: null, b: undefined, c: true, d: [1, 2], e: {} })],
  ['a symbol as value', () => ({ a: Symbol('a') })],
  ['a symbol as name', () => ({ [Symbol('a')]: '1' })],
  [
    'a getter that throws',
    () => ({
      get a(): string {
        throw new RangeError('x');
      },
    }),
  ],
  ['a Proxy', () => new Proxy({ a: 'b' }, {})],
  [
    'pairs',
    () => [
      ['b', '1'],
      ['a', '2'],
      ['B', '3'],
    ],
  ],
  [
    'pairs of cookies',
    () => [
      ['set-cookie', 'a=1'],
      ['x', '1'],
      ['Set-Cookie', 'b=2'],
    ],
  ],
  [
    'pairs of request cookies',
    () => [
      ['cookie', 'a=1'],
      ['cookie', 'b=2'],
    ],
  ],
  ['a pair of one', () => [['a']]],
  ['a pair of three', () => [['a', 'b', 'c']]],
  ['an empty pair', () => [[]]],
  ['texts as pairs', () => ['ab']],
  ['numbers as pairs', () => [1]],
  ['null as a pair', () => [null]],
  [
    'a Map',
    () =>
      new Map([
        ['a', '1'],
        ['b', '2'],
      ]),
  ],
  ['a Set of pairs', () => new Set([['a', '1']])],
  [
    'a generator',
    () =>
      (function* () {
        yield ['a', '1'];
        yield ['a', '2'];
      })(),
  ],
  ['URLSearchParams', () => new URLSearchParams('a=1&b=2&a=3')],
  [
    'FormData',
    () => {
      const form = new FormData();
      form.append('a', '1');
      return form;
    },
  ],
  ['an iterator that is no function', () => ({ [Symbol.iterator]: 1 })],
  ['an iterator that is null', () => ({ [Symbol.iterator]: null, a: 'b' })],
  ['an Array of sets', () => [new Set(['a', 'b'])]],
  ['a Date', () => new Date(0)],
  ['a name with a space', () => ({ 'a b': '1' })],
  ['an empty name', () => ({ '': '1' })],
  ['a name beyond Latin-1', () => ({ ä: '1', ł: '1' })],
  ['a value beyond Latin-1', () => ({ a: 'ł' })],
  ['a value of Latin-1', () => ({ a: '\u00e4' })],
  ['a value with a line feed', () => ({ a: 'b\nc' })],
  ['a value with a zero', () => ({ a: 'b\0c' })],
  ['a value with a control character', () => ({ a: 'b\x01c\x7f' })],
  ['a value in spaces', () => ({ a: ' \t\r\n b c \n\r\t ' })],
  ['a value of spaces', () => ({ a: ' \t ' })],
  ['an empty value', () => ({ a: '' })],
  ['names that are numbers', () => ({ 2: 'b', 1: 'a' })],
  [
    '__proto__',
    () => [
      ['__proto__', 'x'],
      ['constructor', 'y'],
    ],
  ],
  [
    'many names',
    () => Object.fromEntries(Array.from({ length: 80 }, (_, n) => [`x${(n * 37) % 80}`, n])),
  ],
];

const CALLS = named([
  ({ Headers: H }) => new H([['a', '1']]).append('a', '2'),
  ({ Headers: H }) => {
    const h = new H();
    h.append('A', ' 1 ');
    h.append('a', '2');
    return [...h];
  },
  ({ Headers: H }) => {
    const h = new H();
    h.append('a', '');
    h.append('a', '');
    return h.get('a');
  },
  ({ Headers: H }) => {
    const h = new H({ a: '1', b: '2' });
    h.set('A', '3');
    return [...h];
  },
  ({ Headers: H }) => {
    const h = new H([
      ['set-cookie', '1'],
      ['a', 'b'],
      ['set-cookie', '2'],
    ]);
    h.set('set-cookie', '3');
    return [...h];
  },
  ({ Headers: H }) => {
    const h = new H([
      ['set-cookie', '1'],
      ['a', 'b'],
      ['set-cookie', '2'],
    ]);
    h.delete('Set-Cookie');
    return [[...h], h.getSetCookie(), h.has('set-cookie')];
  },
  ({ Headers: H }) => {
    const h = new H([
      ['set-cookie', '1'],
      ['set-cookie', '2'],
    ]);
    return [h.get('set-cookie'), h.getSetCookie(), h.has('Set-Cookie')];
  },
  ({ Headers: H }) => {
    const h = new H([['set-cookie', '1']]);
    h.getSetCookie().push('x');
    return h.getSetCookie();
  },
  ({ Headers: H }) => new H().getSetCookie(),
  ({ Headers: H }) => new H({ 'set-cookie': 'a, b' }).getSetCookie(),
  ({ Headers: H }) => new H({ a: '1' }).delete('b'),
  ({ Headers: H }) => {
    const h = new H({ a: '1', b: '2', c: '3' });
    h.delete('B');
    return [...h];
  },
  ({ Headers: H }) => [new H({ a: '1' }).get('A'), new H().get('a'), new H({ a: '' }).has('a')],
  ({ Headers: H }) => new H().get(''),
  ({ Headers: H }) => new H().get('a b'),
  ({ Headers: H }) => new H().has('ł'),
  ({ Headers: H }) => new H().delete('a\n'),
  ({ Headers: H }) => new H().set('a', 'b\r\nc'),
  ({ Headers: H }) => new H().append('a:', 'b'),
  ({ Headers: H }) => Reflect.apply(H.prototype.get, new H(), []),
  ({ Headers: H }) => Reflect.apply(H.prototype.set, new H(), ['a']),
  ({ Headers: H }) => Reflect.apply(H.prototype.append, new H(), ['a']),
  ({ Headers: H }) => Reflect.apply(H.prototype.delete, new H(), []),
  ({ Headers: H }) => Reflect.apply(H.prototype.has, new H(), []),
  ({ Headers: H }) => Reflect.apply(H.prototype.forEach, new H(), []),
  ({ Headers: H }) => Reflect.apply(H.prototype.forEach, new H({ a: 'b' }), [1]),
  ({ Headers: H }) => Reflect.apply(H.prototype.get, {}, ['a']),
  ({ Headers: H }) => Reflect.apply(H.prototype.get, Object.create(H.prototype), ['a']),
  ({ Headers: H }) => Reflect.apply(H.prototype.entries, {}, []),
  ({ Headers: H }) => Reflect.apply(H.prototype.getSetCookie, H.prototype, []),
  ({ Headers: H }) => Reflect.apply(H as never, undefined, []),
  ({ Headers: H }) => {
    const h = new H();
    Reflect.apply(h.set, h, [1, 2]);
    return [...h];
  },
  ({ Headers: H }) => {
    const h = new H();
    Reflect.apply(h.set, h, [Symbol('a'), 2]);
    return [...h];
  },
  ({ Headers: H }) => {
    const h = new H();
    h.set('toString', 'x');
    return [...h];
  },
  ({ Headers: H }) => [
    [...new H({ b: '1', a: '2' }).keys()],
    [...new H({ b: '1', a: '2' }).values()],
  ],
  ({ Headers: H }) => {
    const seen: unknown[] = [];
    const h = new H({ b: '1', a: '2' });
    h.forEach(function (this: unknown, value, name, self) {
      seen.push([this, value, name, self === h]);
    }, 'self');
    return seen;
  },
  ({ Headers: H }) => {
    const h = new H({ a: '1', c: '3' });
    const seen: string[] = [];
    for (const [name] of h) {
      seen.push(name);
      if (name === 'a') h.set('b', '2');
    }
    return seen;
  },
  ({ Headers: H }) => {
    const h = new H({ a: '1', b: '2', c: '3' });
    const seen: string[] = [];
    for (const [name] of h) {
      seen.push(name);
      h.delete(name);
    }
    return seen;
  },
  ({ Headers: H }) => {
    const h = new H({ a: '1', b: '2', c: '3' });
    const seen: string[] = [];
    h.forEach((_value, name) => {
      seen.push(name);
      h.delete(name);
    });
    return seen;
  },
  ({ Headers: H }) => {
    const iterator = new H({ a: '1' })[Symbol.iterator]();
    return [iterator.next(), iterator.next(), iterator.next()];
  },
  ({ Headers: H }) => {
    const h = new H({ a: '1' });
    for (const pair of h) pair[1] = 'x';
    return [...h];
  },
  ({ Headers: H }) => Object.prototype.toString.call(new H().entries()),
  ({ Headers: H }) => Object.getOwnPropertyNames(Object.getPrototypeOf(new H().keys())),
  ({ Headers: H }) =>
    Object.getPrototypeOf(Object.getPrototypeOf(new H().keys())) === Iterator.prototype,
  ({ Headers: H }) => [...new H({ a: '1', b: '2' })].map(([name]) => name),
  ({ Headers: H }) =>
    new H({ a: '1', b: '2' })
      .entries()
      .map(([name]) => name)
      .toArray(),
  ({ Headers: H }) => Reflect.apply(new H().entries().next, {}, []),
  ({ Headers: H }) => [
    ...new H(
      new H([
        ['set-cookie', 'a'],
        ['set-cookie', 'b'],
        ['x', '1, 2'],
      ]),
    ),
  ],
  ({ Headers: H }) => {
    const one = new H({ a: '1' });
    const other = new H(one);
    one.set('a', '2');
    return other.get('a');
  },
  ({ Headers: H }) => {
    const h = new H({ a: '1' });
    Object.defineProperty(h, Symbol.iterator, {
      *value() {
        yield ['b', '2'];
      },
    });
    return [...new H(h).keys()];
  },
  ({ Headers: H }) => Object.fromEntries(new H({ a: '1', B: '2' })),
  ({ Headers: H }) => JSON.stringify(new H({ a: '1' })),
  ({ Headers: H }) => Object.keys(new H({ a: '1' })),
  ({ Headers: H }) => Object.prototype.toString.call(new H()),
  ({ Headers: H }) => structuredClone(new H({ a: '1' })),
  ({ Headers: H }) => class extends H {}.name,
  ({ Headers: H }) => {
    class Mine extends H {
      mine = 1;
    }
    const h = new Mine({ a: '1' });
    return [h.get('a'), h.mine, h instanceof H];
  },
]);

describe('Headers of the worker', () => {
  it.each(INITS)('are as those of Node, made of %s', async (_what, make) => {
    await expectSame(({ Headers: H }) => [...new H(any(make()))]);
    await expectSame(({ Request: R }) => [...new R('http://a', { headers: any(make()) }).headers]);
    await expectSame(({ Response: R }) => [...new R(null, { headers: any(make()) }).headers]);
  });

  it.each(CALLS)('do as those of Node: %s', async (_source, run: WebCase) => {
    await expectSame(run);
  });

  it('leave out what is not enumerable, as the standard has it and Node has not', () => {
    const init = Object.defineProperty({ a: '1' }, 'b', { value: '2' });
    expect([...new OURS.Headers(init)]).toEqual([['a', '1']]);
  });

  it('show what they hold', async () => {
    const { inspect } = await import('node:util');
    expect(inspect(new OURS.Headers({ b: '1', a: '2' }))).toBe(`Headers { b: '1', a: '2' }`);
  });
});

describe('any calls on Headers', () => {
  const name = fc.constantFrom('a', 'B', 'b', 'x-long-name', 'Set-Cookie', 'cookie', 'a b', '');
  const value = fc.oneof(
    fc.string({ maxLength: 4 }),
    fc.constantFrom(' v ', '\n', 'ä', 'ł', '\x01'),
  );
  const call = fc.tuple(fc.constantFrom('append', 'set', 'delete', 'get', 'has'), name, value);

  it('have the same outcome as on those of Node', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(call, { maxLength: 12 }), async (calls) => {
        await expectSame(({ Headers: H }) => {
          const headers = new H();
          const results = calls.map(([method, ...rest]) => {
            try {
              return Reflect.apply(headers[method as 'get'], headers, rest) as unknown;
            } catch (error) {
              return (error as Error).name;
            }
          });
          return [results, [...headers], headers.getSetCookie()];
        });
      }),
      { numRuns: 300 },
    );
  });

  it('have the same outcome made of any pairs', async () => {
    const pairs = fc.array(fc.tuple(fc.string(), fc.string()), { maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(pairs, async (init) => {
        await expectSame(({ Headers: H }) => [...new H(init)]);
      }),
      { numRuns: 300 },
    );
  });
});

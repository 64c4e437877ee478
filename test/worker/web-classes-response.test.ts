/** The worker's Response, beside Node's. */
/* oxlint-disable typescript/unbound-method -- methods are called on what they were not made for */
import { Blob } from 'node:buffer';
import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { BODIES, READS } from '../support/web-bodies.ts';
import { expectSame, named, OURS, type WebCase } from '../support/web-classes.ts';

type Init = NonNullable<ConstructorParameters<typeof Response>[1]>;

/** All that can be seen of a response but its body. */
function seen(response: Response): unknown {
  const { status, statusText, ok, type, url, redirected, bodyUsed } = response;
  const headers = [...response.headers].map(([name, value]) => [
    name,
    value.replace(/=----.*/, '='),
  ]);
  return { status, statusText, ok, type, url, redirected, bodyUsed, headers };
}

const INITS: [what: string, init: unknown][] = [
  ['undefined', undefined],
  ['null', null],
  ['a number', 1],
  ['a text', 'x'],
  ['a function', () => {}],
  ['an empty object', {}],
  ...[0, 99, 100, 101, 199, 200, 201, 204, 205, 299, 304, 404, 418, 599, 600, 1000].map(
    (status): [string, unknown] => [`status ${status}`, { status }],
  ),
  ...[
    undefined,
    null,
    '201',
    '201.9',
    201.9,
    NaN,
    Infinity,
    -1,
    65_736,
    true,
    [202],
    'x',
    1n,
    {},
  ].map((status): [string, unknown] => [
    `status ${JSON.stringify(status, (_key, value: unknown) => (typeof value === 'bigint' ? 'a bigint' : value))} ${typeof status}`,
    { status },
  ]),
  ['a status that is a symbol', { status: Symbol('a') }],
  ...['', 'OK', 'ä', 'ł', 'a\nb', 'a\tb', '\x01', '\x7f', null, 1, undefined].map(
    (statusText): [string, unknown] => [`statusText ${JSON.stringify(statusText)}`, { statusText }],
  ),
  ['headers', { headers: { a: '1', 'content-type': 'x/y' } }],
  ['headers that are null', { headers: null }],
  ['headers that are none', { headers: 'x' }],
  ['members it inherits', Object.create({ status: 202 })],
];

const MORE = named([
  ({ Response: R }) => seen(new R()),
  ({ Response: R }) => new R().body,
  ({ Response: R }) => [new R('').body === null, new R(null).body, new R(undefined).body],
  ({ Response: R }) => seen(R.error()),
  ({ Response: R }) => R.error().headers.set('a', 'b'),
  ({ Response: R }) => R.error().headers.delete('a'),
  ({ Response: R }) => R.error().headers.append('a b', 'b'),
  ({ Response: R }) => seen(R.error().clone()),
  ({ Response: R }) => seen(R.redirect('http://a/b?c#d')),
  ({ Response: R }) => seen(R.redirect('http://a/b c', 301)),
  ({ Response: R }) => R.redirect('/b'),
  ({ Response: R }) => R.redirect('http://a', 200 as never),
  ({ Response: R }) => R.redirect('http://a', 'x' as never),
  ({ Response: R }) => seen(R.redirect(new URL('http://a/ł'))),
  ({ Response: R }) => Reflect.apply(R.redirect, R, []),
  ({ Response: R }) => R.redirect('http://a').headers.append('a', 'b'),
  ({ Response: R }) => R.redirect('http://a').clone().headers.append('a', 'b'),
  async ({ Response: R }) => [seen(R.json({ a: 1 })), await R.json({ a: 1 }).json()],
  async ({ Response: R }) =>
    seen(R.json('ł', { status: 201, statusText: 'x', headers: { a: '1' } })),
  async ({ Response: R }) => seen(R.json(1, { headers: { 'Content-Type': 'a/b' } })),
  async ({ Response: R }) => R.json('\ud800').text(),
  ({ Response: R }) => R.json(undefined),
  ({ Response: R }) => R.json(() => {}),
  ({ Response: R }) => R.json(Symbol('a')),
  ({ Response: R }) => R.json(1n),
  ({ Response: R }) => Reflect.apply(R.json, R, []),
  ({ Response: R }) => R.json({}, { status: 204 }),
  ({ Response: R }) => R.json({}, { status: 100 }),
  ({ Response: R }) => R.json({}, 1 as never),
  ({ Response: R }) =>
    R.json({
      toJSON() {
        throw new RangeError('x');
      },
    }),
  ({ Response: R }) => Reflect.apply(R.json, undefined, [null]).text(),
  ({ Response: R }) => new R('x', { status: 204 }),
  ({ Response: R }) => new R('', { status: 304 }),
  ({ Response: R }) => seen(new R(null, { status: 204 })),
  async ({ Response: R }) => {
    const r = new R('x');
    const c = r.clone();
    return [await r.text(), await c.text(), r.bodyUsed, c.bodyUsed];
  },
  async ({ Response: R }) => {
    const r = new R(new Uint8Array([1, 2]));
    const c = r.clone();
    const one = await r.bytes();
    one[0] = 9;
    return [...(await c.bytes())];
  },
  async ({ Response: R }) => {
    const r = new R('x');
    await r.text();
    return r.clone();
  },
  ({ Response: R }) => {
    const r = new R('x');
    r.body?.getReader();
    return r.clone();
  },
  ({ Response: R }) => {
    const r = new R('x', { headers: { a: '1' } });
    const c = r.clone();
    c.headers.set('a', '2');
    return [r.headers.get('a'), c.headers.get('a')];
  },
  ({ Response: R }) => {
    const r = new R('x');
    return [r.body === r.body, r.headers === r.headers, r.body instanceof ReadableStream];
  },
  async ({ Response: R }) => {
    const r = new R(Readable.from(['a', 'b']) as never);
    const c = r.clone();
    return [await r.text(), await c.text()];
  },
  async ({ Response: R }) => {
    const r = new R('abc');
    const reader = r.body?.getReader({ mode: 'byob' });
    const { value } = (await reader?.read(new Uint8Array(2))) ?? {};
    return [...(value ?? [])];
  },
  async ({ Response: R }) => {
    const r = new R('x');
    await r.body?.cancel();
    return [r.bodyUsed, await r.text()];
  },
  async ({ Response: R }) => {
    const r = new R('x');
    r.body?.getReader().releaseLock();
    return [r.bodyUsed, await r.text()];
  },
  async ({ Response: R }) => {
    const r = new R('x');
    await r.text();
    return [r.bodyUsed, r.body?.locked];
  },
  async ({ Response: R }) => {
    const r = new R('x');
    await r.text();
    return new R(r.body);
  },
  async ({ Response: R }) => {
    const r = new R('x');
    const promise = r.text();
    return [r.bodyUsed, await promise];
  },
  async ({ Response: R }) => {
    const r = new R(null);
    await r.text();
    return [r.bodyUsed, await r.text()];
  },
  async ({ Response: R }) => {
    const r = new R('x');
    await r.text();
    return r.text();
  },
  async ({ Response: R }) => {
    const r = new R('x');
    await r.json().catch(() => {});
    return r.bodyUsed;
  },
  ({ Response: R }) => {
    const s = new ReadableStream();
    s.getReader();
    return new R(s);
  },
  async ({ Response: R }) => {
    const s = new ReadableStream({ start: (c) => c.close() });
    await s.getReader().read();
    return new R(s);
  },
  async ({ Response: R }) =>
    new R(
      new ReadableStream({
        start(c) {
          c.enqueue('x' as never);
          c.close();
        },
      }),
    ).text(),
  async ({ Response: R }) =>
    new R(
      new ReadableStream({
        start(c) {
          c.error(new RangeError('x'));
        },
      }),
    ).text(),
  async ({ Response: R }) =>
    new R(
      (async function* () {
        yield 'a';
        throw new RangeError('x');
      })() as never,
    ).text(),
  async ({ Response: R }) => {
    const bytes = new Uint8Array([1, 2]);
    const r = new R(bytes);
    bytes[0] = 9;
    return [...(await r.bytes())];
  },
  async ({ Response: R }) => {
    const r = new R('a');
    const copy = new R(r.body, r);
    return [seen(copy), await copy.text()];
  },
  async ({ Response: R }) => {
    const form = new FormData();
    form.append('a', 'b\nc');
    form.append('"x"\n', new File(['y'], 'n"m.txt', { type: 'a/b' }));
    const read = await new R(form).formData();
    const file = read.get('"x"\n') as File;
    return [read.get('a'), file?.name, file?.type, [...read.keys()]];
  },
  async ({ Response: R }) => [...(await new R(new URLSearchParams('a=1&b=ł')).formData())],
  async ({ Response: R }) => new R('x').formData(),
  async ({ Response: R }) =>
    new R('x', { headers: { 'content-type': 'multipart/form-data' } }).formData(),
  async ({ Response: R }) => {
    const chunks: string[] = [];
    for await (const chunk of (
      new R('ab') as never as { textStream(): AsyncIterable<string> }
    ).textStream())
      chunks.push(chunk);
    return chunks;
  },
  ({ Response: R }) => Reflect.get(R.prototype, 'status', {}),
  ({ Response: R }) => R.prototype.status,
  ({ Response: R }) => Object.create(R.prototype).headers,
  async ({ Response: R }) => Reflect.apply(R.prototype.text, {}, []),
  ({ Response: R }) => Reflect.apply(R.prototype.clone, {}, []),
  ({ Response: R }) => Reflect.apply(R as never, undefined, []),
  ({ Response: R }) => {
    const r = new R();
    Reflect.set(r, 'status', 201);
    return r.status;
  },
  ({ Response: R }) => {
    const r = new R() as { status: number };
    r.status = 201;
  },
  ({ Response: R }) => Object.prototype.toString.call(new R()),
  ({ Response: R }) => [Object.keys(new R()), JSON.stringify(new R()), R.name, R.length],
  ({ Response: R }) => {
    const names = [];
    for (const name in new R()) names.push(name);
    return names.sort();
  },
  ({ Response: R }) => Object.getOwnPropertyNames(R.prototype).sort(),
  ({ Response: R }) => Object.keys(R).sort(),
  ({ Response: R }) => structuredClone(new R()),
  ({ Response: R }) => structuredClone({ nested: [new R()] }),
  ({ Response: R }) => {
    class Mine extends R {}
    Object.defineProperty(Mine.prototype, 'status', { get: () => 299 });
    const r = new Mine('x');
    return [r.status, r.ok, r instanceof R, r.clone() instanceof Mine, r.clone().constructor === R];
  },
  ({ Response: R }) => class extends R {}.json(1).constructor === R,
  ({ Response: R }) => new R(Symbol('a') as never),
  ({ Response: R }) =>
    new R({
      toString() {
        throw new RangeError('x');
      },
    } as never),
]);

describe('Response of the worker', () => {
  it.each(INITS)('is as that of Node with %s', async (_what, init) => {
    await expectSame(({ Response: R }) => seen(new R(null, init as Init)));
    await expectSame(({ Response: R }) => seen(new R('x', init as Init)));
  });

  it.each(MORE)('does as that of Node: %s', async (_source, run: WebCase) => {
    await expectSame(run);
  });

  it.each(BODIES)('has the same bodies as that of Node, of %s', async (_what, make) => {
    await expectSame(({ Response: R }) => seen(new R(make())));
    for (const read of READS) {
      await expectSame(async ({ Response: R }) => read(new R(make())));
      await expectSame(async ({ Response: R }) => read(new R(make()).clone()));
    }
  });

  it('shows what it holds', async () => {
    const { inspect } = await import('node:util');
    const response = OURS.Response.json({}, { headers: { b: '1' } });
    expect(inspect(response)).toMatch(
      /^Response \{\n {2}status: 200,\n {2}statusText: '',\n {2}headers: Headers \{/,
    );
  });

  it('reads a Blob later', async () => {
    expect(await new OURS.Response(new Blob(['a', 'b']) as never).text()).toBe('ab');
  });
});

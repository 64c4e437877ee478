/** The worker's Request, beside Node's. */
/* oxlint-disable typescript/unbound-method -- methods are called on what they were not made for */
import { describe, it } from 'vitest';
import { BODIES, READS } from '../support/web-bodies.ts';
import { expectSame, named, type WebCase } from '../support/web-classes.ts';

type Init = NonNullable<ConstructorParameters<typeof Request>[1]>;

const URL_TEXT = 'http://host/path?query';

/** All that can be seen of a request but its body. */
function seen(request: Request): unknown {
  const { method, url, referrer, referrerPolicy, mode, credentials, cache, redirect } = request;
  const { integrity, keepalive, destination, duplex, bodyUsed, signal } = request;
  const headers = [...request.headers].map(([name, value]) => [
    name,
    value.replace(/=----.*/, '='),
  ]);
  const options = { referrer, referrerPolicy, mode, credentials, cache, redirect, integrity };
  return {
    method,
    url,
    ...options,
    keepalive,
    destination,
    duplex,
    bodyUsed,
    headers,
    aborted: signal.aborted,
  };
}

const INPUTS: [what: string, make: () => unknown][] = [
  ...[
    '',
    '/a',
    'a',
    'http://',
    'http://a',
    'HTTP://A:80/',
    'https://a:443/b',
    'http://a/../b/./c',
    'http://a/%2e%2e/b',
    'http://a/ł?ł#ł',
    'http://a/b#c',
    'http://u:p@a/',
    'http://u@a/',
    'http://:p@a/',
    'about:blank',
    'data:,x',
    'blob:x',
    'mailto:a@b',
    'http://a b/',
    'http://[::1]:8080/',
    'http://0x7f.1/',
    ' http://a ',
    'http://a\\b',
    'http://a?"<>`{}',
    'null',
  ].map((text): [string, () => unknown] => [JSON.stringify(text), () => text]),
  ['a URL', () => new URL('http://a/b?c#d')],
  ['undefined', () => undefined],
  ['null', () => null],
  ['a number', () => 1],
  ['a symbol', () => Symbol('a')],
  ['an object', () => ({})],
  ['an object with a url', () => ({ url: 'http://a' })],
  ['an object with a toString', () => ({ toString: () => 'http://a/b' })],
];

const VALUES: Record<string, unknown[]> = {
  method: [
    'get',
    'GET',
    'Post',
    'patch',
    'PATCH',
    'query',
    'delete',
    'OPTIONS',
    'foo',
    'FoO',
    '',
    'a b',
    'TRACE',
    'connect',
    'Track',
    'ł',
    null,
    1,
    Symbol('a'),
  ],
  mode: ['cors', 'no-cors', 'same-origin', 'navigate', 'x', '', null, 'CORS'],
  credentials: ['omit', 'include', 'same-origin', 'x', null],
  cache: ['default', 'no-store', 'reload', 'no-cache', 'force-cache', 'only-if-cached', 'x'],
  redirect: ['follow', 'manual', 'error', 'x', null],
  referrer: ['', 'about:client', 'http://a/b', 'x', null, 1],
  referrerPolicy: ['', 'origin', 'no-referrer', 'unsafe-url', 'x'],
  integrity: ['', 'sha256-x', null, 1, Symbol('a')],
  keepalive: [true, false, 0, 'x', null],
  duplex: ['half', 'full', null],
  priority: ['high', 'low', 'auto', 'x'],
  window: [null, 1, {}],
  signal: [null, {}, 'x', 1],
  body: ['x', '', null],
  headers: [
    null,
    { a: '1' },
    [
      ['a', '1'],
      ['a', '2'],
    ],
    'x',
  ],
};

const MEMBERS: [what: string, init: unknown][] = Object.entries(VALUES).flatMap(([name, values]) =>
  values.map((value): [string, unknown] => [
    `${name} ${typeof value === 'symbol' ? 'symbol' : JSON.stringify(value)}`,
    { [name]: value },
  ]),
);

const MORE = named([
  ({ Request: R }) => new (R as never as new () => unknown)(),
  ({ Request: R }) => Reflect.apply(R as never, undefined, [URL_TEXT]),
  ({ Request: R }) => new R(URL_TEXT, 1 as never),
  ({ Request: R }) => seen(new R(URL_TEXT, null as never)),
  ({ Request: R }) => new R(URL_TEXT, { method: 'GET', body: 'x' }),
  ({ Request: R }) => new R(URL_TEXT, { method: 'HEAD', body: '' }),
  ({ Request: R }) => new R(URL_TEXT, { method: 'POST', body: new ReadableStream() }),
  ({ Request: R }) =>
    seen(new R(URL_TEXT, { method: 'POST', body: new ReadableStream(), duplex: 'half' })),
  ({ Request: R }) =>
    new R(URL_TEXT, {
      method: 'POST',
      body: new ReadableStream(),
      duplex: 'half',
      keepalive: true,
    }),
  ({ Request: R }) =>
    new R(URL_TEXT, {
      method: 'POST',
      body: new ReadableStream(),
      duplex: 'half',
      mode: 'no-cors',
    }),
  ({ Request: R }) => new R(URL_TEXT, { method: 'PUT', mode: 'no-cors' }),
  ({ Request: R }) => seen(new R(URL_TEXT, { mode: 'same-origin', cache: 'only-if-cached' })),
  ({ Request: R }) =>
    seen(
      new R(
        new R(URL_TEXT, {
          method: 'PUT',
          headers: { a: '1' },
          referrer: 'http://r/',
          referrerPolicy: 'origin',
        }),
      ),
    ),
  ({ Request: R }) =>
    seen(
      new R(
        new R(URL_TEXT, {
          method: 'PUT',
          referrer: 'http://r/',
          referrerPolicy: 'origin',
          integrity: 'x',
        }),
        { cache: 'reload' },
      ),
    ),
  ({ Request: R }) =>
    seen(new R(new R(URL_TEXT, { mode: 'same-origin' }), { cache: 'only-if-cached' })),
  ({ Request: R }) =>
    seen(new R(new R(URL_TEXT, { headers: { a: '1' } }), { headers: { b: '2' } })),
  ({ Request: R }) => {
    const one = new R(URL_TEXT, { headers: { a: '1' } });
    const other = new R(one);
    other.headers.set('a', '2');
    return [one.headers.get('a'), other.headers.get('a')];
  },
  async ({ Request: R }) => {
    const one = new R(URL_TEXT, { method: 'POST', body: 'x' });
    const other = new R(one);
    return [one.bodyUsed, one.body?.locked, other.bodyUsed, await other.text(), seen(other)];
  },
  async ({ Request: R }) => {
    const one = new R(URL_TEXT, { method: 'POST', body: 'x' });
    const other = new R(one, { body: 'y' });
    return [one.bodyUsed, await other.text(), await one.text()];
  },
  async ({ Request: R }) => {
    const one = new R(URL_TEXT, { method: 'POST', body: 'x' });
    await one.text();
    return new R(one);
  },
  async ({ Request: R }) => {
    const one = new R(URL_TEXT, { method: 'POST', body: 'x' });
    await one.text();
    return new R(one, { body: 'y' }).text();
  },
  ({ Request: R }) => new R(new R(URL_TEXT, { method: 'POST', body: 'x' }), { method: 'GET' }),
  async ({ Request: R }) => {
    const one = new R(URL_TEXT, { method: 'POST', body: new Blob(['x']).stream(), duplex: 'half' });
    const other = new R(one);
    return [one.bodyUsed, await other.text()];
  },
  async ({ Request: R }) => {
    const one = new R(URL_TEXT, { method: 'POST', body: 'x' });
    void one.body;
    const other = new R('http://b/', one);
    return [seen(other), one.bodyUsed, await other.text()];
  },
  ({ Request: R }) =>
    seen(new R('http://b/', new R(URL_TEXT, { headers: { a: '1' }, redirect: 'manual' }))),
  async ({ Request: R }) => {
    const one = new R(URL_TEXT, { method: 'POST', body: 'x', headers: { a: '1' } });
    const copy = one.clone();
    copy.headers.set('a', '2');
    return [seen(one), seen(copy), await one.text(), await copy.text()];
  },
  async ({ Request: R }) => {
    const one = new R(URL_TEXT, { method: 'POST', body: 'x' });
    await one.text();
    return one.clone();
  },
  ({ Request: R }) => {
    const one = new R(URL_TEXT, { method: 'POST', body: 'x' });
    one.body?.getReader();
    return one.clone();
  },
  ({ Request: R }) => {
    const c = new AbortController();
    const r = new R(URL_TEXT, { signal: c.signal });
    const before = [r.signal === c.signal, r.signal === r.signal, r.signal.aborted];
    c.abort('why');
    return [before, r.signal.aborted, r.signal.reason];
  },
  ({ Request: R }) => {
    const r = new R(URL_TEXT, { signal: AbortSignal.abort('why') });
    return [r.signal.aborted, r.signal.reason];
  },
  ({ Request: R }) => {
    const c = new AbortController();
    const r = new R(URL_TEXT, { signal: c.signal });
    const copies = [new R(r), r.clone(), new R(r, { signal: null })];
    c.abort('why');
    return [
      ...copies.map(({ signal }) => signal.reason as unknown),
      ...copies.map(({ signal }) => signal.aborted),
    ];
  },
  ({ Request: R }) => {
    const c = new AbortController();
    const r = new R(URL_TEXT, { signal: c.signal });
    const seenReasons: unknown[] = [];
    r.signal.addEventListener('abort', () => seenReasons.push(r.signal.reason));
    c.abort('why');
    return seenReasons;
  },
  ({ Request: R }) => new R(URL_TEXT).signal instanceof AbortSignal,
  ({ Request: R }) => {
    const r = new R(URL_TEXT);
    return [r.body, r.bodyUsed, r.headers === r.headers];
  },
  async ({ Request: R }) => {
    const form = new FormData();
    form.append('a', 'b');
    return [...(await new R(URL_TEXT, { method: 'POST', body: form }).formData())];
  },
  async ({ Request: R }) => [
    ...(await new R(URL_TEXT, { method: 'POST', body: new URLSearchParams('a=b&a=c') }).formData()),
  ],
  async ({ Request: R }) => new R(URL_TEXT).text(),
  async ({ Request: R }) => new R(URL_TEXT).json(),
  async ({ Request: R }) => (await new R(URL_TEXT).blob()).size,
  async ({ Request: R }) => new R(URL_TEXT).formData(),
  ({ Request: R }) => Reflect.get(R.prototype, 'url', {}),
  ({ Request: R }) => R.prototype.destination,
  ({ Request: R }) => R.prototype.duplex,
  ({ Request: R }) => new R(Object.create(R.prototype) as Request),
  ({ Request: R }) => Object.prototype.toString.call(new R(URL_TEXT)),
  ({ Request: R }) => [
    Object.keys(new R(URL_TEXT)),
    JSON.stringify(new R(URL_TEXT)),
    R.name,
    R.length,
  ],
  ({ Request: R }) => {
    const names = [];
    for (const name in new R(URL_TEXT)) names.push(name);
    return names.filter((name) => name !== 'attribute').sort();
  },
  ({ Request: R }) => structuredClone(new R(URL_TEXT)),
  ({ Request: R }) => {
    class Mine extends R {
      mine = 1;
    }
    const r = new Mine(URL_TEXT, { method: 'PUT' });
    return [r.mine, r.method, r instanceof R, new R(r).method, r.clone() instanceof Mine];
  },
  ({ Request: R }) => {
    const order: string[] = [];
    const init = new Proxy(
      {},
      {
        get: (_target, name) => {
          order.push(String(name));
          return undefined;
        },
      },
    );
    void new R(URL_TEXT, init);
    return order;
  },
  ({ Response: R }) => {
    const order: string[] = [];
    const init = new Proxy(
      {},
      {
        get: (_target, name) => {
          order.push(String(name));
          return undefined;
        },
      },
    );
    void new R('', init);
    return order;
  },
]);

/** What a content type becomes as the type of a Blob. */
const CONTENT_TYPES = [
  '',
  'text/plain',
  'Text/HTML',
  'text/plain;charset=UTF-8',
  'text/plain; charset="utf-8"',
  'text/plain;charset=',
  'text/plain;charset',
  'text',
  'text/',
  '/x',
  'text/plain;;a=b',
  'text/plain;a=b;a=c',
  'text/plain;a="b\\"c"',
  'text/plain;a="b;c";d=e',
  'text/plain;a="b',
  'text/plain ; a = b',
  'te xt/plain',
  'text/plain, text/html',
  'text/html;charset=x, text/html',
  'text/html;charset=x, text/plain, text/html',
  'text/html, */*',
  '*/*',
  'text/html;a="b,c", x/y',
  'text/plain;a=b c',
  'text/plain;ä=b',
  'text/plain;a=ä',
  'text/plain;a=""',
  'text/plain;a="b"x;c=d',
  'x/y,',
  ',x/y',
  'text/plain;a="\\',
  'text/plain;a=b"c,d"',
];

describe('Request of the worker', () => {
  it.each(INPUTS)('is as that of Node, of %s', async (_what, make) => {
    await expectSame(({ Request: R }) => seen(new R(make() as string)));
  });

  it.each(MEMBERS)('is as that of Node, with %s', async (_what, init) => {
    await expectSame(({ Request: R }) => seen(new R(URL_TEXT, init as Init)));
    await expectSame(({ Request: R }) =>
      seen(new R(new R(URL_TEXT, { method: 'POST', body: 'y' }), init as Init)),
    );
  });

  it.each(MORE)('does as that of Node: %s', async (_source, run: WebCase) => {
    await expectSame(run);
  });

  it.each(BODIES)('has the same bodies as that of Node, of %s', async (_what, make) => {
    const init = (): Init => ({ method: 'POST', body: make() as never, duplex: 'half' });
    await expectSame(({ Request: R }) => seen(new R(URL_TEXT, init())));
    for (const read of READS) {
      await expectSame(async ({ Request: R }) => read(new R(URL_TEXT, init())));
    }
  });

  it.each(CONTENT_TYPES)('gives a Blob the type that Node gives it, of %j', async (type) => {
    await expectSame(
      async ({ Response: R }) =>
        (await new R('', { headers: { 'content-type': type } }).blob()).type,
    );
  });
});

/** Web handlers in real workers: what they get, and what of their answers arrives. */
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ask, type Answer } from '../../support/ask.ts';
import { startDataPlane, type DataPlane } from '../../support/data-plane.ts';
import { wrapModule } from '../../support/function-code.ts';

let data: DataPlane;
let upstream: http.Server;
let appCount = 0;

type AskOptions = NonNullable<Parameters<typeof ask>[2]>;

beforeAll(async () => {
  upstream = http.createServer((request, response) => void answerUpstream(request, response));
  upstream.listen(0, '127.0.0.1');
  await once(upstream, 'listening');
  const { port } = upstream.address() as AddressInfo;
  data = await startDataPlane({ environment: { UPSTREAM: `http://127.0.0.1:${port}` } });
  await deploy(RUNS_CODE, 'shared');
});
afterAll(async () => {
  upstream.close();
  await data.close();
});

async function answerUpstream(
  request: http.IncomingMessage,
  response: http.ServerResponse,
): Promise<void> {
  const body = Buffer.concat(await request.toArray()).toString();
  response.setHeader('x-upstream', 'yes');
  response.setHeader('set-cookie', ['a=1', 'b=2']);
  if (request.url === '/gzip') {
    response.setHeader('content-encoding', 'gzip').end(gzipSync('packed'));
  } else if (request.url === '/parts') {
    response.write('one ');
    setImmediate(() => response.end('two'));
  } else {
    const told = String(request.headers['x-a'] ?? '-');
    response.end([request.method, request.url, told, body].join(' '));
  }
}

/** Runs the code that comes with each request, so that most tests share one worker. */
const RUNS_CODE = `const AsyncFunction = (async () => {}).constructor;
  export default async (request) =>
    AsyncFunction('request', Buffer.from(request.headers.get('x-code'), 'base64').toString())(request);`;

/** What a handler with this body answers to the request. */
async function answer(body: string, options: AskOptions = {}): Promise<Answer> {
  const code = { 'x-code': Buffer.from(body).toString('base64') };
  return ask(data, 'shared', { ...options, headers: { ...options.headers, ...code } });
}

async function deploy(source: string, name: string = `app${++appCount}`): Promise<string> {
  data.route(await data.deployment(await wrapModule(source), {}, name));
  return name;
}

async function answerOf(source: string, options?: AskOptions): Promise<Answer> {
  const name = await deploy(source);
  return ask(data, name, options);
}

const POSTED = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"a":1}' };

describe('a web handler', () => {
  it('that reads its request and answers loads none of the classes of Node', async () => {
    const { body, headers } = await answerOf(
      `export default async (request) => {
        const { a } = await request.json();
        const { pathname } = new URL(request.url);
        const response = Response.json({ a, pathname, type: request.headers.get('content-type') });
        const hasLoaded = process.moduleLoadList.some((name) => name.includes('undici'));
        response.headers.set('x-loaded', String(hasLoaded));
        return new Response(await response.text(), response);
      }`,
      { ...POSTED, path: '/x/../y?z' },
    );
    expect(body).toBe('{"a":1,"pathname":"/y","type":"application/json"}');
    expect(headers['x-loaded']).toBe('false');
  });

  it.each([
    [
      'its names',
      `[Request, Response, Headers, fetch].map(({ name }) => name).join()`,
      'Request,Response,Headers,fetch',
    ],
    ['its url', 'request.url', /^http:\/\/shared\.localhost(:\d+)?\/a%20b\?c=d$/],
    [
      'its class',
      'request instanceof Request && Object.prototype.toString.call(request)',
      '[object Request]',
    ],
    [
      'its parts',
      '[request.method, request.bodyUsed, request.signal.aborted].join()',
      'GET,false,false',
    ],
    [
      'what a request of its own inherits',
      `new Request(request, { headers: { a: 'b' } }).headers.get('a')`,
      'b',
    ],
    [
      'what its copy has',
      `request.clone().headers.get('host') === request.headers.get('host')`,
      'true',
    ],
  ])('sees %s', async (_what, expression, expected) => {
    const { body } = await answer(`return String(${expression})`, { path: '/a%20b?c=d' });
    expect(body).toEqual(typeof expected === 'string' ? expected : expect.stringMatching(expected));
  });

  it.each([
    ['a text', `await request.text()`, '{"a":1}'],
    ['bytes', `Buffer.from(await request.arrayBuffer()).toString()`, '{"a":1}'],
    [
      'a stream',
      `(await Array.fromAsync(request.body)).map((part) => Buffer.from(part)).join('')`,
      '{"a":1}',
    ],
    [
      'JSON twice, by a copy',
      `[request.clone(), request].map((one) => one.json())[0].then(JSON.stringify)`,
      '{"a":1}',
    ],
    [
      'JSON once',
      `(await request.json(), await request.json().catch(({ name }) => name))`,
      'TypeError',
    ],
    ['by another request', `await new Request('http://other/', request).text()`, '{"a":1}'],
  ])('reads its body as %s', async (_what, expression, expected) => {
    expect((await answer(`return await (${expression})`, POSTED)).body).toBe(expected);
  });

  it('reads a form with a file', async () => {
    const body =
      '--x\r\nContent-Disposition: form-data; name="f"; filename="n.txt"\r\n\r\nhello\r\n--x--\r\n';
    const headers = { 'content-type': 'multipart/form-data; boundary=x' };
    const read = `const file = (await request.formData()).get('f'); return [file.name, await file.text(), file instanceof File].join()`;
    expect((await answer(read, { method: 'POST', headers, body })).body).toBe('n.txt,hello,true');
  });

  it('streams what it answers by a generator', async () => {
    const { body } = await answer(
      `return new Response((async function* () { yield 'a'; await new Promise(setImmediate); yield new Uint8Array([98]); })())`,
    );
    expect(body).toBe('ab');
  });

  it.each([
    [
      'a bad status of another implementation',
      `return { status: 99, headers: new Map(), arrayBuffer() {} }`,
    ],
    ['a body that was read', `const r = new Response('x'); await r.text(); return r`],
    ['a header that HTTP cannot carry', `return new Response('x', { headers: { a: '\\x01' } })`],
    ['an error', `return Response.error()`],
  ])('fails by answering %s', async (_what, body) => {
    expect((await answer(body)).status).toBe(502);
  });

  it.each([
    ['a stream of Node', `require('node:stream').Readable.from(['a', 'b'])`],
    ['nothing, but a method', `undefined`],
  ])('may answer by another implementation, whose body is %s', async (_what, stream) => {
    const answered = await answerOf(
      `import { createRequire } from 'node:module'; const require = createRequire('/');
       export default () => ({ status: 201, headers: new Map([['x-a', '1']]), body: ${stream}, bodyUsed: false, arrayBuffer: async () => new TextEncoder().encode('ab').buffer })`,
    );
    expect(answered).toMatchObject({ status: 201, body: 'ab', headers: { 'x-a': '1' } });
  });
});

describe('what a function does to the classes', () => {
  it.each([
    [
      'methods',
      `for (const name of ['status', 'headers', 'body', 'text']) Object.defineProperty(Response.prototype, name, { get() { throw new Error(name); } });`,
    ],
    [
      'globals',
      `const { Response: Kept } = globalThis; for (const name of ['Request', 'Response', 'Headers', 'fetch', 'ReadableStream']) delete globalThis[name]; globalThis.Response = Kept;`,
    ],
    [
      'globals of its own',
      `const Kept = Response; globalThis.Response = class Mine extends Kept { constructor(...all) { super(...all); this.headers.set('x-mine', '1'); } };`,
    ],
    [
      'methods of headers',
      `Headers.prototype.entries = Headers.prototype[Symbol.iterator] = Headers.prototype.get = () => { throw new Error('patched'); };`,
    ],
  ])('leaves its answers alone: %s', async (_what, harm) => {
    const answered = await answerOf(
      `${harm}\nexport default () => new Response('whole', { status: 201, headers: { 'x-a': '1' } })`,
    );
    expect(answered).toMatchObject({ status: 201, body: 'whole', headers: { 'x-a': '1' } });
  });
});

describe('fetch in a function', () => {
  const proxied = { status: 200, headers: { 'x-upstream': 'yes', 'set-cookie': ['a=1', 'b=2'] } };

  it('takes the requests and headers of the function', async () => {
    const { body } = await answer(
      `const { UPSTREAM } = process.env;
       const made = new Request(UPSTREAM + '/made', { method: 'PUT', body: 'made', headers: { 'x-a': 'm' } });
       const calls = [fetch(made), fetch(new Request(UPSTREAM + '/over'), { method: 'POST', body: 'over' }),
         fetch(UPSTREAM + '/given', { headers: new Headers({ 'x-a': 'g' }) }), fetch(new URL(UPSTREAM + '/passed'), request)];
       const texts = await Promise.all(calls.map(async (call) => (await call).text()));
       return [...texts, made.bodyUsed].join('|');`,
      { ...POSTED, headers: { ...POSTED.headers, 'x-a': 'p' } },
    );
    expect(body).toBe(
      'PUT /made m made|POST /over - over|GET /given g |POST /passed p {"a":1}|true',
    );
  });

  it("gives answers of the function's own class", async () => {
    const { body } = await answer(
      `const response = await fetch(process.env.UPSTREAM + '/a');
       const copy = response.clone();
       return [response instanceof Response, response.headers instanceof Headers, response.url.endsWith('/a'), response.type, response.ok,
         copy.headers.getSetCookie().join(';'), await copy.text() === await response.text(), response.bodyUsed].join();`,
    );
    expect(body).toBe('true,true,true,basic,true,a=1;b=2,true,true');
  });

  it.each([
    ['as it is', `return fetch(process.env.UPSTREAM + '/parts')`],
    [
      'in a new one',
      `const got = await fetch(process.env.UPSTREAM + '/parts'); return new Response(got.body, got)`,
    ],
    ['of a passed request', `return fetch(new Request(process.env.UPSTREAM + '/parts', request))`],
  ])('lets a function pass an answer on, %s', async (_what, body) => {
    expect(await answer(body, POSTED)).toMatchObject({ ...proxied, body: 'one two' });
  });

  it('lets a function pass on an answer that was packed', async () => {
    const answered = await answer(
      `const got = await fetch(process.env.UPSTREAM + '/gzip'); return new Response(got.body, got)`,
    );
    expect(answered.body).toBe('packed');
    expect(answered.headers['content-encoding']).toBeUndefined();
  });

  it('rejects as ever', async () => {
    const { body } = await answer(
      `const names = [];
       for (const call of [() => fetch('/relative'), () => fetch(new Request('http://127.0.0.1:1/')), () => fetch(request, { signal: AbortSignal.abort() })])
         await call().catch(({ name }) => names.push(name));
       return names.join();`,
    );
    expect(body).toBe('TypeError,TypeError,AbortError');
  });

  it('leads WebAssembly to what it streams', async () => {
    const { body } = await answer(
      `const bytes = new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]);
       const response = () => new Response(bytes, { headers: { 'content-type': 'application/wasm' } });
       const module = await WebAssembly.compileStreaming(Promise.resolve(response()));
       const { instance } = await WebAssembly.instantiateStreaming(response(), {});
       return [module instanceof WebAssembly.Module, instance instanceof WebAssembly.Instance].join();`,
    );
    expect(body).toBe('true,true');
  });
});

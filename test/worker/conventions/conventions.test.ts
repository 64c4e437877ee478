import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ask, type Answer } from '../../support/ask.ts';
import { startDataPlane, type DataPlane } from '../../support/data-plane.ts';
import { wrapCommonJs, wrapModule } from '../../support/function-code.ts';

let data: DataPlane;
let appCount = 0;

beforeAll(async () => {
  data = await startDataPlane({ environment: { GREETING: 'hi', NODE_ENV: 'test' } });
});
afterAll(() => data.close());

type AskOptions = Parameters<typeof ask>[2];

/** Deploys the code as an app of its own; the result asks it. */
async function deployed(code: string): Promise<{
  convention: string;
  ask: (options?: AskOptions) => Promise<Answer>;
}> {
  const name = `app${++appCount}`;
  const deployment = await data.deployment(code, {}, name);
  const prepared = await data.pool.prepare(deployment, ['main']);
  if (prepared.kind === 'failed') throw new Error(prepared.failure.message);
  if (prepared.kind === 'unavailable') throw new Error(prepared.message);
  data.route(deployment);
  return {
    convention: prepared.conventions['main'] ?? '',
    ask: (options) => ask(data, name, options),
  };
}

async function fromModule(source: string): ReturnType<typeof deployed> {
  return deployed(await wrapModule(source));
}

describe('conventions', () => {
  it.each([
    ['methods', `export function GET() {}; export const handler = () => {}`],
    ['fetch', `export default { fetch() {} }; export const handler = () => {}`],
    ['lambda', `export const handler = () => {}; export default () => {}`],
    ['node', `export default (req, res) => res.end('x')`],
    ['lambda', `export default { handler() {} }`],
    ['web', `export default () => new Response('x')`],
    ['fetch', `export default class { fetch() {} }`],
  ])('%s is found in %s', async (convention, source) => {
    expect(await fromModule(source)).toMatchObject({ convention });
  });

  it.each([
    ['lambda', `exports.handler = async () => 'x'`],
    ['plain', `module.exports = async ({ method }) => ({ status: 200, body: method })`],
  ])('%s is found in CommonJS: %s', async (convention, source) => {
    expect(await deployed(wrapCommonJs(source))).toMatchObject({ convention });
  });

  it('makes an instance of a Workers class for each request', async () => {
    const entrypoint = await fromModule(`
      class Entrypoint { constructor(ctx, env) { this.ctx = ctx; this.env = env; this.count = 0; } }
      export default class extends Entrypoint {
        async fetch(request) {
          this.ctx.waitUntil(Promise.resolve());
          return new Response([this.env.GREETING, ++this.count, new URL(request.url).pathname].join(' '));
        }
      }`);
    expect((await entrypoint.ask()).body).toBe('hi 1 /');
    expect((await entrypoint.ask()).body).toBe('hi 1 /');
  });

  it.each([
    ['nothing', `export const x = 1`],
    ['a default value that is no function', `export default { a: 1 }`],
    ['a class without fetch', `export default class { constructor(a, b) {} scheduled() {} }`],
  ])('no handler is found in %s, and what would be is told', async (_what, source) => {
    await expect(fromModule(source)).rejects.toThrow(
      /No handler found in index.js[^]*export default/,
    );
  });
});

describe('web handlers', () => {
  it('answer each method by its export, HEAD by GET, and others with 405', async () => {
    const app = await fromModule(
      `export const GET = () => new Response('got'); export async function POST(request) { return new Response(await request.text()); }`,
    );
    expect(await app.ask()).toMatchObject({ status: 200, body: 'got' });
    expect(await app.ask({ method: 'HEAD' })).toMatchObject({ status: 200, body: '' });
    expect(await app.ask({ method: 'POST', body: 'posted' })).toMatchObject({ body: 'posted' });
    const refused = await app.ask({ method: 'DELETE' });
    expect(refused.status).toBe(405);
    expect(refused.headers.allow).toBe('GET, POST, HEAD');
  });

  it('get env and a context as a Worker does', async () => {
    const app = await fromModule(
      `export default { fetch(request, env, ctx) { ctx.waitUntil(Promise.resolve()); return Response.json({ env, same: this.own }); }, own: 1 }`,
    );
    expect(JSON.parse((await app.ask()).body)).toEqual({
      env: { GREETING: 'hi', NODE_ENV: 'test' },
      same: 1,
    });
  });

  it('may answer strings, objects and several cookies', async () => {
    const app = await fromModule(`export default (request) => {
      const path = new URL(request.url).pathname;
      if (path === '/text') return 'text';
      if (path === '/object') return { a: 1 };
      const headers = new Headers([['set-cookie', 'a=1'], ['set-cookie', 'b=2']]);
      return new Response('x', { status: 418, headers });
    }`);
    expect(await app.ask({ path: '/text' })).toMatchObject({ status: 200, body: 'text' });
    expect(await app.ask({ path: '/object' })).toMatchObject({ body: '{"a":1}' });
    const answer = await app.ask();
    expect(answer.status).toBe(418);
    expect(answer.headers['set-cookie']).toEqual(['a=1', 'b=2']);
  });
});

describe('Lambda handlers', () => {
  it('get the event of the HTTP API, and the plain fields', async () => {
    const app = await fromModule(
      `export const handler = async (event) => ({ statusCode: 200, body: event })`,
    );
    const { body } = await app.ask({
      method: 'POST',
      path: '/a%20b?x=1&x=2&y=%20',
      headers: { 'content-type': 'application/json', cookie: 'c=1; d=2', 'x-a': 'b' },
      body: '{"data":7}',
    });
    const event = JSON.parse(body) as Record<string, unknown>;
    expect(event).toMatchObject({
      version: '2.0',
      rawPath: '/a%20b',
      rawQueryString: 'x=1&x=2&y=%20',
      cookies: ['c=1', 'd=2'],
      queryStringParameters: { x: '1,2', y: ' ' },
      headers: { 'x-a': 'b', 'content-type': 'application/json' },
      requestContext: { http: { method: 'POST', path: '/a%20b', sourceIp: '127.0.0.1' } },
      isBase64Encoded: false,
      method: 'POST',
      path: '/a%20b',
      query: { x: '1,2', y: ' ' },
      body: { data: 7 },
      rawBody: '{"data":7}',
    });
  });

  it('get no body, cookies or query when there are none', async () => {
    const app = await fromModule(`export const handler = async (event) => Object.keys(event)`);
    const keys = JSON.parse((await app.ask()).body) as string[];
    for (const key of ['body', 'rawBody', 'cookies', 'queryStringParameters']) {
      expect(keys).not.toContain(key);
    }
  });

  it('may parse a JSON body that is parsed already', async () => {
    const app = await fromModule(
      `export const handler = async (event) => ({ statusCode: 200, body: { both: [event.body.data, JSON.parse(event.body).data] } })`,
    );
    const { body } = await app.ask({
      method: 'POST',
      headers: { 'content-type': 'application/json; charset=utf-8' },
      body: '{"data":7}',
    });
    expect(JSON.parse(body)).toEqual({ both: [7, 7] });
  });

  it('get bytes as base64', async () => {
    const app = await fromModule(
      `export const handler = async (event) => ({ statusCode: 200, body: event.body, isBase64Encoded: event.isBase64Encoded, headers: { 'content-type': 'application/octet-stream' } })`,
    );
    const bytes = Buffer.from([0, 255, 128, 10]);
    const answer = await app.ask({
      method: 'POST',
      headers: { 'content-type': 'application/octet-stream' },
      body: bytes,
    });
    expect(answer.headers['content-length']).toBe('4');
  });

  it.each([
    ['undefined', { status: 200, body: '' }],
    ['null', { status: 200, body: '' }],
    [`'text'`, { status: 200, body: 'text' }],
    ['7', { status: 200, body: '7' }],
    ['[1]', { status: 200, body: '[1]' }],
    ['({ a: 1 })', { status: 200, body: '{"a":1}' }],
    ['({ statusCode: 404 })', { status: 404, body: '' }],
    ['({ status: 201, body: "x" })', { status: 201, body: 'x' }],
    ['({ statusCode: 200, body: { a: "ü" } })', { status: 200, body: '{"a":"ü"}' }],
    ['({ statusCode: 200, body: "eA==", isBase64Encoded: true })', { status: 200, body: 'x' }],
    ['({ statusCode: "202", body: "x" })', { status: 202, body: 'x' }],
  ])('may return %s', async (result, expected) => {
    const app = await fromModule(`export const handler = async () => ${result}`);
    expect(await app.ask()).toMatchObject(expected);
  });

  it('may set several cookies', async () => {
    const app = await fromModule(
      `export const handler = async () => ({ statusCode: 200, cookies: ['a=1', 'b=2'], headers: { 'X-List': ['c', 'd'] } })`,
    );
    const { headers } = await app.ask();
    expect(headers['set-cookie']).toEqual(['a=1', 'b=2']);
    expect(headers['x-list']).toBe('c, d');
  });

  it('may answer by the callback', async () => {
    const app = await fromModule(`export const handler = (event, context, callback) => {
      if (event.path === '/fail') setTimeout(() => callback(new Error('no')), 1);
      else setTimeout(() => callback(null, { statusCode: 200, body: 'called' }), 1);
    }`);
    expect(await app.ask()).toMatchObject({ status: 200, body: 'called' });
    expect(await app.ask({ path: '/fail' })).toMatchObject({ status: 502 });
  });

  it('get a context that knows the time left', async () => {
    const app = await fromModule(
      `export const handler = async (event, context) => ({ left: context.getRemainingTimeInMillis(), ...context, env: process.env.AWS_LAMBDA_FUNCTION_NAME + process.env.GREETING })`,
    );
    const answer = await app.ask();
    const context = JSON.parse(answer.body) as Record<string, unknown>;
    expect(context).toMatchObject({
      functionName: 'main',
      functionVersion: 'v1',
      memoryLimitInMB: '128',
      awsRequestId: answer.headers['x-request-id'],
      env: 'mainhi',
    });
    expect(context['left']).toBeGreaterThan(20_000);
    expect(context['left']).toBeLessThanOrEqual(30_000);
  });

  it('reach built-in modules, their own place, and dynamic imports of built-ins', async () => {
    const code = `(async function(__builtin,__meta,__export,require){"use strict";
      const os = __builtin('node:os'); const fs = require('fs');
      __export({ get handler() { return async () => ({ os: typeof os.cpus, fs: typeof fs.readFileSync,
        meta: __meta, path: typeof (await import('node:path')).join }); } });
    })`;
    const app = await deployed(code);
    expect(JSON.parse((await app.ask()).body)).toEqual({
      os: 'function',
      fs: 'function',
      path: 'function',
      meta: { url: 'file:///code/main.js', filename: '/code/main.js', dirname: '/code' },
    });
  });
});

describe('what a function prints', () => {
  it('is logged under its own request, also with several at once', async () => {
    const app = await fromModule(`export const handler = async (event) => {
      console.log('begin', event.path);
      await new Promise((r) => setTimeout(r, 20));
      console.error('end', event.path);
      process.stdout.write('written ' + event.path + '\\n');
    }`);
    const paths = ['/a', '/b', '/c'];
    const answers = await Promise.all(paths.map((path) => app.ask({ path })));
    for (const [index, path] of paths.entries()) {
      const requestId = answers[index]?.headers['x-request-id'];
      const own = data.lines.filter((line) => line.requestId === requestId);
      expect(own.map(({ level, text }) => `${level} ${text}`)).toEqual([
        `info begin ${path}`,
        `error end ${path}`,
        `info written ${path}`,
      ]);
    }
  });

  it('is bounded in length and rate, and what was dropped is counted', async () => {
    const app = await fromModule(`export const handler = async (event) => {
      if (event.path === '/long') console.log('x'.repeat(1e6));
      if (event.path === '/many') for (let i = 0; i < 5000; i++) console.log('many', i);
      if (event.path === '/wait') { await new Promise((r) => setTimeout(r, 1100)); console.log('after'); }
    }`);
    await app.ask({ path: '/long' });
    expect(data.lines.at(-1)?.text.length).toBeLessThan(10_000);
    await app.ask({ path: '/many' });
    const kept = data.lines.filter(({ text }) => text.startsWith('many'));
    expect(kept.length).toBeLessThanOrEqual(4000);
    await app.ask({ path: '/wait' });
    expect(data.lines.at(-1)).toMatchObject({ text: 'after' });
    const dropped = data.lines.reduce((sum, line) => sum + line.dropped, 0);
    expect(dropped).toBe(5000 - kept.length);
  });
});

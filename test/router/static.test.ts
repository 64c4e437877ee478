import { randomBytes } from 'node:crypto';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import http from 'node:http';
import { buffer } from 'node:stream/consumers';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ask } from '../support/ask.ts';
import { startDataPlane, type DataPlane } from '../support/data-plane.ts';
import { deployPublic } from '../support/public-bundle.ts';

const PAGE = '<h1>Grüße</h1>\n'.repeat(50);
const LARGE = randomBytes(700_001);
const HASHED = '/assets/app-BmVf1c2A.js';
const REVALIDATED = 'public, max-age=0, must-revalidate';

let data: DataPlane;

beforeAll(async () => {
  data = await startDataPlane();
  const files = {
    '/index.html': PAGE,
    '/about.html': 'about',
    '/docs/index.html': 'docs',
    '/both.html': 'both',
    '/both/index.html': 'both/',
    '/404.html': 'nothing here',
    '/large.bin': LARGE,
    '/empty.txt': '',
    '/ü & b.txt': 'name',
    '/.well-known/security.txt': 'contact',
    [HASHED]: 'export {};',
  };
  await deployPublic(data, 'site', { files, compressed: ['/index.html', '/large.bin'] });
  await deployPublic(data, 'mixed', {
    files: { '/index.html': 'page', '/api/schema.json': '{}', '/items/all.html': 'all' },
    code: `export const handler = async (event, { functionName }) => functionName + ' ' + event.rawPath`,
    functions: [
      { name: 'api', path: '/api/*' },
      { name: 'items', path: '/items/*', methods: ['PUT'] },
    ],
  });
  await deployPublic(data, 'bare', { files: { '/a.txt': 'a' } });
});
afterAll(() => data.close());

/** The body as it came, for what is not text. */
async function askBytes(path: string, headers: Record<string, string>) {
  const request = http.get({ port: data.port, host: '127.0.0.1', path, agent: false, headers });
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  return { status: response.statusCode, headers: response.headers, body: await buffer(response) };
}

const host = { host: 'site.localhost' };

describe('a site of public files', () => {
  it.each([
    ['/', 200, PAGE],
    ['/?a=b', 200, PAGE],
    ['/index.html', 200, PAGE],
    ['/about', 200, 'about'],
    ['/about.html', 200, 'about'],
    ['/docs/', 200, 'docs'],
    ['/docs/index', 200, 'docs'],
    ['/both', 200, 'both'],
    ['/both/', 200, 'both/'],
    ['/%C3%BC%20&%20b.txt', 200, 'name'],
    ['/x/../about', 200, 'about'],
    ['/.well-known/security.txt', 200, 'contact'],
    ['/empty.txt', 200, ''],
    ['/About', 404, 'nothing here'],
    ['/about.htm', 404, 'nothing here'],
    ['/about/x', 404, 'nothing here'],
  ])('answers %s with %i', async (path, status, body) => {
    expect(await ask(data, 'site', { path })).toMatchObject({ status, body });
  });

  it.each([
    ['/docs', '/docs/'],
    ['/docs?a=/b', '/docs/?a=/b'],
    ['/about/', '/about'],
    ['/x/..//../docs', '/docs/'],
  ])('sends %s to the address of the page', async (path, location) => {
    const answer = await ask(data, 'site', { path });
    expect(answer).toMatchObject({ status: 308, headers: { location, 'x-fn-version': 'v1' } });
  });

  it('tells of type, deployment and caching', async () => {
    const { headers } = await ask(data, 'site');
    expect(headers).toMatchObject({
      'content-type': 'text/html; charset=utf-8',
      'content-length': String(Buffer.byteLength(PAGE)),
      'cache-control': REVALIDATED,
      'x-content-type-options': 'nosniff',
      'accept-ranges': 'bytes',
      vary: 'accept-encoding',
      etag: expect.stringMatching(/^"[0-9a-f]{32}"$/),
      'x-fn-deployment': expect.stringMatching(/^dep-/),
      'x-fn-commit': 'a'.repeat(40),
      'x-request-id': expect.stringMatching(/^[0-9a-f-]{36}$/),
    });
    const hashed = await ask(data, 'site', { path: HASHED });
    expect(hashed.headers['cache-control']).toBe('public, max-age=31536000, immutable');
    expect(hashed.headers['vary']).toBeUndefined();
  });

  it('sends the form that the client likes most, each with an entity tag of its own', async () => {
    const tags = new Set<string | undefined>();
    for (const [accepted, decode] of [
      ['br, gzip', brotliDecompressSync],
      ['gzip', gunzipSync],
      ['br;q=0', (body: Buffer) => body],
    ] as const) {
      for (const [path, content] of [
        ['/', Buffer.from(PAGE)] as const,
        ['/large.bin', LARGE] as const,
      ]) {
        const answer = await askBytes(path, { ...host, 'accept-encoding': accepted });
        expect(answer.status).toBe(200);
        expect(decode(answer.body).equals(content)).toBe(true);
        expect(answer.headers['content-length']).toBe(String(answer.body.length));
        tags.add(answer.headers.etag);
      }
    }
    expect(tags.size).toBe(6);
  });

  it('answers 304 to who has it, with what a cache needs and no more', async () => {
    const first = await ask(data, 'site', { headers: { 'accept-encoding': 'br' } });
    const etag = first.headers.etag ?? '';
    expect(first.headers['content-encoding']).toBe('br');
    for (const method of ['GET', 'HEAD']) {
      const headers = { 'if-none-match': `"x", W/${etag}`, 'accept-encoding': 'br' };
      const again = await ask(data, 'site', { method, headers });
      expect(again).toMatchObject({
        status: 304,
        body: '',
        headers: { etag, vary: 'accept-encoding' },
      });
      expect(again.headers['cache-control']).toBe(REVALIDATED);
      expect(again.headers['content-type']).toBeUndefined();
      expect(again.headers['content-length']).toBeUndefined();
    }
    expect(await ask(data, 'site', { headers: { 'if-none-match': etag } })).toMatchObject({
      status: 200,
    });
    expect(await ask(data, 'site', { headers: { 'if-match': '"x"' } })).toMatchObject({
      status: 412,
    });
  });

  it.each([
    ['/', PAGE.length],
    ['/large.bin', 700_001],
  ])('sends ranges of %s', async (path) => {
    const whole = await askBytes(path, host);
    const size = whole.body.length;
    for (const [range, start, end] of [
      ['bytes=0-0', 0, 0],
      ['bytes=5-', 5, size - 1],
      ['bytes=-7', size - 7, size - 1],
      ['bytes=100-200', 100, 200],
    ] as const) {
      const part = await askBytes(path, { ...host, range });
      expect(part.status).toBe(206);
      expect(part.headers['content-range']).toBe(`bytes ${start}-${end}/${size}`);
      expect(part.headers['content-length']).toBe(String(end - start + 1));
      expect(part.body.equals(whole.body.subarray(start, end + 1))).toBe(true);
    }
    const refused = await askBytes(path, { ...host, range: `bytes=${size}-` });
    expect(refused).toMatchObject({ status: 416, headers: { 'content-range': `bytes */${size}` } });
    const stale = await askBytes(path, { ...host, range: 'bytes=0-1', 'if-range': '"x"' });
    expect(stale.body.length).toBe(size);
  });

  it('answers HEAD with the head of GET', async () => {
    for (const path of ['/', '/large.bin', '/empty.txt', '/nothing', '/docs']) {
      const get = await ask(data, 'site', { path });
      const head = await ask(data, 'site', { path, method: 'HEAD' });
      const ofRequest = { 'x-request-id': '', date: '' };
      expect({ ...head.headers, ...ofRequest }).toEqual({ ...get.headers, ...ofRequest });
      expect(head).toMatchObject({ status: get.status, body: '' });
    }
  });

  it.each(['POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH'])('answers %s with 405', async (method) => {
    for (const path of ['/', '/nothing']) {
      const answer = await ask(data, 'site', { method, path, body: 'x'.repeat(100_000) });
      expect(answer).toMatchObject({ status: 405, headers: { allow: 'GET, HEAD' } });
    }
  });

  it('takes a GET with a body, and closes the connection after it', async () => {
    for (const path of ['/', '/large.bin', '/docs', '/nothing']) {
      const answer = await ask(data, 'site', {
        path,
        headers: { 'content-length': '3' },
        body: 'abc',
      });
      expect(answer.status).toBe(path === '/docs' ? 308 : path === '/nothing' ? 404 : 200);
    }
  });

  it('has a 404 of its own only where the app brings none', async () => {
    const own = await ask(data, 'site', {
      path: '/nothing',
      headers: { 'if-none-match': '*', range: 'bytes=0-1' },
    });
    expect(own).toMatchObject({ status: 404, body: 'nothing here' });
    expect(own.headers['cache-control']).toBe(REVALIDATED);
    const plain = await ask(data, 'bare', { path: '/' });
    expect(plain).toMatchObject({ status: 404, headers: { 'content-type': 'application/json' } });
  });
});

describe('what is no path of a public file', () => {
  it.each([
    '/main.js',
    '/manifest.json',
    '/public/a.txt',
    '/public/main.js',
    '/../main.js',
    '/../../manifest.json',
    '/%2e%2e/main.js',
    '/..%2fmain.js',
    '/..%5cmain.js',
    '/..\\main.js',
    '/a.txt/..%2f..%2fmain.js',
    '//a.txt',
    '//evil.com/a.txt',
    '/%2fa.txt',
    '/a%2etxt%00',
    '/a.txt%00.html',
    '/a.txt;x',
    '/a.txt/',
    '/..;/main.js',
    '/%zz',
    '/%ff',
    '/__proto__',
    '/constructor',
    '/a.txt.br',
  ])('%s', async (path) => {
    const answer = await ask(data, 'bare', { path });
    expect(answer.status).toBe(404);
    expect(answer.body).not.toContain(data.folder);
  });

  it('but a file may be named with any letter encoded', async () => {
    expect(await ask(data, 'bare', { path: '/%61.t%78t' })).toMatchObject({ body: 'a' });
  });
});

describe('public files beside functions', () => {
  it('come first for GET and HEAD, and leave the rest to the functions', async () => {
    expect(await ask(data, 'mixed')).toMatchObject({ body: 'page' });
    expect(await ask(data, 'mixed', { path: '/api/schema.json' })).toMatchObject({ body: '{}' });
    expect(await ask(data, 'mixed', { path: '/api/other' })).toMatchObject({
      body: 'api /api/other',
    });
    const post = await ask(data, 'mixed', { path: '/api/schema.json', method: 'POST', body: 'x' });
    expect(post).toMatchObject({ status: 200, body: 'api /api/schema.json' });
  });

  it('are among the methods of a path that functions share with them', async () => {
    const path = '/items/all';
    expect(await ask(data, 'mixed', { path })).toMatchObject({ body: 'all' });
    expect(await ask(data, 'mixed', { path, method: 'PUT' })).toMatchObject({
      body: 'items /items/all',
    });
    const answer = await ask(data, 'mixed', { path, method: 'DELETE' });
    expect(answer).toMatchObject({ status: 405, headers: { allow: 'GET, HEAD, PUT' } });
    const none = await ask(data, 'mixed', { path: '/items/none', method: 'DELETE' });
    expect(none).toMatchObject({ status: 405, headers: { allow: 'PUT' } });
  });

  it('make a path without function 405 for other methods, and nothing else 404', async () => {
    expect(await ask(data, 'mixed', { path: '/index', method: 'POST' })).toMatchObject({
      status: 405,
    });
    expect(await ask(data, 'mixed', { path: '/none', method: 'POST' })).toMatchObject({
      status: 404,
    });
    expect(await ask(data, 'mixed', { path: '/none' })).toMatchObject({ status: 404 });
  });
});

import { brotliDecompressSync } from 'node:zlib';
import http from 'node:http';
import { once } from 'node:events';
import { buffer } from 'node:stream/consumers';
import { expect, it } from 'vitest';
import { ask } from '../support/ask.ts';
import { createRepository } from '../support/repository.ts';
import { usePlatform } from '../support/use-platform.ts';

const platform = usePlatform();
const PAGE = '<p>compresses well</p>\n'.repeat(500);

it('a pushed site is served by name, compressed, and revalidated over deployments that leave a file alone', async () => {
  const repository = await createRepository(platform(), 'site');
  await repository.commit({
    'public/index.html': PAGE,
    'public/docs/index.html': 'docs',
    'public/404.html': 'nothing',
    'functions/hello.ts': `export const GET = () => new Response('hello');\n`,
  });
  expect(await repository.push('main')).toMatchObject({ code: 0 });

  expect(await ask(platform(), 'site')).toMatchObject({ status: 200, body: PAGE });
  expect(await ask(platform(), 'site', { path: '/hello' })).toMatchObject({ body: 'hello' });
  const moved = await ask(platform(), 'site', { path: '/docs' });
  expect(moved).toMatchObject({ status: 308, headers: { location: '/docs/' } });
  expect(await ask(platform(), 'site', { path: '/none' })).toMatchObject({
    status: 404,
    body: 'nothing',
  });

  const request = http.get({
    port: platform().port,
    host: '127.0.0.1',
    headers: { host: 'site.localhost', 'accept-encoding': 'br' },
    agent: false,
  });
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  expect(response.headers).toMatchObject({ 'content-encoding': 'br', vary: 'accept-encoding' });
  expect(brotliDecompressSync(await buffer(response)).toString()).toBe(PAGE);

  const etag = (await ask(platform(), 'site')).headers.etag ?? '';
  await repository.commit({ 'public/docs/index.html': 'new docs' });
  expect(await repository.push('main')).toMatchObject({ code: 0 });
  expect(await ask(platform(), 'site', { path: '/docs/' })).toMatchObject({ body: 'new docs' });
  const again = await ask(platform(), 'site', { headers: { 'if-none-match': etag } });
  expect(again).toMatchObject({ status: 304, headers: { 'x-fn-version': 'v2' } });
});

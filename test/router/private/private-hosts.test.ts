import { createHash } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ServedDeployment } from '../../../src/model/served.ts';
import type { SnapshotAccess, SnapshotShareLink } from '../../../src/protocol/snapshot.ts';
import { ask, type Answer } from '../../support/ask.ts';
import { type DataPlane, startDataPlane } from '../../support/data-plane.ts';
import { wrapModule } from '../../support/function-code.ts';

const CODE = `export default (request) => request.url.endsWith('/endless') ? new Response(
  new ReadableStream({ start: (stream) => stream.enqueue(new TextEncoder().encode('begun')) }),
) : Response.json({
  url: request.url,
  cookie: request.headers.get('cookie'),
  share: request.headers.get('x-fn-share'),
});`;
const OF_PRODUCTION = 'a2'.repeat(20);
const OF_BRANCH = 'b3'.repeat(20);
const OF_COMMIT = 'c4'.repeat(20);
const OF_OTHER_APP = 'd5'.repeat(20);
const ENDED = 'e6'.repeat(20);
const HOUR_MS = 3_600_000;

let plane: DataPlane;
let production: ServedDeployment;
let preview: ServedDeployment;
let generation = 100;
beforeAll(async () => {
  plane = await startDataPlane();
  const code = await wrapModule(CODE);
  production = await plane.deployment(code);
  preview = { ...(await plane.deployment(code)), kind: 'branch', commit: 'c'.repeat(40) };
});
afterAll(() => plane.close());

function link(secret: string, own: Partial<SnapshotShareLink> = {}): SnapshotShareLink {
  return {
    kind: 'production',
    target: 'production',
    hash: createHash('sha256').update(secret).digest('hex'),
    expiresAtMs: Date.now() + HOUR_MS,
    ...own,
  };
}

const PRIVATE: SnapshotAccess = {
  production: 'private',
  previews: 'private',
  links: [
    link(OF_PRODUCTION),
    link(OF_BRANCH, { kind: 'ref', target: 'topic' }),
    link(OF_COMMIT, { kind: 'commit', target: 'c'.repeat(40) }),
    link(ENDED, { expiresAtMs: Date.now() - 1 }),
  ],
};

function publish(access: SnapshotAccess | undefined): void {
  const apps = [
    {
      name: 'hello',
      ...(access !== undefined && { access }),
      production: production.id,
      slugs: { topic: preview.id },
      commits: { [preview.commit]: preview.id },
      domains: [
        { name: 'shop.test', target: null, redirectTo: null },
        { name: 'www.shop.test', target: null, redirectTo: 'shop.test' },
        { name: 'topic.shop.test', target: 'topic', redirectTo: null },
      ],
    },
    {
      name: 'other',
      access: { ...PRIVATE, links: [link(OF_OTHER_APP)] },
      production: production.id,
      slugs: {},
      commits: {},
    },
  ];
  plane.door.applySnapshot({ generation: ++generation, apps, deployments: [production, preview] });
}

beforeEach(() => publish(PRIVATE));

interface Request {
  method?: string;
  path?: string;
  headers?: Record<string, string>;
}

const HELLO = 'hello.localhost';
const TOPIC = 'topic--hello.localhost';
const COMMIT = 'cccccccccccc--hello.localhost';

function get(host: string, { headers, ...request }: Request = {}): Promise<Answer> {
  return ask(plane, '', { ...request, headers: { ...headers, host } });
}

const by = (secret: string): Request => ({ headers: { 'x-fn-share': secret } });

/** All that tells one answer from another. */
function shapeOf({ status, headers, body }: Answer) {
  const { date: _, ...rest } = headers;
  return { status, headers: rest, body };
}

it.each(['GET', 'HEAD', 'POST', 'OPTIONS', 'DELETE'])(
  'tells whoever comes with %s and no secret that it is private',
  async (method) => {
    for (const host of [HELLO, TOPIC, COMMIT, 'shop.test', 'www.shop.test', 'topic.shop.test']) {
      const { status, headers } = await get(host, { method });
      expect(status, host).toBe(401);
      expect(headers).toMatchObject({
        'cache-control': 'no-store',
        'x-frame-options': 'DENY',
        'x-robots-tag': 'noindex',
        'content-type': 'application/problem+json',
      });
      expect(headers).not.toHaveProperty('x-fn-deployment');
    }
  },
);

it('shows a page to browsers, which says how to get in', async () => {
  const page = await get(HELLO, { headers: { accept: 'text/html,*/*;q=0.8' } });
  expect(page.headers['content-type']).toBe('text/html; charset=utf-8');
  expect(page.headers['content-security-policy']).toContain("frame-ancestors 'none'");
  expect(page.body).toContain('fn access share');
  const problem = JSON.parse((await get(HELLO)).body) as Record<string, unknown>;
  expect(problem).toMatchObject({ status: 401, code: 'private' });
});

it('answers for previews that there are not as for those that there are', async () => {
  const known = shapeOf(await get(TOPIC));
  for (const name of ['nobody', 'ccccccc', 'abcdef1234', 'c'.repeat(40)]) {
    expect(shapeOf(await get(`${name}--hello.localhost`))).toEqual(known);
    const guessed = await get(`${name}x--hello.localhost`, by(OF_BRANCH));
    expect(shapeOf(guessed)).toEqual(known);
  }
});

it.each([
  ['production', HELLO, OF_PRODUCTION],
  ['production at a domain', 'shop.test', OF_PRODUCTION],
  ['a branch', TOPIC, OF_BRANCH],
  ['a branch at a domain', 'topic.shop.test', OF_BRANCH],
  ['a commit', COMMIT, OF_COMMIT],
])('lets the link of %s in, and no other', async (_what, host, secret) => {
  for (const one of [OF_PRODUCTION, OF_BRANCH, OF_COMMIT, OF_OTHER_APP, ENDED, 'x', '']) {
    const { status } = await get(host, by(one));
    expect(status, one).toBe(one === secret ? 200 : 401);
  }
});

it('takes the secret by a cookie or a header, and keeps both from the function', async () => {
  for (const cookie of [`fn-share=${OF_PRODUCTION}`, `__Host-fn-share=${OF_PRODUCTION}`]) {
    const { status, body } = await get(HELLO, { headers: { cookie: `a=1; ${cookie}; b=2` } });
    expect(status).toBe(200);
    expect(JSON.parse(body)).toMatchObject({ cookie: 'a=1; b=2' });
  }
  const { body, headers } = await get(HELLO, by(OF_PRODUCTION));
  expect(JSON.parse(body)).toMatchObject({ cookie: null, share: null });
  expect(headers).toMatchObject({ 'x-robots-tag': 'noindex', 'cache-control': 'private' });
});

it('turns the link itself into a cookie and goes on without its secret', async () => {
  const path = `//evil.test/a?x=1&fn-share=${OF_PRODUCTION}&y=2`;
  for (const method of ['GET', 'HEAD']) {
    const { status, headers } = await get(HELLO, { method, path });
    expect(status).toBe(303);
    expect(headers.location).toBe(`http://${HELLO}//evil.test/a?x=1&y=2`);
    const [cookie = ''] = headers['set-cookie'] ?? [];
    expect(cookie).toMatch(/^fn-share=(a2){20}; Max-Age=35\d\d; Path=\/; HttpOnly; SameSite=Lax$/);
    expect(headers).toMatchObject({
      'cache-control': 'no-store',
      'referrer-policy': 'no-referrer',
    });
    const next = await get(HELLO, { headers: { cookie: cookie.split(';')[0] ?? '' } });
    expect(next.status).toBe(200);
  }
});

it('opens by the address to who reads alone', async () => {
  const path = `/?fn-share=${OF_PRODUCTION}`;
  expect((await get(HELLO, { method: 'POST', path })).status).toBe(401);
  expect((await get(TOPIC, { path })).status).toBe(401);
  expect((await get(HELLO, { path: `/?fn-share=${ENDED}` })).status).toBe(401);
});

it('takes a secret that is of no use out of the address of who may come anyway', async () => {
  const { status, headers } = await get(HELLO, {
    path: `/?fn-share=${ENDED}`,
    ...by(OF_PRODUCTION),
  });
  expect(status).toBe(303);
  expect(headers).not.toHaveProperty('set-cookie');
});

it('leaves the link to the host that a domain redirects to', async () => {
  const path = `/?fn-share=${OF_PRODUCTION}`;
  const { status, headers } = await get('www.shop.test', { path });
  expect(status).toBe(308);
  expect(headers).toMatchObject({
    location: `http://shop.test:0${path}`,
    'cache-control': 'no-store',
  });
});

it('shows what is public to everybody, by the kind of its host', async () => {
  publish({ ...PRIVATE, production: 'public' });
  const open = await get(HELLO, { headers: { cookie: `fn-share=${ENDED}` } });
  expect(open.status).toBe(200);
  expect(JSON.parse(open.body)).toMatchObject({ cookie: null });
  expect(open.headers).not.toHaveProperty('x-robots-tag');
  expect((await get(TOPIC)).status).toBe(401);
  publish({ ...PRIVATE, previews: 'public' });
  expect((await get(HELLO)).status).toBe(401);
  const shown = await get(TOPIC);
  expect(shown.status).toBe(200);
  // Search engines shall find production alone, but for what somebody has given a name of its own.
  expect(shown.headers['x-robots-tag']).toBe('noindex');
  expect((await get('topic.shop.test')).headers).not.toHaveProperty('x-robots-tag');
  expect((await get('nobody--hello.localhost')).status).toBe(404);
});

it('is private where the snapshot does not say who may come', async () => {
  publish(undefined);
  for (const host of [HELLO, TOPIC, COMMIT, 'nobody--hello.localhost']) {
    expect((await get(host)).status).toBe(401);
  }
});

it('lets nobody in any more once the link is not in the routes', async () => {
  expect((await get(HELLO, by(OF_PRODUCTION))).status).toBe(200);
  publish({ ...PRIVATE, links: [] });
  expect((await get(HELLO, by(OF_PRODUCTION))).status).toBe(401);
});

describe('an answer that goes on', () => {
  /** Resolves when it has begun; `ended` when it has been cut off. */
  async function begin(secret: string) {
    const begun = http.get({
      host: '127.0.0.1',
      port: plane.port,
      path: '/endless',
      headers: { host: HELLO, 'x-fn-share': secret },
      agent: false,
    });
    const [response] = (await once(begun, 'response')) as [http.IncomingMessage];
    expect(response.statusCode).toBe(200);
    await once(response, 'data');
    response.resume().on('error', () => {}); // That it was cut off is asked of it below.
    const ended = new Promise<void>((resolve) => response.on('close', resolve));
    return { response, ended };
  }
  /** Before the function's own time is over. */
  const within = (ended: Promise<void>): Promise<void> =>
    Promise.race([
      ended,
      new Promise<never>((_, reject) => setTimeout(reject, 5_000, new Error('it goes on'))),
    ]);
  const without = (secret: string): SnapshotAccess => ({
    ...PRIVATE,
    links: PRIVATE.links.filter(({ hash }) => hash !== link(secret).hash),
  });

  it('ends when its link is removed, and no other does', async () => {
    const other = link('f7'.repeat(20));
    publish({ ...PRIVATE, links: [...PRIVATE.links, other] });
    const [one, two] = await Promise.all([begin(OF_PRODUCTION), begin('f7'.repeat(20))]);
    publish({ ...without(OF_PRODUCTION), links: [...without(OF_PRODUCTION).links, other] });
    await within(one.ended);
    expect(one.response.complete).toBe(false);
    expect(two.response.destroyed).toBe(false);
    two.response.destroy();
  });

  it('ends when the time of its link is over, and no other does', async () => {
    const brief = 'g7'.repeat(20);
    publish({
      ...PRIVATE,
      links: [...PRIVATE.links, link(brief, { expiresAtMs: Date.now() + 1_000 })],
    });
    const [one, two] = await Promise.all([begin(brief), begin(OF_PRODUCTION)]);
    await within(one.ended);
    expect(one.response.complete).toBe(false);
    expect(two.response.destroyed).toBe(false);
    two.response.destroy();
  });

  it('goes on when the app becomes public', async () => {
    const { response, ended } = await begin(OF_PRODUCTION);
    publish({ ...without(OF_PRODUCTION), production: 'public' });
    const open = new Promise((resolve) => setTimeout(resolve, 1_200, 'open'));
    expect(await Promise.race([ended, open])).toBe('open');
    response.destroy();
  });
});

import { createHash } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ask } from '../../support/ask.ts';
import { askH2, type H2Question } from '../../support/ask-h2.ts';
import { wrapModule } from '../../support/function-code.ts';
import { startSecureDataPlane } from '../../support/secure-data-plane.ts';

const CODE = `export default (request) => Response.json({ cookie: request.headers.get('cookie') });`;
const SECRET = 'a2'.repeat(20);
const KNOWN = 'topic--hello.localhost';
const UNKNOWN = 'nobody--hello.localhost';

let plane: Awaited<ReturnType<typeof startSecureDataPlane>>;
beforeAll(async () => {
  plane = await startSecureDataPlane();
  const deployment = await plane.data.deployment(await wrapModule(CODE));
  const hash = createHash('sha256').update(SECRET).digest('hex');
  const expiresAtMs = Date.now() + 3_600_000;
  plane.data.door.applySnapshot({
    generation: 100,
    deployments: [deployment],
    apps: [
      {
        name: 'hello',
        access: {
          production: 'private',
          previews: 'private',
          links: [{ kind: 'ref', target: 'topic', hash, expiresAtMs }],
        },
        production: deployment.id,
        slugs: { topic: deployment.id },
        commits: {},
      },
    ],
  });
});
afterAll(() => plane.data.close());

const over2 = (host: string, question: H2Question = {}) => askH2(plane.httpsPort, host, question);

it('leads to HTTPS from a name that there is not as from one that there is', async () => {
  for (const host of [KNOWN, UNKNOWN]) {
    const { status, headers } = await ask(plane.data, '', { headers: { host } });
    expect(status).toBe(308);
    expect(headers.location).toBe(`http://${host}:0/`);
  }
});

it('is locked for streams of HTTP/2, whatever the name', async () => {
  const shapes: unknown[] = [];
  for (const host of [KNOWN, UNKNOWN]) {
    for (const method of ['GET', 'POST', 'OPTIONS']) {
      const { status, headers, body } = await over2(host, { method });
      shapes.push({ status, headers: { ...headers, date: '' }, body: body.toString() });
    }
  }
  expect(shapes[0]).toMatchObject({ status: 401 });
  expect(new Set(shapes.map((shape) => JSON.stringify(shape))).size).toBe(1);
});

it('gives a cookie that no other host can set or read, and hides it from the function', async () => {
  const { status, headers } = await over2(KNOWN, { path: `/a?fn-share=${SECRET}` });
  expect(status).toBe(303);
  expect(headers.location).toBe(`https://${KNOWN}/a`);
  const [cookie = ''] = headers['set-cookie'] ?? [];
  expect(cookie).toMatch(
    /^__Host-fn-share=\w+; Max-Age=\d+; Path=\/; HttpOnly; SameSite=Lax; Secure$/,
  );
  const [pair = ''] = cookie.split(';');
  const shown = await over2(KNOWN, { headers: { cookie: ['a=1', pair, 'b=2'] } });
  expect(shown.status).toBe(200);
  expect(JSON.parse(shown.body.toString())).toEqual({ cookie: 'a=1; b=2' });
});

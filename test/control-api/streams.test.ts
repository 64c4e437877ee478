import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readOpenApiDocument } from '../support/openapi-document.ts';
import { createRepository } from '../support/repository.ts';
import { startPush } from '../support/running-push.ts';
import { json, type OperationId, urlOf } from './caller.ts';
import { placedOperations } from './places.ts';
import { createWorld, type World } from './world.ts';

/** Everything that goes on being answered, from the description of the API: a stream that it gains is tried, too. */
const STREAM = /ndjson|event-stream/;
const STREAMS = placedOperations(await readOpenApiDocument()).flatMap((one) =>
  Object.keys(one.operation.responses['200']?.content ?? {})
    .filter((type) => STREAM.test(type))
    .map((type) => ({ ...one, type })),
);
/** What asks an operation to go on that else answers a page. */
const QUERIES: Partial<Record<OperationId, Record<string, unknown>>> = {
  listLogs: { tail: true },
};
/** What is promised of a revocation: it is told to streams before it is answered, so there is little to wait for. */
const REVOKED_MS = 1_000;
/** More than the second that is promised, which test/access/watches.test.ts holds by a clock of its own. */
const DEADLINE_MS = 5_000;

let world: World;
beforeAll(async () => {
  world = await createWorld();
});
afterAll(() => world?.[Symbol.asyncDispose]());

let apps = 0;
/** An app whose push runs for longer than any test waits. */
async function startApp() {
  const app = `streams-${(apps += 1)}`;
  const repository = await createRepository(world.platform, app);
  await repository.commit({ 'index.ts': "export default () => new Response('1');\n" });
  expect(await repository.push('main')).toMatchObject({ code: 0 });
  await repository.commit({ 'fn.json': '{ "build": { "command": "sleep 290" } }' });
  const push = await startPush(repository, 'main');
  const pushes = json<{ items: { id: string }[] }>(
    await world.call('listPushes', { params: { app } }),
  );
  return { app, push, params: { app, push: pushes.items[0]?.id ?? '' } };
}

interface Token {
  id: string;
  token: string;
}

async function createToken(body: object): Promise<Token> {
  return json<Token & Record<string, unknown>>(
    await world.call('createToken', { body: { name: 'x', role: 'viewer', ...body } }),
  );
}

type Started = { params: { app: string; push: string } };

/** Resolves when the answer has begun; what it was is there when it has ended. */
async function follow(
  { id, path, type }: (typeof STREAMS)[number],
  { params }: Started,
  token: string,
): Promise<Promise<string>[]> {
  const url = urlOf(path, params, QUERIES[id] ?? {});
  const response = await fetch(`${world.platform.url}${url}`, {
    headers: { authorization: `Bearer ${token}`, accept: type },
  });
  expect(response.status).toBe(200);
  expect(response.headers.get('content-type')).toContain(type);
  // One that is cut off has ended, too. In a list, or it would be waited for here.
  return [response.text().catch(() => 'cut off')];
}

async function isOpen(stream: Promise<string>): Promise<boolean> {
  const open = new Promise((resolve) => setTimeout(resolve, 1_500, 'open'));
  return (await Promise.race([stream.then(() => 'ended'), open])) === 'open';
}

it('knows of streams', () => {
  expect(STREAMS.map(({ id, type }) => `${id} ${type}`).toSorted()).toEqual([
    'followPush application/x-ndjson',
    'listLogs application/x-ndjson',
    'listLogs text/event-stream',
  ]);
});

describe.each(STREAMS)('$id as $type', (stream) => {
  it('ends when its token is revoked, and nobody else is ended', async () => {
    const started = await startApp();
    const reader = await createToken({});
    const confined = await createToken({ apps: [started.app] });
    const other = await createToken({});
    const [one] = await follow(stream, started, reader.token);
    const [two] = await follow(stream, started, confined.token);
    const [others] = await follow(stream, started, other.token);
    await Promise.all(
      [reader, confined].map(({ id }) => world.call('revokeToken', { params: { id } })),
    );
    const revokedMs = performance.now();
    await Promise.all([one, two]);
    expect(performance.now() - revokedMs).toBeLessThan(REVOKED_MS);
    expect(await isOpen(others as Promise<string>)).toBe(true);
    const again = await follow(stream, started, reader.token).catch(() => 'refused');
    expect(again).toBe('refused');
    await end(started);
  });

  it('ends when the time of its token is over', async () => {
    const started = await startApp();
    const brief = await createToken({ expiresInSeconds: 3 });
    const begunMs = performance.now();
    const [one] = await follow(stream, started, brief.token);
    await one;
    const tookMs = performance.now() - begunMs;
    expect(tookMs).toBeGreaterThan(1_000);
    expect(tookMs).toBeLessThan(3_000 + DEADLINE_MS);
    await end(started);
  });

  it('ends when its app is deleted, whatever the token may else', async () => {
    const started = await startApp();
    const confined = await createToken({ apps: [started.app, 'mine'] });
    const streams = [
      ...(await follow(stream, started, confined.token)),
      ...(await follow(stream, started, world.platform.adminToken)),
    ];
    const deleted = await world.call('deleteApp', { params: { app: started.app } });
    expect(deleted.status, deleted.body).toBe(204);
    const deletedMs = performance.now();
    await Promise.all(streams);
    expect(performance.now() - deletedMs).toBeLessThan(DEADLINE_MS);
    expect((await world.call('whoAmI', {}, confined.token)).status).toBe(200);
    await started.push.ended;
  });
});

async function end({ params, push }: Awaited<ReturnType<typeof startApp>>): Promise<void> {
  expect((await world.call('cancelPush', { params })).status).toBe(200);
  await push.ended;
}

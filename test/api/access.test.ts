import { beforeAll, expect, it } from 'vitest';
import type {
  Access,
  CreatedShareLink,
  ShareLink,
} from '../../src/protocol/control-client.generated.ts';
import { addShareLink, readSnapshotAccess } from '../../src/store/private-apps.ts';
import { readSnapshot } from '../../src/store/routes.ts';
import { ask } from '../support/ask.ts';
import { callControl } from '../support/control-api.ts';
import { createDatabase } from '../support/database.ts';
import { createRepository, type TestRepository } from '../support/repository.ts';
import { usePlatform } from '../support/use-platform.ts';

const platform = usePlatform({ env: { FN_PREVIEW_ACCESS: 'private' } });
const CODE = `export default () => new Response('seen');`;

let repository: TestRepository;
beforeAll(async () => {
  repository = await createRepository(platform(), 'secret');
  await repository.commit({ 'index.js': CODE });
  const pushed = await repository.push('main', 'main:topic', 'main:other');
  expect(pushed.code, pushed.output).toBe(0);
});

async function call<View>(method: string, path: string, body?: unknown, status = 200) {
  const answer = await callControl(platform(), `/apps/secret${path}`, {
    method,
    ...(body !== undefined && { body }),
  });
  expect(answer.status, answer.body).toBe(status);
  return (answer.body === '' ? null : JSON.parse(answer.body)) as View;
}

const statusOf = async (label: string, secret = ''): Promise<number> =>
  (await ask(platform(), label, { headers: { 'x-fn-share': secret } })).status;

it('has production public and previews as the operator says, until the app says otherwise', async () => {
  expect(await call<Access>('GET', '/access')).toEqual({
    production: 'public',
    previews: 'private',
    isPreviewDefault: true,
  });
  expect(await statusOf('secret')).toBe(200);
  expect(await statusOf('topic--secret')).toBe(401);
  expect(await statusOf('nobody--secret')).toBe(401);
  const opened = await call<Access>('PUT', '/access', { previews: 'public' });
  expect(opened).toEqual({ production: 'public', previews: 'public', isPreviewDefault: false });
  expect(await statusOf('topic--secret')).toBe(200);
  await call<Access>('PUT', '/access', { production: 'private', previews: 'default' });
  expect(await statusOf('secret')).toBe(401);
  expect(await statusOf('topic--secret')).toBe(401);
});

it('changes nothing for who has read something else', async () => {
  const changed = await callControl(platform(), '/apps/secret/access', {
    method: 'PUT',
    body: { production: 'public' },
    headers: { 'if-match': '"of-yesterday"' },
  });
  expect(changed.status).toBe(412);
  expect(await statusOf('secret')).toBe(401);
});

it('makes links that open one branch, commit or production, until they are removed', async () => {
  const sha = (await repository.git('rev-parse', 'HEAD')).output.trim();
  const label = `${sha.slice(0, 12)}--secret`;
  const links = {
    secret: await call<CreatedShareLink>('POST', '/share-links', {}, 201),
    'topic--secret': await call<CreatedShareLink>('POST', '/share-links', { branch: 'topic' }, 201),
    [label]: await call<CreatedShareLink>('POST', '/share-links', { commit: sha }, 201),
  };
  for (const [host, link] of Object.entries(links)) {
    expect(link.url).toBe(`http://${host}.localhost:${platform().port}/?fn-share=${link.secret}`);
    for (const other of [...Object.keys(links), 'other--secret']) {
      expect(await statusOf(other, link.secret), other).toBe(other === host ? 200 : 401);
    }
  }
  const { items } = await call<{ items: ShareLink[] }>('GET', '/share-links');
  expect(items.map(({ opens }) => opens).sort()).toEqual(
    ['production', 'refs/heads/topic', sha].sort(),
  );
  for (const { secret } of Object.values(links))
    expect(JSON.stringify(items)).not.toContain(secret);
  const { id, secret } = links.secret;
  await call('DELETE', `/share-links/${id}`, undefined, 204);
  expect(await statusOf('secret', secret)).toBe(401);
  await call('DELETE', `/share-links/${id}`, undefined, 404);
});

it.each([
  [{ branch: 'nobody' }, 404],
  [{ commit: 'abcdef1' }, 404],
  [{ commit: 'abcdef1', branch: 'topic' }, 400],
  [{ expiresInSeconds: 1 }, 400],
  [{ expires: 60 }, 400],
])('makes none for %j', async (body, status) => {
  await call('POST', '/share-links', body, status);
});

it('makes none for what everybody may see', async () => {
  await call('PUT', '/access', { production: 'public' });
  const problem = await call<{ code: string }>('POST', '/share-links', {}, 409);
  expect(problem.code).toBe('conflict');
});

it('is done by fn access as well', async () => {
  const closed = await repository.fn('access', 'private');
  expect(closed).toMatchObject({ code: 0, output: 'production  private\npreviews    private\n' });
  const shared = await repository.fn('access', 'share', '--branch', 'other', '--expires', '2h');
  const [url = '', told = ''] = shared.output.split('\n');
  expect(told).toMatch(/^It is shown this once, and works until .* UTC. Id (link-[a-z2-7]{12})\.$/);
  const { pathname, search } = new URL(url);
  const first = await ask(platform(), 'other--secret', { path: pathname + search });
  expect(first.status).toBe(303);
  expect(first.headers['set-cookie']?.[0]).toMatch(/; Max-Age=(7200|71\d\d); /);
  const id = /link-[a-z2-7]{12}/.exec(told)?.[0] ?? '';
  expect((await repository.fn('access', 'list')).output).toMatch(new RegExp(`${id} +other`));
  expect((await repository.fn('access', 'remove', id)).code).toBe(0);
  const previews = await repository.fn('access', 'public', '--previews');
  expect(previews.output).toBe('production  private\npreviews    public\n');
});

it('stays as it is over a restart', async () => {
  await platform().restart();
  expect(await statusOf('secret')).toBe(401);
});

async function databaseWithBranch() {
  const db = await createDatabase();
  await db.query(`INSERT INTO apps (id, name, state) VALUES ('app-1', 'hello', 'ready')`);
  await db.query(`INSERT INTO ref_slugs VALUES ('app-1', 'refs/heads/feature/x', 'feature-x')`);
  return db;
}

const LINK = { kind: 'ref', target: 'refs/heads/feature/x', createdBy: 'tok-1' } as const;

it('opens no branch that has taken over the host of another', async () => {
  const db = await databaseWithBranch();
  const expiresAt = new Date(Date.now() + 60_000);
  await addShareLink(db, 'app-1', { ...LINK, id: 'link-1', hash: Buffer.alloc(32), expiresAt });
  const linksOf = async () => (await readSnapshotAccess(db, 'public')).get('hello')?.links;
  expect(await linksOf()).toMatchObject([{ kind: 'ref', target: 'feature-x' }]);
  await db.query(`UPDATE ref_slugs SET ref = 'refs/heads/feature-x'`);
  expect(await linksOf()).toEqual([]);
});

it('publishes no link that has ended, and keeps no more than there may be', async () => {
  const db = await databaseWithBranch();
  const add = (at: number, expiresAt: Date) =>
    addShareLink(db, 'app-1', { ...LINK, id: `link-${at}`, hash: Buffer.alloc(32, at), expiresAt });
  expect(await add(0, new Date(Date.now() - 1_000))).toBe(true);
  expect((await readSnapshot(db, 'private')).apps[0]?.access).toEqual({
    production: 'public',
    previews: 'private',
    links: [],
  });
  const later = new Date(Date.now() + 60_000);
  for (let at = 1; at <= 200; at++) expect(await add(at, later)).toBe(true);
  expect(await add(201, later)).toBe(false);
});

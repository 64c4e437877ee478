import { describe, expect, it } from 'vitest';
import type { FunctionDetail, FunctionPage } from '../../src/protocol/functions-api.ts';
import type { Answer } from '../support/ask.ts';
import { callControl } from '../support/control-api.ts';
import { createDatabase } from '../support/database.ts';
import { createRepository } from '../support/repository.ts';
import { usePlatform } from '../support/use-platform.ts';

const platform = usePlatform();

const HELLO =
  'export const handler = async () => ({ statusCode: 200, body: { said: "hello" } });\n';

function api(method: string, path: string, body?: unknown): Promise<Answer> {
  return callControl(platform(), path, { method, ...(body !== undefined && { body }) });
}

async function get<T>(path: string): Promise<T> {
  const { status, body } = await api('GET', path);
  expect(status, body).toBe(200);
  return JSON.parse(body) as T;
}

describe('functions that were pushed', () => {
  it('are listed with ids that stay, and shown by id, by app, and by app and name', async () => {
    const repository = await createRepository(platform(), 'several');
    await repository.commit({ 'functions/one.ts': HELLO, 'functions/two.ts': HELLO });
    expect((await repository.push('main')).code).toBe(0);
    const single = await createRepository(platform(), 'single');
    await single.commit({
      'index.ts': HELLO,
      'fn.json': '{ "handler": "handler", "memory": 200 }',
    });
    expect((await single.push('main')).code).toBe(0);

    const { items } = await get<FunctionPage>('/functions');
    expect(items.map(({ app, name }) => `${app}/${name}`)).toEqual([
      'several/one',
      'several/two',
      'single/single',
    ]);
    const [one, , main] = items;
    expect(one?.url).toMatch(/\/\/several\.localhost:\d+\/one$/);
    expect(main).toMatchObject({
      id: expect.stringMatching(/^fn-[a-z2-7]{20}$/) as string,
      handler: 'handler',
      memory: 200,
      timeout: 30_000,
      runtime: 'typescript',
      version: 1,
      endpoint: `/functions/${main?.id}/invoke`,
    });
    for (const name of [main?.id ?? '', 'single', 'single:main']) {
      expect(await get<FunctionDetail>(`/functions/${name}`)).toMatchObject({ id: main?.id });
    }
    const ambiguous = await api('GET', '/functions/several');
    expect(ambiguous.status).toBe(409);
    expect(ambiguous.body).toContain('several:one, several:two');

    await repository.commit({ 'functions/one.ts': null });
    expect((await repository.push('main')).code).toBe(0);
    expect((await api('GET', `/functions/${one?.id}`)).status).toBe(404);
    await repository.commit({ 'functions/one.ts': HELLO });
    expect((await repository.push('main')).code).toBe(0);
    expect(await get<FunctionDetail>('/functions/several:one')).toMatchObject({
      id: one?.id,
      version: 3,
    });
  });

  it('come in pages that continue where the last one ended, and by filter', async () => {
    const names: string[] = [];
    for (let cursor: string | null = '', pages = 0; cursor !== null; pages++) {
      const query: string = cursor === '' ? '' : `&cursor=${cursor}`;
      const page: FunctionPage = await get<FunctionPage>(`/functions?limit=2${query}`);
      names.push(...page.items.map(({ app, function: name }) => `${app}:${name}`));
      cursor = page.next;
      expect(pages).toBeLessThan(3);
    }
    expect(names).toEqual(['several:one', 'several:two', 'single:main']);
    const found = await get<FunctionPage>('/functions?q=tw&app=several&runtime=typescript');
    expect(found.items.map(({ name }) => name)).toEqual(['two']);
    expect((await get<FunctionPage>('/functions?runtime=python3')).items).toEqual([]);
    expect((await api('GET', '/functions?cursor=bm9uZQ')).status).toBe(400);
    expect((await api('GET', '/functions?unknown=1')).status).toBe(400);
  });
});

it('every row that is an app’s own goes with the app', async () => {
  const database = await createDatabase();
  const { rows } = await database.query<{ constraint: string }>(
    `SELECT conrelid::regclass || '.' || conname AS constraint FROM pg_constraint
     WHERE contype = 'f' AND confrelid = 'apps'::regclass AND confdeltype <> 'c'`,
  );
  expect(rows, 'add ON DELETE CASCADE to these').toEqual([]);
});

import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type {
  FunctionDetail,
  Invocation,
  Operations,
} from '../../src/protocol/control-client.generated.ts';
import { openDatabase } from '../../src/store/database.ts';
import { ask, type Answer } from '../support/ask.ts';
import { callControl } from '../support/control-api.ts';
import { createDatabase } from '../support/database.ts';
import { databaseUrl } from '../support/database-url.ts';
import { eventually } from '../support/eventually.ts';
import { createRepository } from '../support/repository.ts';
import { usePlatform } from '../support/use-platform.ts';

type FunctionPage = Operations['listFunctions']['answer'];

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

describe('what made a function', () => {
  it('gives it a domain, which waits for its proof', async () => {
    const made = { name: 'with-domain', runtime: 'typescript', code: HELLO };
    const body = { ...made, customDomain: 'made.example.com' };
    const answer = await api('POST', '/functions', body);
    expect(answer.status, answer.body).toBe(201);
    expect(await get('/apps/with-domain/domains')).toMatchObject({
      items: [{ name: 'made.example.com', state: 'pending', branch: null }],
    });
    expect((await api('DELETE', '/functions/with-domain')).status).toBe(204);
  });

  it('is taken as a change of it too, but for another name', async () => {
    const made = { name: 'sent-again', runtime: 'typescript', code: HELLO, memory: 200 };
    expect((await api('POST', '/functions', made)).status).toBe(201);
    const domains = async () => (await api('GET', '/apps/sent-again/domains')).body;
    const broken = { ...made, code: 'export const', customDomain: 'again.example.com' };
    expect((await api('PUT', '/functions/sent-again', broken)).status).toBe(422);
    expect(await domains()).not.toContain('again.example.com');
    const again = { ...made, memory: 210, customDomain: 'again.example.com' };
    const answer = await api('PUT', '/functions/sent-again', again);
    expect([answer.status, answer.body]).toEqual([200, expect.stringContaining('"memory":210')]);
    expect(await domains()).toContain('again.example.com');
    const alone = await api('PUT', '/functions/sent-again', { customDomain: 'more.example.com' });
    const { version } = (JSON.parse(answer.body) as { function: FunctionDetail }).function;
    expect(alone.status, alone.body).toBe(200);
    expect(JSON.parse(alone.body)).toMatchObject({ function: { version } });
    expect(await domains()).toContain('more.example.com');
    expect((await api('PUT', '/functions/sent-again', { name: 'other' })).status).toBe(409);
    expect((await api('DELETE', '/functions/sent-again')).status).toBe(204);
  });
});

describe('a change that says what it is of', () => {
  it.each([
    ['values', { environment: { WORD: 'one' } }, { environment: { WORD: 'two' } }],
    ['settings', { memory: 130 }, { memory: 131 }],
    ['code', { code: `${HELLO}// one\n` }, { code: `${HELLO}// two\n` }],
  ])('is made once where two change %s at a time', async (_, one, two) => {
    const name = 'contested';
    await api('POST', '/functions', { name, runtime: 'typescript', code: HELLO });
    const { headers } = await api('GET', `/functions/${name}`);
    const change = (body: object) =>
      callControl(platform(), `/functions/${name}`, {
        method: 'PUT',
        headers: { 'if-match': String(headers['etag']) },
        body,
      });
    const answers = await Promise.all([change(one), change(two)]);
    expect((await api('DELETE', `/functions/${name}`)).status).toBe(204);
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 412]);
  });
});

/** Of one deployment or of one failure. */
interface Told {
  function?: FunctionDetail;
  code?: string;
  detail?: string;
  hint?: string;
  output?: string[];
  warnings?: string[];
}

async function tell(method: string, path: string, body?: unknown): Promise<[number, Told]> {
  const answer = await api(method, path, body);
  return [answer.status, answer.body === '' ? {} : (JSON.parse(answer.body) as Told)];
}

const REPLY = (word: string): string =>
  `export const handler = async () => ({ statusCode: 200, body: { word: "${word}", secret: process.env.API_KEY } });\n`;

describe('a function that the API makes', () => {
  it('is a commit like any other: it serves, clones, and takes pushes', async () => {
    const [status, made] = await tell('POST', '/functions', {
      name: 'made',
      runtime: 'typescript',
      code: REPLY('one'),
      handler: 'handler',
      memory: 256,
      timeout: 5_000,
      environment: { API_KEY: 'hush-hush' },
      triggers: [{ type: 'http', config: { methods: ['GET', 'POST'], path: '/' } }],
    });
    expect(status, JSON.stringify(made)).toBe(201);
    expect(made.function).toMatchObject({
      name: 'made',
      memory: 256,
      timeout: 5_000,
      handler: 'handler',
      version: 1,
      environment: ['API_KEY'],
      triggers: [{ type: 'http', config: { methods: ['GET', 'POST'], path: '/' } }],
    });
    expect(JSON.parse((await ask(platform(), 'made')).body)).toEqual({
      word: 'one',
      secret: 'hush-hush',
    });
    const repository = await createRepository(platform(), 'made');
    expect((await repository.git('pull', '-q', 'fn', 'main')).output).toBe('');
    const { output } = await repository.git('log', '-p', '--format=%an %s');
    expect(output).toMatch(/^admin Create made/);
    expect(output).not.toContain('hush-hush');
    await repository.commit({ 'index.ts': REPLY('two') });
    expect((await repository.push('main')).code).toBe(0);
    expect((await ask(platform(), 'made')).body).toContain('two');
  });

  it('is changed by commits and by values, and goes back to a version that lived', async () => {
    const before = await api('GET', '/functions/made');
    const etag = before.headers.etag ?? '';
    const [status, changed] = await tell('PUT', '/functions/made', { code: REPLY('three') });
    expect([status, changed.function?.version]).toEqual([200, 3]);
    expect((await ask(platform(), 'made')).body).toContain('three');
    const stale = await ask(platform(), '', {
      method: 'PUT',
      path: '/functions/made',
      headers: {
        authorization: `Bearer ${platform().adminToken}`,
        'content-type': 'application/json',
        'if-match': etag,
      },
      body: '{"memory":128}',
    });
    expect(stale.status).toBe(412);

    const [, settings] = await tell('POST', '/functions/made', {
      memory: 128,
      environment: { API_KEY: 'new', OTHER: 'x' },
    });
    expect(settings.function).toMatchObject({ memory: 128, environment: ['API_KEY', 'OTHER'] });
    expect(JSON.parse((await ask(platform(), 'made')).body)).toEqual({
      word: 'three',
      secret: 'new',
    });

    const [, values] = await tell('PUT', '/functions/made', { environment: { OTHER: null } });
    expect(values.function?.environment).toEqual(['API_KEY']);

    const [back, rolled] = await tell('POST', '/functions/made/rollback', { version: 1 });
    expect(back, JSON.stringify(rolled)).toBe(200);
    expect((await ask(platform(), 'made')).body).toContain('one');
    const [never, told] = await tell('POST', '/functions/made/rollback', { version: 77 });
    expect([never, told.code]).toEqual([409, 'conflict']);
    expect(told.hint).toContain('v3');
    const [mixed, why] = await tell('PUT', '/functions/made', { memory: 256 });
    expect([mixed, why.detail]).toEqual([409, expect.stringContaining('not what main has')]);
  });

  it('serves on when a change of it does not build, and its values are as before', async () => {
    const [status, told] = await tell('PUT', '/functions/made', {
      code: 'export const handler = () => {',
      environment: { LOST: 'y' },
    });
    expect([status, told.code]).toEqual([422, 'build-failed']);
    expect(told.detail).toMatch(/^index\.ts:1:\d+/);
    const { environment } = await get<FunctionDetail>('/functions/made');
    expect(environment).toEqual(['API_KEY']);
    expect((await ask(platform(), 'made')).body).toContain('one');
  });

  it('is deleted with its app, whose name is free at once', async () => {
    expect((await api('DELETE', '/functions/several:one')).status).toBe(409);
    expect((await api('DELETE', '/functions/made')).status).toBe(204);
    expect((await ask(platform(), 'made')).status).toBe(404);
    expect((await api('GET', '/apps/made')).status).toBe(404);
    const [status, again] = await tell('POST', '/functions', {
      name: 'made',
      runtime: 'nodejs26',
      code: 'exports.handler = async () => "again";',
    });
    expect([status, again.function?.environment]).toEqual([201, []]);
    expect((await ask(platform(), 'made')).body).toBe('again');
    expect((await api('DELETE', '/apps/made')).status).toBe(204);
    expect((await ask(platform(), 'made')).status).toBe(404);
  });
});

describe('an invocation', () => {
  const CODE = `
interface Event { how?: string; n?: number }
export const handler = async (event: Event) => {
  console.log('got', JSON.stringify(event), process.env.API_KEY);
  if (event.how === 'throw') {
    throw new TypeError('not ' + process.env.API_KEY);
  }
  if (event.how === 'bytes') return { statusCode: 200, isBase64Encoded: true, body: '/9j/', headers: { 'content-type': 'image/jpeg' } };
  if (event.how === 'hang') await new Promise(() => {});
  if (event.how === 'huge') return 'x'.repeat(7_000_000);
  return { statusCode: 201, body: { n: (event.n ?? 0) + 1 } };
};
`;

  async function invoke(name: string, event: unknown): Promise<Invocation> {
    const answer = await api('POST', `/functions/${name}/invoke`, event);
    expect(answer.status, answer.body).toBe(200);
    return JSON.parse(answer.body) as Invocation;
  }

  it('hands the posted JSON over as the event, and tells all about what came of it', async () => {
    const request = { name: 'called', runtime: 'typescript', code: CODE, timeout: 1_000 };
    const environment = { API_KEY: 'very-secret-value' };
    const [status, made] = await tell('POST', '/functions', { ...request, environment });
    expect(status, JSON.stringify(made)).toBe(201);
    const result = await invoke(made.function?.id ?? '', { n: 41 });
    expect(result).toMatchObject({ statusCode: 201, body: { n: 42 } });
    expect(result.requestId).toMatch(/^[0-9a-f-]{36}$/);
    expect(result.duration).toBeGreaterThan(0);
    expect(result.memoryUsed).toBeGreaterThan(1);
    expect(result.logs).toEqual([expect.stringMatching(/^got \{"n":41\} /)]);
    expect(JSON.stringify(result)).not.toContain('very-secret-value');
    expect(await invoke('called', { how: 'bytes' })).toMatchObject({
      body: '/9j/',
      isBase64Encoded: true,
    });
  });

  it('of a handler that throws says where, in the source', async () => {
    const result = await invoke('called', { how: 'throw' });
    expect(result).toMatchObject({ statusCode: 500, body: null, errorType: 'TypeError' });
    expect(result.errorMessage).toMatch(/^not /);
    expect(result.stackTrace?.[0]).toMatch(/index\.ts:6:11/);
    expect(JSON.stringify(result)).not.toContain('very-secret-value');
  });

  it('has the limits of the function, and bounds of its own', async () => {
    expect(await invoke('called', { how: 'hang' })).toMatchObject({
      statusCode: 504,
      errorType: 'Timeout',
    });
    expect((await api('POST', '/functions/called/invoke', { how: 'huge' })).status).toBe(413);
    const large = { text: 'y'.repeat(3_000_000) };
    expect(await invoke('called', large)).toMatchObject({ statusCode: 201 });
    const tooLarge = { text: 'y'.repeat(7_000_000) };
    expect((await api('POST', '/functions/called/invoke', tooLarge)).status).toBe(413);
  });

  it('gives a web handler a request with the JSON as its body, and stands in the log', async () => {
    const code =
      'export default async (request: Request) => { console.error("to", request.method); return Response.json(await request.json()); };';
    expect((await tell('PUT', '/functions/called', { code }))[0]).toBe(200);
    const result = await invoke('called', ['any', null, 3]);
    expect(result).toMatchObject({ statusCode: 200, body: ['any', null, 3], logs: ['to POST'] });
    await eventually(async () => {
      const path = '/functions/called/logs?level=error&since=1h&q=to%20post';
      const { items } = await get<{ items: { text: string; requestId: string }[] }>(path);
      expect(items).toMatchObject([{ text: 'to POST', requestId: result.requestId }]);
    });
    expect((await api('DELETE', '/functions/called')).status).toBe(204);
  });

  it('takes another version, which does not go live by it', async () => {
    const answering = (text: string): string => `export const handler = async () => '${text}';`;
    const request = { name: 'aged', runtime: 'typescript', code: answering('first') };
    expect((await tell('POST', '/functions', request))[0]).toBe(201);
    expect((await tell('PUT', '/functions/aged', { code: answering('second') }))[0]).toBe(200);
    for (const [version, body] of [
      [1, 'first'],
      [2, 'second'],
    ] as const) {
      const answer = await api('POST', `/functions/aged/invoke?version=${version}`, {});
      expect(JSON.parse(answer.body)).toMatchObject({ statusCode: 200, body });
    }
    expect(await invoke('aged', {})).toMatchObject({ body: 'second' });
    const unknown = await api('POST', '/functions/aged/invoke?version=9', {});
    expect(unknown.status).toBe(404);
    expect(unknown.body).toContain('v2, v1');
    const broken = { code: "throw new Error('early');" };
    expect((await tell('PUT', '/functions/aged', broken))[0]).toBe(422);
    const never = await api('POST', '/functions/aged/invoke?version=3', {});
    expect(never.status).toBe(409);
    expect(never.body).toContain('never lived');
    const repository = await createRepository(platform(), 'aged');
    const shown = await repository.fn('invoke', '--version', '1');
    expect(shown).toMatchObject({ code: 0, output: expect.stringContaining('first') });
    expect((await api('DELETE', '/functions/aged')).status).toBe(204);
  });

  it('is what fn invoke makes, and fn apps delete ends the app', async () => {
    const code = 'exports.handler = async (event) => ({ hello: event.name });';
    await tell('POST', '/functions', { name: 'shell', runtime: 'nodejs26', code });
    const repository = await createRepository(platform(), 'shell');
    const shown = await repository.fn('invoke', '--data', '{"name":"John"}');
    expect(shown).toMatchObject({ code: 0, output: expect.stringMatching(/"hello": "John"/) });
    const json = await repository.fn('invoke', '--function', 'shell', '--json');
    expect(JSON.parse(json.output)).toMatchObject({ statusCode: 200, body: {} });
    expect((await repository.fn('invoke', '--data', '{')).output).toContain('no JSON');
    expect(await repository.fn('apps', 'delete', 'shell', '--yes')).toMatchObject({ code: 0 });
    expect((await api('GET', '/apps/shell')).status).toBe(404);
  });
});

describe('a function that cannot be made', () => {
  const good = { name: 'never', runtime: 'typescript', code: HELLO };
  const bad: [string, object, number, RegExp][] = [
    ['a syntax error', { code: 'export const handler = async ( => 1;' }, 422, /^index\.ts:1:\d+/],
    ['code that does not start', { code: 'throw new Error("early");' }, 422, /early/],
    ['a runtime that is not installed', { runtime: 'python' }, 422, /"python" is not installed/],
    ['too much memory', { memory: 1_000_000 }, 422, /memory is 1000000/],
    ['too long a timeout', { timeout: 100_000_000 }, 422, /timeout is/],
    ['no name of an app', { name: 'Not A Name' }, 400, /an app name has/],
    ['a reserved name', { name: 'admin' }, 400, /reserved/],
    ['an unknown field', { colour: 'red' }, 400, /additional properties/],
    ['a value that is no text', { environment: { A: 1 } }, 400, /value of A is no string/],
    ['a reserved variable', { environment: { FN_X: 'x' } }, 400, /FN_X is reserved/],
    [
      'a trigger that is none',
      { triggers: [{ type: 'http', config: { path: 1 } }] },
      422,
      /fn\.json/,
    ],
    ['a domain that is none', { customDomain: 'no domain' }, 400, /domain/],
    ['a name that is taken', { name: 'single' }, 409, /there is an app named single/],
  ];

  it.each(bad)('because of %s leaves nothing behind', async (_, wrong, status, detail) => {
    const [answered, told] = await tell('POST', '/functions', { ...good, ...wrong });
    expect([answered, told.detail]).toEqual([status, expect.stringMatching(detail)]);
    expect((await api('GET', '/apps/never')).status).toBe(404);
  });

  it('because of 10 MB leaves nothing behind', async () => {
    const code = `//${'x'.repeat(10_000_000)}`;
    expect((await api('POST', '/functions', { ...good, code })).status).toBe(413);
    const [status] = await tell('POST', '/functions', {
      ...good,
      code: `//${'x'.repeat(1_100_000)}`,
    });
    expect(status).toBe(413);
  });

  it('twice at once is made once', async () => {
    const asked = [1, 2, 3].map(() => tell('POST', '/functions', { ...good, name: 'raced' }));
    const statuses = (await Promise.all(asked)).map(([status]) => status);
    expect(statuses.toSorted((one, other) => one - other)).toEqual([201, 409, 409]);
    expect((await api('DELETE', '/functions/raced')).status).toBe(204);
  });

  it('has no repository, bundle, sealed file or row', async () => {
    const { items } = await get<{ items: { id: string; name: string }[] }>('/apps');
    expect(items.map(({ name }) => name)).toEqual(['several', 'single']);
    const repositories = await readdir(join(platform().dataDir, 'repositories'));
    expect(repositories.toSorted()).toEqual(items.map(({ id }) => `${id}.git`).sort());
    const database = openDatabase(databaseUrl(platform(), 'postgres'), () => {});
    onTestFinished(() => database.close());
    const { rows } = await database.query<{ name: string }>('SELECT name FROM apps ORDER BY name');
    expect(rows.map(({ name }) => name)).toEqual(['several', 'single']);
    const { rows: bundles } = await database.query<{ hash: string }>('SELECT hash FROM bundles');
    const stored = await readdir(join(platform().dataDir, 'store/bundles'));
    expect(stored.toSorted()).toEqual(bundles.map(({ hash }) => hash).sort());
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

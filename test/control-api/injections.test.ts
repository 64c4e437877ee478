import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Database, openDatabase } from '../../src/store/database.ts';
import { databaseUrl } from '../support/database-url.ts';
import { eventually } from '../support/eventually.ts';
import { readOpenApiDocument } from '../support/openapi-document.ts';
import { createRepository } from '../support/repository.ts';
import { type Input, json, type OperationId } from './caller.ts';
import { placedOperations, placesOf } from './places.ts';
import { countRows } from './rows.ts';
import { createWorld, type World } from './world.ts';

/** Text that is more than text to some reader of queries, patterns, paths or lines. */
const CORPUS = [
  "'",
  '"',
  "' OR '1'='1",
  "' OR 1=1 --",
  "'; DROP TABLE apps; --",
  '"; DELETE FROM tokens; --',
  "x') RETURNING *; --",
  "' UNION SELECT hash::text FROM tokens --",
  "'||(SELECT pg_sleep(20))||'",
  '/*x*/',
  '$1',
  '$$x$$',
  ':name',
  '?',
  '\\',
  "\\'; SELECT 1; --",
  "E'\\x27'",
  '%',
  '_',
  '%%_%',
  '^.*$',
  '[[:alpha:]]+',
  '(((((',
  '{}',
  '\u2018 OR \u20181\u2019=\u20181',
  '\uff07; DROP TABLE apps; --',
  '\u02bc OR 1=1',
  '\u0000',
  'a\u0000b',
  'half\ud800',
  '\r\nx: y',
  '\u{1f600}\u202e',
  "'".repeat(4_000),
];
/** Beyond this somebody has slept in the database. */
const DEADLINE_MS = 15_000;
/** A header has characters of ASCII here, and as many as its reader takes at all. */
const isHeader = (text: string): boolean => /^[\x20-\x7e]{1,500}$/.test(text);

const document = await readOpenApiDocument();
/** Without a place for text: it takes a minute. */
const OPERATIONS = placedOperations(document).filter(({ id }) => id !== 'rotateMasterKey');

/** In place of what others are tried with, so that text gets further than the first check. */
const BASES: Partial<Record<OperationId, Input>> = {
  deleteApp: { params: { app: 'nobodys' } },
  setEnvironmentValue: {
    params: { app: 'theirs', name: 'VALUE' },
    body: { value: 'x', scope: 'branch:none', kind: 'plain' },
  },
  unsetEnvironmentValue: { params: { app: 'theirs', name: 'NO_SUCH' } },
  changeEnvironment: { params: { app: 'theirs' }, body: {} },
  addDomain: { params: { app: 'mine' }, body: { name: 'www.example.com' } },
  addKey: {
    body: {
      publicKey:
        'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAID9GE3L6fNRodK5kjP865VikFXtMfdo03bKH9Gl8LdEL a@b',
    },
  },
  connectGitHost: {
    params: { app: 'mine' },
    body: { kind: 'github', url: 'https://1.1.1.1/ada/hello', accessToken: 'none' },
  },
};

/** The one table to which each 2xx answer adds one row. */
const MAKES: Partial<Record<OperationId, string>> = {
  createToken: 'tokens',
  createShareLink: 'share_links',
  addKey: 'ssh_keys',
  beginDeviceLogin: 'device_logins',
  connectGitHost: 'git_connections',
};
/** What changes something that was there, or has rows of its own by several rules. */
const CHANGES = new Set<OperationId>([
  'setEnvironmentValue',
  'changeEnvironment',
  'addDomain',
  'setAccess',
]);

let world: World;
let db: Database;
beforeAll(async () => {
  world = await createWorld();
  db = openDatabase(databaseUrl(world.platform, 'postgres'), () => {});
});
afterAll(async () => {
  await db?.close();
  await world?.[Symbol.asyncDispose]();
});

describe.each(OPERATIONS)('$id', (one) => {
  it('takes text for text, wherever it stands', { timeout: 300_000 }, async () => {
    const base = BASES[one.id];
    const given = { document, world, ...(base !== undefined && { base }) };
    const places = (['text', 'name'] as const).flatMap((kind) => placesOf(one, kind, given));
    const before = await countRows(db);
    let done = 0;
    for (const { where, ask } of places) {
      const isInHeader = where.startsWith('header');
      for (const text of CORPUS.filter((each) => !isInHeader || isHeader(each))) {
        const startedMs = performance.now();
        const answer = await world.send({ method: one.method, ...ask(text) });
        const told = `${where}: ${JSON.stringify(text).slice(0, 60)}: ${answer.status} ${answer.body.slice(0, 300)}`;
        expect(performance.now() - startedMs, told).toBeLessThan(DEADLINE_MS);
        expect(answer.body, told).not.toMatch(
          /syntax error at|PostgreSQL|SQLSTATE|invalid byte sequence/,
        );
        if (answer.status >= 500) expect(json(answer)['code'], told).toBe('busy');
        if (answer.status < 300 && one.method !== 'GET') done += 1;
      }
    }
    const after = await countRows(db);
    const grown = Object.keys(after).filter((table) => after[table] !== before[table]);
    for (const table of grown) {
      expect(after[table], `${one.id}: ${table}`).toBeGreaterThan(before[table] ?? 0);
    }
    if (CHANGES.has(one.id)) return;
    const made = MAKES[one.id];
    if (made !== undefined) expect((after[made] ?? 0) - (before[made] ?? 0)).toBe(done);
    if (made === undefined || done === 0) expect(after).toEqual(before);
  });
});

it('takes no token for one because of what stands in it', async () => {
  for (const text of CORPUS.filter(isHeader)) {
    const answer = await world.send({ method: 'GET', path: '/whoami', token: text });
    expect([401, 429], text).toContain(answer.status);
  }
});

it('gives names back as they came', async () => {
  const { items } = json<{ items: { name: string }[] }>(
    await world.call('listTokens', { query: { limit: 200 } }),
  );
  const names = items.map(({ name }) => name);
  for (const text of ['%', "'; DROP TABLE apps; --", '$1', '\\']) expect(names).toContain(text);
});

describe('a filter', () => {
  const LINES = ['100% sure', 'snake_case', 'C:\\temp', "it's (a) [b] {c} ^d$ e.f*", 'plain'];
  beforeAll(async () => {
    const repository = await createRepository(world.platform, 'filtered');
    const printing = LINES.map((line) => `console.log(${JSON.stringify(line)});`).join('\n');
    await repository.commit({
      'index.ts': `export default () => {\n${printing}\nreturn new Response('x');\n};\n`,
    });
    expect(await repository.push('main')).toMatchObject({ code: 0 });
    const { items } = json<{ items: { id: string; app: string }[] }>(
      await world.call('listFunctions', { query: { app: 'filtered' } }),
    );
    const params = { function: items[0]?.id ?? '' };
    expect((await world.call('invokeFunction', { params, body: {} })).status).toBe(200);
    await eventually(async () => expect(await linesWith('plain')).toEqual(['plain']));
  });

  async function linesWith(search: string): Promise<string[]> {
    const input = { params: { app: 'filtered' }, query: { search } };
    const { items } = json<{ items: { text: string; kind: string }[] }>(
      await world.call('listLogs', input),
    );
    return items.map(({ text }) => text).filter((text) => LINES.includes(text));
  }

  it.each([
    ['%', [LINES[0]]],
    ['_', [LINES[1]]],
    ['\\', [LINES[2]]],
    ["'", [LINES[3]]],
    ['.f*', [LINES[3]]],
    ['^d$', [LINES[3]]],
    ['%%', []],
    ['p_ain', []],
    ['.*', []],
    ['$1', []],
  ])('finds lines with %s in them, and no others', async (search, found) => {
    expect(await linesWith(search)).toEqual(found);
  });

  it.each(['%', '_', 'm_ne', 'm%', '.', '^mine$', '[m]', '\\', "'"])(
    'of names finds none by %s',
    async (q) => {
      for (const id of ['listApps', 'listFunctions'] as const) {
        expect(json(await world.call(id, { query: { q } }))['items'], id).toEqual([]);
      }
      for (const query of [{ app: q }, { actor: q }, { action: q }]) {
        const answer = await world.call('listAuditEntries', { query });
        if (answer.status < 300) expect(json(answer)['items']).toEqual([]);
      }
      const refs = await world.call('listDeployments', {
        params: { app: 'mine' },
        query: { ref: q },
      });
      expect(json(refs)['items'] ?? []).toEqual([]);
    },
  );
});

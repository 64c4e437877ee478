import http from 'node:http';
import { buffer } from 'node:stream/consumers';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DOMAIN_QUARANTINE_MS } from '../../src/model/domain.ts';
import type { Domain } from '../../src/protocol/control-client.generated.ts';
import type { Answer } from '../support/ask.ts';
import { databaseUrl } from '../support/database-url.ts';
import { openDatabase } from '../../src/store/database.ts';
import { startPlatform, type Platform } from '../support/platform.ts';
import { createRepository, type TestRepository } from '../support/repository.ts';
import { startTestDns, type TestDns } from '../support/test-dns.ts';

const BASE = 'fn.test';
const TELLER = `export default (request) =>
  new Response(\`BRANCH of \${new URL(request.url).host} \${request.headers.get('x-forwarded-host')}\`);
`;

let dns: TestDns;
let platform: Platform;
let shop: TestRepository;
let other: TestRepository;

beforeAll(async () => {
  dns = await startTestDns();
  platform = await startPlatform({
    env: { FN_BASE_DOMAIN: BASE, HOST: '127.0.0.1', FN_DNS_SERVERS: dns.server },
  });
  shop = await createRepository(platform, 'shop');
  await shop.commit({ 'index.ts': TELLER.replace('BRANCH', 'main') });
  expect((await shop.push('main')).code).toBe(0);
  await shop.git('checkout', '-q', '-b', 'production');
  await shop.commit({ 'index.ts': TELLER.replace('BRANCH', 'topic') });
  expect((await shop.push('production')).code).toBe(0);
  other = await createRepository(platform, 'other');
  await other.commit({ 'index.ts': TELLER.replace('BRANCH', 'other') });
  expect((await other.push('main')).code).toBe(0);
  for (const app of ['shop', 'other']) await dns.setAddresses(`${app}.${BASE}`, '192.0.2.1');
});

afterAll(async () => {
  await platform?.[Symbol.asyncDispose]();
  await dns?.[Symbol.asyncDispose]();
});

async function get(host: string, path = '/', method = 'GET'): Promise<Answer> {
  const { port } = platform;
  const headers = { host: `${host}:${port}` };
  const request = http.request({ host: '127.0.0.1', port, path, method, headers, agent: false });
  request.end();
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  const body = (await buffer(response)).toString();
  return { status: response.statusCode ?? 0, headers: response.headers, body };
}

async function views(repository: TestRepository): Promise<Domain[]> {
  const { output } = await repository.fn('domains', 'list', '--json');
  return (JSON.parse(output) as { items: Domain[] }).items;
}

async function view(repository: TestRepository, name: string): Promise<Domain | undefined> {
  return (await views(repository)).find((domain) => domain.name === name);
}

/** Adds the domain and proves it by its TXT record. */
async function prove(
  repository: TestRepository,
  name: string,
  ...options: string[]
): Promise<void> {
  await repository.fn('domains', 'add', name, ...options);
  const record = (await view(repository, name))?.records.find(({ type }) => type === 'TXT');
  await dns.setTxt(record?.name ?? '', record?.value ?? '');
  const verified = await repository.fn('domains', 'verify', name);
  expect(verified).toMatchObject({ code: 0, output: expect.stringContaining('is verified') });
}

/** Runs a statement on the platform's own database: time passes only so. */
async function alter(statement: string, values: unknown[]): Promise<void> {
  const db = openDatabase(databaseUrl(platform, 'postgres'), () => {});
  await db.query(statement, values);
  await db.close();
}

describe('a domain of an app', () => {
  it('is told what to create, verified by it, served, and gone when it is removed', async () => {
    const unknown = await get('www.example.com');
    expect(unknown).toMatchObject({ status: 404, body: 'There is nothing at this address.\n' });
    const added = await shop.fn('domains', 'add', 'WWW.Example.com.');
    expect(added.code).toBe(0);
    expect(added.output).toContain('www.example.com waits for its proof');
    expect(added.output).toMatch(/CNAME +www\.example\.com +shop\.fn\.test +proves it and leads/);
    expect(added.output).toMatch(
      /TXT +_gitfn-challenge\.www\.example\.com +gitfn=[0-9a-f]{32} +proves/,
    );
    expect(added.output).toContain('www.example.com is no alias');
    expect((await get('www.example.com')).status).toBe(404);

    await dns.setCname('www.example.com', `other.${BASE}`);
    const wrong = await shop.fn('domains', 'verify', 'www.example.com');
    expect(wrong.code).toBe(1);
    expect(wrong.output).toContain('www.example.com is an alias of other.fn.test');
    expect(wrong.output).toContain('create the record CNAME www.example.com shop.fn.test');
    // An alias that nobody has claimed says no more than a name that does not lead here.
    expect((await get('www.example.com')).body).toBe(unknown.body);

    await dns.setCname('www.example.com', `shop.${BASE}`);
    const verified = await shop.fn('domains', 'verify', 'www.example.com', '--wait');
    expect(verified).toMatchObject({ code: 0, output: expect.stringContaining('is verified') });
    const served = await get('www.example.com', '/a?b=c');
    const host = `www.example.com:${platform.port}`;
    expect(served).toMatchObject({ status: 200, body: `main of ${host} ${host}` });
    expect(served.headers).toMatchObject({ 'x-fn-version': 'v1' });
    expect((await get('www.example.com.')).status).toBe(200);

    const completed = await shop.fn('complete', '--', 'domains', 'verify', 'ww');
    expect(completed.output).toBe('www.example.com\n');
    const removed = await shop.fn('domains', 'remove', 'www.example.com', '--yes');
    expect(removed.output).toContain('www.example.com is removed');
    expect((await get('www.example.com')).body).toBe(unknown.body);
  });

  it('serves a branch, or sends to another domain with path and query', async () => {
    await prove(shop, 'example.org', '--branch', 'production');
    expect((await get('example.org')).body).toContain('topic of example.org');
    await prove(shop, 'www.example.org', '--redirect-to', 'example.org');
    const moved = await get('www.example.org', '/a/b?c=d%20e', 'POST');
    const location = `http://example.org:${platform.port}/a/b?c=d%20e`;
    expect(moved).toMatchObject({ status: 308, headers: { location } });
    const circular = await shop.fn(
      'domains',
      'add',
      'example.org',
      '--redirect-to',
      'www.example.org',
    );
    expect(circular).toMatchObject({ code: 2, output: expect.stringContaining('redirects to') });
    const changed = await shop.fn('domains', 'add', 'example.org');
    expect(changed.output).toContain('serves production');
    expect((await get('example.org')).body).toContain('main of example.org');
    const removed = await shop.fn('domains', 'remove', 'example.org', '--yes');
    expect(removed.output).toContain('www.example.org redirects to it no more');
    expect((await get('www.example.org')).body).toContain('main of www.example.org');
  });

  it('goes before a wildcard of another app when its TXT record is there', async () => {
    await prove(shop, '*.example.net');
    expect((await get('any.example.net')).body).toContain('main of any.example.net');
    expect((await get('a.any.example.net')).status).toBe(404);
    await dns.setCname('own.example.net', `other.${BASE}`);
    const byAlias = await other.fn('domains', 'add', 'own.example.net');
    expect(byAlias.output).toContain('no proof below the wildcard of another app');
    await prove(other, 'own.example.net');
    expect((await get('own.example.net')).body).toContain('other of own.example.net');
    expect((await get('any.example.net')).body).toContain('main of any.example.net');
  });

  it('is of no other app while it is in quarantine, and later by TXT alone', async () => {
    await prove(shop, 'quarantine.com');
    const taken = await other.fn('domains', 'add', 'quarantine.com');
    expect(taken).toMatchObject({
      code: 8,
      output: expect.stringContaining('another app of this'),
    });
    expect(taken.output).toContain('fn domains remove');
    expect(taken.output).not.toContain('shop');
    await shop.fn('domains', 'remove', 'quarantine.com', '--yes');
    const early = await other.fn('domains', 'add', 'quarantine.com');
    expect(early).toMatchObject({
      code: 8,
      output: expect.stringContaining('no other gets it before'),
    });
    // The one that had it may have it again at once, by the record that is still there.
    const again = await shop.fn('domains', 'add', 'quarantine.com');
    expect(again.output).toContain('is verified');
    await shop.fn('domains', 'remove', 'quarantine.com', '--yes');
    await alter(
      `UPDATE domains SET removed_at = removed_at - $1 * interval '1 ms' WHERE name = $2`,
      [DOMAIN_QUARANTINE_MS, 'quarantine.com'],
    );
    await dns.setCname('quarantine.com', `other.${BASE}`);
    const byAlias = await other.fn('domains', 'add', 'quarantine.com');
    expect(byAlias.output).toContain('which is no proof of a name that another app had before');
    await dns.setCname('quarantine.com', null);
    await prove(other, 'quarantine.com');
    expect((await get('quarantine.com')).body).toContain('other of quarantine.com');
  });

  it('is verified without anybody asking, once its record is there', async () => {
    await shop.fn('domains', 'add', 'later.example.com');
    await dns.setCname('later.example.com', `shop.${BASE}`);
    await alter('UPDATE domains SET next_check_at = now() WHERE name = $1', ['later.example.com']);
    await expect
      .poll(async () => (await get('later.example.com')).status, { timeout: 50_000 })
      .toBe(200);
  });

  it('that leads elsewhere later is served on, with a warning', async () => {
    await prove(shop, 'moved.com');
    await dns.setAddresses('moved.com', '198.51.100.7');
    const looked = await shop.fn('domains', 'verify', 'moved.com');
    expect(looked.code).toBe(0);
    expect(looked.output).toContain('moved.com leads to 198.51.100.7, which is not this server');
    expect((await get('moved.com')).status).toBe(200);
    const read = async (path: string, token: string) => {
      return fetch(platform.url + path, { headers: { authorization: `Bearer ${token}` } });
    };
    const told = async (token: string) => (await read('/readyz', token)).json();
    await expect
      .poll(() => told(platform.adminToken), { timeout: 10_000 })
      .toMatchObject({
        degraded: [],
        warnings: expect.arrayContaining(['the domain moved.com leads elsewhere']),
      });
    const made = await shop.fn('tokens', 'create', 'watch', '--role', 'viewer', '--app', 'other');
    const [foreign = ''] = /fn_[a-z2-7]{40}/.exec(made.output) ?? [];
    for (const readiness of [
      await (await fetch(`${platform.url}/readyz`)).json(),
      await told(foreign),
      await told('fn_unknown'),
    ]) {
      const { warnings } = readiness as { warnings: string[] };
      expect(warnings.at(-1)).toMatch(
        /^\d+ domains? of (an app does|apps do) not lead here: fn domains list --app APP$/,
      );
      expect(warnings.join()).not.toContain('moved.com');
    }
    const metrics = await read('/metrics/prometheus', platform.adminToken);
    expect(metrics.headers.get('content-type')).toContain('text/plain; version=0.0.4');
    const text = await metrics.text();
    expect(text).toContain('\ngitfn_domain_state{name="moved.com",app="shop",state="astray"} 1\n');
    expect(text).toContain(
      '\ngitfn_domain_state{name="moved.com",app="shop",state="verified"} 0\n',
    );
    expect((await read('/metrics/prometheus', foreign)).status).toBe(403);
    expect(await view(shop, 'moved.com')).toMatchObject({
      state: 'verified',
      pointing: 'elsewhere',
    });
  });
});

describe('bad input', () => {
  it.each([
    ['hello.fn.test', 2, 'is a name of this server itself'],
    ['co.uk', 2, "can be nobody's own"],
    ['https://example.com/x', 2, 'is a URL'],
    ['exa mple.com', 2, 'has the character'],
    ['192.0.2.7', 2, 'is an IP address'],
    ['example', 2, 'is one word'],
    ['a.*.example.com', 2, 'has a star elsewhere'],
    [`${'a'.repeat(50)}.`.repeat(6), 2, 'at most 253'],
    [`${'b'.repeat(59)}.`.repeat(4) + 'com', 2, 'leaves no room for the record'],
  ])('%s is refused with what to change', async (name, code, reason) => {
    const before = await views(shop);
    const added = await shop.fn('domains', 'add', name);
    expect(added).toMatchObject({ code, output: expect.stringContaining(reason) });
    const verified = await shop.fn('domains', 'verify', name);
    // What is a name, and none that can be added, is simply none that the app has.
    expect([reason, 'shop has no domain'].some((why) => verified.output.includes(why))).toBe(true);
    expect(verified.code).toBe(code);
    expect(await views(shop)).toEqual(before);
  });

  it('is an internationalised name only when it is none', async () => {
    const added = await shop.fn('domains', 'add', 'Bücher.Example.com');
    expect(added).toMatchObject({
      code: 0,
      output: expect.stringContaining('xn--bcher-kva.example.com'),
    });
    expect(await view(shop, 'xn--bcher-kva.example.com')).toMatchObject({
      displayName: 'bücher.example.com',
    });
    expect(await shop.fn('domains', 'remove', 'bücher.example.com', '--yes')).toMatchObject({
      code: 0,
    });
  });

  it.each([
    [['add', 'a.com', '--branch', 'nowhere'], 'has no branch or tag "nowhere"'],
    [['add', 'a.com', '--redirect-to', 'b.com'], 'the app has no such domain'],
    [['verify', 'nobodys.com'], 'shop has no domain nobodys.com'],
    [['remove', 'nobodys.com'], 'shop has no domain nobodys.com'],
  ])('fn domains %s says so', async (words, reason) => {
    const answer = await shop.fn('domains', ...words);
    expect(answer).toMatchObject({ code: 2, output: expect.stringContaining(reason) });
  });

  it('in fn.json fails the build where it is no name, and warns where it is of another app', async () => {
    await prove(other, 'theirs.com');
    await shop.git('checkout', '-q', 'main');
    const fnJson = (...domains: string[]) => ({ 'fn.json': JSON.stringify({ domains }) });
    await shop.commit(fnJson('shop.example.com', 'no name'));
    const refused = await shop.push('main');
    expect(refused.code).not.toBe(0);
    expect(refused.output).toContain('"domains[1]": "no name" has the character');
    await shop.commit(fnJson('Declared.example.com', 'theirs.com', 'co.uk'));
    const pushed = await shop.push('main');
    expect(pushed.code, pushed.output).toBe(0);
    expect(pushed.output).toContain('Domain declared.example.com waits for its proof');
    expect(pushed.output).toMatch(/CNAME +declared\.example\.com +shop\.fn\.test/);
    expect(pushed.output).toContain('theirs.com cannot be added: another app of this server');
    expect(pushed.output).toContain("co.uk can be nobody's own");
    expect(await view(shop, 'declared.example.com')).toMatchObject({ state: 'pending' });
    expect(await view(shop, 'theirs.com')).toBeUndefined();
    await shop.commit({ 'other.txt': 'x' });
    const again = await shop.push('main');
    expect(again.output).not.toContain('declared.example.com');
  });

  it('of tokens that may only read changes nothing, and foreign apps have no domains', async () => {
    const made = await shop.fn('tokens', 'create', 'reader', '--role', 'viewer', '--json');
    const { token } = JSON.parse(made.output) as { token: string };
    const call = async (path: string, method: string, body?: object): Promise<number> => {
      const answer = await fetch(`${platform.url}${path}`, {
        method,
        headers: {
          authorization: `Bearer ${token}`,
          ...(body && { 'content-type': 'application/json' }),
        },
        ...(body && { body: JSON.stringify(body) }),
      });
      return answer.status;
    };
    expect(await call('/apps/shop/domains', 'GET')).toBe(200);
    expect(await call('/apps/shop/domains', 'POST', { name: 'a.com' })).toBe(403);
    expect(await call('/apps/shop/domains/moved.com', 'DELETE')).toBe(403);
    expect(await call('/apps/nobodys/domains', 'GET')).toBe(404);
  });
});

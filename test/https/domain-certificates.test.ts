/** Domains of people's own with certificates that the platform orders for them from Pebble. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import https from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import type { TLSSocket } from 'node:tls';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type {
  Certificate,
  Domain,
  Operations,
  UploadedCertificate,
} from '../../src/protocol/control-client.generated.ts';
import type { Answer } from '../support/ask.ts';
import { eventually } from '../support/eventually.ts';
import { issue, type Issued } from '../support/issued.ts';
import { type Pebble, startPebble } from '../support/pebble.ts';
import { type Platform, startPlatform } from '../support/platform.ts';
import { createRepository, type TestRepository } from '../support/repository.ts';

const BASE = 'fn.example.com';
const ORDER_DEADLINE_MS = 60_000;

let pebble: Pebble;
let root: string;
let folder: string;
let platform: Platform;
let shop: TestRepository;

beforeAll(async () => {
  pebble = await startPebble();
  root = await pebble.issuerRoot();
  folder = await mkdtemp(join(tmpdir(), 'gitfn-domains-'));
  await writeFile(join(folder, 'ca.pem'), pebble.roots);
  platform = await startPlatform({
    env: {
      PORT: String(pebble.httpPort),
      HTTPS_PORT: String(pebble.tlsPort),
      HOST: '127.0.0.1',
      FN_BASE_DOMAIN: BASE,
      FN_DNS_SERVERS: `127.0.0.1:${pebble.dnsPort}`,
      ACME_DIRECTORY_URL: pebble.directory,
      ACME_CA_FILE: join(folder, 'ca.pem'),
    },
  });
  shop = await createRepository(platform, 'shop');
  const code = `export default (request) => new Response('shop of ' + request.headers.get('host'));`;
  await shop.commit({ 'index.js': code });
  expect(await shop.push('main')).toMatchObject({ code: 0 });
});

afterAll(async () => {
  await platform?.[Symbol.asyncDispose]();
  await pebble?.close();
  if (folder !== undefined) await rm(folder, { recursive: true });
});

/** As a client that believes Pebble's root; with the names that the certificate is for. */
async function get(host: string, path = '/', ca = root): Promise<Answer & { names: string }> {
  const request = https.get({
    host: '127.0.0.1',
    port: pebble.tlsPort,
    servername: host,
    headers: { host: `${host}:${pebble.tlsPort}` },
    path,
    ca,
    agent: false,
  });
  const [response] = (await once(request, 'response')) as [import('node:http').IncomingMessage];
  const names = (response.socket as TLSSocket).getPeerCertificate().subjectaltname ?? '';
  const body = (await buffer(response)).toString();
  return { status: response.statusCode ?? 0, headers: response.headers, body, names };
}

async function prove(name: string, ...options: string[]): Promise<void> {
  const added = await shop.fn('domains', 'add', name, '--json', ...options);
  const { records } = JSON.parse(added.output) as Domain;
  const record = records.find(({ type }) => type === 'TXT');
  await pebble.dns('/set-txt', { host: `${record?.name}.`, value: record?.value });
  expect(await shop.fn('domains', 'verify', name)).toMatchObject({ code: 0 });
}

it('are served over HTTPS soon after they are verified, an apex and its www by one certificate', async () => {
  await expect(get('example.org')).rejects.toThrow();
  await prove('example.org');
  const alone = await eventually(() => get('example.org'), ORDER_DEADLINE_MS);
  expect(alone).toMatchObject({ status: 200, body: `shop of example.org:${pebble.tlsPort}` });
  expect(alone.names).toBe('DNS:example.org');
  await prove('www.example.org', '--redirect-to', 'example.org');
  const moved = await eventually(() => get('www.example.org', '/a?b=c'), ORDER_DEADLINE_MS);
  const location = `https://example.org:${pebble.tlsPort}/a?b=c`;
  expect(moved).toMatchObject({ status: 308, headers: { location } });
  expect(moved.names.split(', ').sort()).toEqual(['DNS:example.org', 'DNS:www.example.org']);
  const listed = await shop.fn('domains', 'list');
  expect(listed.output).toMatch(
    /^example\.org +verified +production +valid until \d{4}-\d\d-\d\d/m,
  );
  const { output } = await shop.fn('domains', 'list', '--json');
  const { items } = JSON.parse(output) as Operations['listDomains']['answer'];
  expect(items.map(({ certificate }) => certificate?.state)).toEqual(['valid', 'valid']);
  const certificates = await shop.fn('certificates', 'list');
  expect(certificates.output).toMatch(/^ID +NAMES +APP +SOURCE +STATE +ENDS +NEXT +PROBLEM/m);
  expect(certificates.output).toMatch(
    /^\w+ +example\.org www\.example\.org +shop +acme +valid +\d{4}-\d\d-\d\d +\d{4}-\d\d-\d\d \d\d:\d\d/m,
  );
  await shop.fn('domains', 'remove', 'example.org', '--yes');
  const gone = await get('example.org').catch(() => null);
  expect(gone?.status ?? 404).toBe(404);
});

describe('a certificate that somebody brings for the domain of an app', () => {
  let authority: Issued;
  let pair: { chain: string; key: string };

  beforeAll(async () => {
    authority = await issue({ subject: 'Root', isCa: true });
    const own = await issue({ subject: 'own', issuer: authority, names: ['brought.org', 'a.org'] });
    pair = { chain: own.certificate + authority.certificate, key: own.key };
    await prove('brought.org');
  });

  async function ask(token: string, method: string, path: string, body?: object) {
    const headers = {
      authorization: `Bearer ${token}`,
      ...(body && { 'content-type': 'application/json' }),
    };
    const sent = body === undefined ? {} : { body: JSON.stringify(body) };
    return fetch(platform.url + path, { method, headers, ...sent });
  }

  async function tokenFor(role: string, ...options: string[]): Promise<string> {
    const name = `${role}-${options.length}`;
    const { output } = await shop.fn('tokens', 'create', name, '--role', role, ...options);
    return /fn_[a-z2-7]{40}/.exec(output)?.[0] ?? '';
  }

  it('is taken from who may change the app’s, and served for what is verified of its names', async () => {
    const [viewer, deployer, platformDeployer] = [
      await tokenFor('viewer', '--app', 'shop'),
      await tokenFor('deployer', '--app', 'shop'),
      await tokenFor('deployer'),
    ];
    const upload = { ...pair, app: 'shop' };
    expect((await ask(viewer, 'POST', '/certificates', upload)).status).toBe(403);
    expect((await ask(deployer, 'POST', '/certificates', { ...pair, app: 'other' })).status).toBe(
      404,
    );
    for (const token of [deployer, platformDeployer]) {
      expect((await ask(token, 'POST', '/certificates', pair)).status).toBe(403);
    }
    const added = await ask(deployer, 'POST', '/certificates', upload);
    expect(added.status).toBe(201);
    const view = (await added.json()) as UploadedCertificate;
    expect(view).toMatchObject({ names: ['brought.org'], app: 'shop', source: 'upload' });
    expect(view.warnings).toContain('It is not served for a.org, which it has as well.');
    const answer = await get('brought.org', '/', authority.certificate);
    expect(answer).toMatchObject({ status: 200, names: 'DNS:brought.org, DNS:a.org' });

    const path = `/certificates/${view.id}`;
    expect((await ask(viewer, 'DELETE', path)).status).toBe(403);
    const strangers = await createRepository(platform, 'strangers');
    await strangers.commit({ 'index.js': 'export default () => new Response();' });
    await strangers.push('main');
    const stranger = await tokenFor('admin', '--app', 'strangers');
    expect((await ask(stranger, 'DELETE', path)).status).toBe(404);
    const seen = (await (await ask(stranger, 'GET', '/certificates')).json()) as {
      items: Certificate[];
    };
    expect(JSON.stringify(seen)).not.toContain('brought.org');
    expect((await ask(deployer, 'DELETE', path)).status).toBe(204);
    await expect(get('brought.org', '/', authority.certificate)).rejects.toThrow();
  });
});

/** Domains of people's own with certificates that the platform orders for them from Pebble. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import https from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import type { TLSSocket } from 'node:tls';
import { once } from 'node:events';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Page } from '../../src/protocol/control-api.ts';
import type { DomainView } from '../../src/protocol/domains-api.ts';
import type { Answer } from '../support/ask.ts';
import { eventually } from '../support/eventually.ts';
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
async function get(host: string, path = '/'): Promise<Answer & { names: string }> {
  const request = https.get({
    host: '127.0.0.1',
    port: pebble.tlsPort,
    servername: host,
    headers: { host: `${host}:${pebble.tlsPort}` },
    path,
    ca: root,
    agent: false,
  });
  const [response] = (await once(request, 'response')) as [import('node:http').IncomingMessage];
  const names = (response.socket as TLSSocket).getPeerCertificate().subjectaltname ?? '';
  const body = (await buffer(response)).toString();
  return { status: response.statusCode ?? 0, headers: response.headers, body, names };
}

async function prove(name: string, ...options: string[]): Promise<void> {
  const added = await shop.fn('domains', 'add', name, '--json', ...options);
  const { records } = JSON.parse(added.output) as DomainView;
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
  const { items } = JSON.parse(output) as Page<DomainView>;
  expect(items.map(({ certificate }) => certificate?.state)).toEqual(['valid', 'valid']);
  await shop.fn('domains', 'remove', 'example.org', '--yes');
  const gone = await get('example.org').catch(() => null);
  expect(gone?.status ?? 404).toBe(404);
});

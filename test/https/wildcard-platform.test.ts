/** The whole server orders one wildcard by RFC 2136, and every branch has HTTPS by it without another order. */
import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { expect, it, onTestFinished } from 'vitest';
import type { CertificateIndex } from '../../src/protocol/certificates.ts';
import { eventually } from '../support/eventually.ts';
import { startKnot } from '../support/knot.ts';
import { startPebble } from '../support/pebble.ts';
import { startPlatform } from '../support/platform.ts';
import { createRepository } from '../support/repository.ts';

const BASE = 'fn.example.test';
const KEY = { name: 'acme', algorithm: 'hmac-sha256', secret: randomBytes(32) };

it('a wildcard by RFC 2136 covers what is pushed later, without an order', async () => {
  // Nobody may be asked at such an address, so that the resolver has to do: the port of a name server is fixed.
  const saidAddress = '127.0.0.9';
  const knot = await startKnot({
    zones: { 'example.test': '*.fn A 127.0.0.1\nfn A 127.0.0.1', test: '' },
    key: KEY,
    saidAddress,
  });
  onTestFinished(() => knot.close());
  const pebble = await startPebble({ nameServerPort: knot.port });
  onTestFinished(() => pebble.close());
  const folder = await mkdtemp(join(tmpdir(), 'gitfn-wildcard-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, 'ca.pem'), pebble.roots);
  const provider = {
    server: `127.0.0.1:${knot.port}`,
    keyName: KEY.name,
    secret: KEY.secret.toString('base64'),
  };
  await writeFile(join(folder, 'dns.json'), JSON.stringify(provider), { mode: 0o600 });
  const platform = await startPlatform({
    env: {
      PORT: String(pebble.httpPort),
      HTTPS_PORT: String(pebble.tlsPort),
      HOST: '127.0.0.1',
      FN_BASE_DOMAIN: BASE,
      FN_EGRESS: 'none',
      FN_DNS_SERVERS: `127.0.0.1:${knot.port}`,
      FN_DNS_PROVIDER: 'rfc2136',
      FN_DNS_PROVIDER_FILE: join(folder, 'dns.json'),
      ACME_DIRECTORY_URL: pebble.directory,
      ACME_CA_FILE: join(folder, 'ca.pem'),
    },
  });
  onTestFinished(() => platform[Symbol.asyncDispose]());
  const root = await pebble.issuerRoot();
  const isTrusted = (servername: string): Promise<boolean> =>
    new Promise((resolve) => {
      const socket = connect({ port: pebble.tlsPort, host: '127.0.0.1', servername, ca: root });
      const settle = (is: boolean): void => {
        socket.destroy();
        resolve(is);
      };
      socket.on('error', () => settle(false)).on('secureConnect', () => settle(true));
    });
  await eventually(async () => expect(await isTrusted(BASE)).toBe(true), 60_000);
  const repository = await createRepository(platform, 'shop');
  await repository.commit({ 'index.js': "export default () => new Response('hello');" });
  expect(await repository.push('main:branch')).toMatchObject({ code: 0 });
  expect(await isTrusted(`shop.${BASE}`)).toBe(true);
  expect(await isTrusted(`branch--shop.${BASE}`)).toBe(true);
  const file = join(platform.dataDir, 'certificates/index.json');
  const { certificates } = JSON.parse(await readFile(file, 'utf8')) as CertificateIndex;
  expect(certificates.map(({ names }) => names.toSorted())).toEqual([[`*.${BASE}`, BASE]]);
  expect((await knot.lookup.txt(`_acme-challenge.${BASE}`)).kind).not.toBe('found');
});

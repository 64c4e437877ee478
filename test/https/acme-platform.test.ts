/** The whole server orders its own certificates from Pebble, by the ports that it serves. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type PeerCertificate } from 'node:tls';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import type { CertificateIndex } from '../../src/protocol/certificates.ts';
import { eventually } from '../support/eventually.ts';
import { type Pebble, startPebble } from '../support/pebble.ts';
import { type Platform, startPlatform } from '../support/platform.ts';
import { createRepository } from '../support/repository.ts';

const BASE = 'fn.example.com';

let pebble: Pebble;
let root: string;
let folder: string;

beforeAll(async () => {
  pebble = await startPebble();
  root = await pebble.issuerRoot();
  folder = await mkdtemp(join(tmpdir(), 'gitfn-acme-'));
  await writeFile(join(folder, 'ca.pem'), pebble.roots);
});

afterAll(async () => {
  await pebble.close();
  await rm(folder, { recursive: true });
});

async function start(): Promise<Platform> {
  const platform = await startPlatform({
    env: {
      PORT: String(pebble.httpPort),
      HTTPS_PORT: String(pebble.tlsPort),
      HOST: '127.0.0.1',
      FN_BASE_DOMAIN: BASE,
      FN_EGRESS: 'none',
      FN_DNS_SERVERS: `127.0.0.1:${pebble.dnsPort}`,
      ACME_DIRECTORY_URL: pebble.directory,
      ACME_CA_FILE: join(folder, 'ca.pem'),
    },
  });
  onTestFinished(() => platform[Symbol.asyncDispose]());
  return platform;
}

/** What a client gets that believes Pebble's root. */
function handshake(servername: string): Promise<PeerCertificate> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port: pebble.tlsPort, host: '127.0.0.1', servername, ca: root });
    socket.on('error', reject);
    socket.on('secureConnect', () => {
      resolve(socket.getPeerCertificate());
      socket.destroy();
    });
  });
}

it('has a certificate for its control host soon, and for an app when it is released', async () => {
  const platform = await start();
  const control = await eventually(() => handshake(BASE), 30_000);
  expect(control.subjectaltname).toBe(`DNS:${BASE}`);
  await expect(handshake(`shop.${BASE}`)).rejects.toThrow();
  const repository = await createRepository(platform, 'shop');
  await repository.commit({ 'index.js': "export default () => new Response('hello');" });
  expect(await repository.push('main')).toMatchObject({ code: 0 });
  const app = await eventually(() => handshake(`shop.${BASE}`), 30_000);
  expect(app.subjectaltname).toBe(`DNS:shop.${BASE}`);
  const file = join(platform.dataDir, 'certificates/index.json');
  const index = JSON.parse(await readFile(file, 'utf8')) as CertificateIndex;
  expect(index.challenges).toEqual([]);
  expect(index.certificates).toHaveLength(2);
});

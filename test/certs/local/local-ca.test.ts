import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  issueLocalCertificate,
  type LocalAuthority,
  makeLocalAuthority,
} from '../../../src/certs/local/local-ca.ts';

const NOW = Date.now();
const DAY_MS = 24 * 60 * 60_000;
/** Long enough for lengths of two bytes in DER. */
const LONG_DOMAIN = `${'a'.repeat(60)}.${'b'.repeat(60)}.example.com`;

let folder: string;
let authority: LocalAuthority;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gitfn-local-ca-'));
  const permitted = ['localhost', 'fn.test', LONG_DOMAIN];
  authority = await makeLocalAuthority(permitted, { machine: 'desk', now: NOW });
  await writeFile(join(folder, 'ca.crt'), authority.certificate);
});

afterAll(() => rm(folder, { recursive: true, force: true }));

/** What OpenSSL says of a certificate for these names, asked for the first of them. */
async function verify(names: string[]): Promise<string> {
  const { chain } = await issueLocalCertificate(authority, names, NOW);
  const file = join(folder, 'leaf.crt');
  await writeFile(file, chain);
  const [name = ''] = names;
  const asked = /^[\d:.]+$/.test(name) ? ['-verify_ip', name] : ['-verify_hostname', name];
  const common = ['verify', '-x509_strict', '-purpose', 'sslserver', '-CAfile', `${folder}/ca.crt`];
  try {
    return execFileSync('openssl', [...common, ...asked, file], {
      encoding: 'utf8',
      stdio: 'pipe',
    });
  } catch (error) {
    return String((error as { stderr: unknown }).stderr);
  }
}

describe('the authority of a machine', () => {
  it('signs certificates and nothing else', () => {
    const text = execFileSync('openssl', ['x509', '-noout', '-text'], {
      input: authority.certificate,
      encoding: 'utf8',
    });
    expect(text).toContain(
      'X509v3 Basic Constraints: critical\n                CA:TRUE, pathlen:0',
    );
    expect(text).toContain('X509v3 Key Usage: critical\n                Certificate Sign\n');
    expect(text).toContain('X509v3 Name Constraints: critical');
    expect(text).toContain('IP:127.0.0.0/255.0.0.0');
    expect(text).toContain('Subject: CN = gitfn local CA desk, O = gitfn');
  });

  it.each([
    [['localhost', '127.0.0.1', '::1']],
    [['hello.localhost']],
    [['127.0.0.1']],
    [['x.fn.test', '*.fn.test']],
    [[`x.${LONG_DOMAIN}`]],
  ])('is believed by OpenSSL for %s', async (names) => {
    expect(await verify(names)).toMatch(/: OK\n$/);
  });

  it.each([[['example.com']], [['hello.localhost', 'example.org']], [['192.0.2.7']], [['test']]])(
    'is believed by nobody for %s',
    async (names) => {
      expect(await verify(names)).toContain('permitted subtree violation');
    },
  );

  it('signs for the one host of a certificate, since a wildcard below localhost is none', async () => {
    const { chain } = await issueLocalCertificate(authority, ['*.localhost'], NOW);
    expect(new X509Certificate(chain).checkHost('hello.localhost')).toBeUndefined();
  });

  it('signs for a month, from an hour ago', async () => {
    const { chain, key, notAfter } = await issueLocalCertificate(authority, ['localhost'], NOW);
    const leaf = new X509Certificate(chain);
    expect(Date.parse(leaf.validTo)).toBe(notAfter.getTime());
    expect(notAfter.getTime() - NOW).toBeLessThan(30 * DAY_MS);
    expect(Date.parse(leaf.validFrom)).toBeLessThanOrEqual(NOW - 60 * 60_000);
    expect(leaf.ca).toBe(false);
    expect(key).toMatch(/^-----BEGIN PRIVATE KEY-----\n/);
  });
});

import { execFileSync } from 'node:child_process';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { loadCertificateSecrets } from '../../../src/main/config/certificate-secrets.ts';
import { parseConfig } from '../../../src/main/config/config.ts';
import type { ServerEnvironment } from '../../../src/main/config/env.ts';

const parse = (environment: ServerEnvironment) =>
  parseConfig(environment, { workingDir: '/srv/app', cores: 4 }).certificates;

const LETS_ENCRYPT = 'https://acme-v02.api.letsencrypt.org/directory';
const STAGING = 'https://acme-staging-v02.api.letsencrypt.org/directory';

describe('the settings of certificates', () => {
  it('order nothing by default', () => {
    expect(parse({})).toEqual({
      directories: [],
      email: null,
      caFile: null,
      eabFile: null,
      ipAddresses: [],
      perWeek: 40,
      dnsProvider: null,
      dnsServers: [],
    });
  });

  it.each([
    [{ HTTPS_PORT: '443', FN_BASE_DOMAIN: 'fn.example.com' }, [LETS_ENCRYPT]],
    [{ FN_BASE_DOMAIN: 'fn.example.com' }, []],
    [{ HTTPS_PORT: '443' }, []],
    [{ HTTPS_PORT: '443', FN_BASE_DOMAIN: 'fn.internal' }, []],
    [{ HTTPS_PORT: '443', FN_BASE_DOMAIN: 'apps' }, []],
    [{ HTTPS_PORT: '443', FN_BASE_DOMAIN: 'fn.example.com', ACME_DIRECTORY_URL: 'none' }, []],
    [{ ACME_DIRECTORY_URL: 'https://a.example/dir' }, ['https://a.example/dir']],
  ])('with %j ask %j', (environment, urls) => {
    expect(parse(environment).directories.map(({ url }) => url)).toEqual(urls);
  });

  it("try Let's Encrypt's staging, or what is named for the first directory", () => {
    const two = `${LETS_ENCRYPT}, https://b.example/dir`;
    const stagingOf = (setting: object) =>
      parse({ ACME_DIRECTORY_URL: two, ...setting }).directories.map((one) => one.stagingUrl);
    expect(stagingOf({})).toEqual([STAGING, null]);
    expect(stagingOf({ ACME_STAGING_URL: 'none' })).toEqual([null, null]);
    expect(stagingOf({ ACME_STAGING_URL: 'https://s.example/dir' })).toEqual([
      'https://s.example/dir',
      null,
    ]);
  });

  const accepted: [keyof ServerEnvironment, string, object][] = [
    ['ACME_EMAIL', 'ops@example.com', { email: 'ops@example.com' }],
    ['ACME_CA_FILE', 'ca.pem', { caFile: '/srv/app/ca.pem' }],
    ['ACME_EAB_FILE', '/etc/eab.json', { eabFile: '/etc/eab.json' }],
    ['ACME_IP_ADDRESSES', '192.0.2.7, 2001:db8::7', { ipAddresses: ['192.0.2.7', '2001:db8::7'] }],
    ['ACME_CERTIFICATES_PER_WEEK', '300', { perWeek: 300 }],
    ['FN_DNS_PROVIDER', 'Cloudflare', { dnsProvider: { name: 'cloudflare', file: null } }],
    [
      'FN_DNS_SERVERS',
      '192.0.2.53 192.0.2.53:5353 2001:db8::53 [2001:db8::53]:5353',
      { dnsServers: ['192.0.2.53', '192.0.2.53:5353', '2001:db8::53', '[2001:db8::53]:5353'] },
    ],
  ];
  it.each(accepted)('take %s=%s', (name, value, expected) => {
    expect(parse({ [name]: value })).toMatchObject(expected);
  });

  const refused: [keyof ServerEnvironment, string][] = [
    ['ACME_DIRECTORY_URL', 'http://ca.example'],
    ['ACME_DIRECTORY_URL', 'https://ca.example/dir,none'],
    ['ACME_DIRECTORY_URL', 'https://user:secret@ca.example/dir'],
    ['ACME_DIRECTORY_URL', Array.from({ length: 6 }, (_, i) => `https://${i}.example`).join()],
    ['ACME_STAGING_URL', 'staging'],
    ['ACME_EMAIL', 'ops'],
    ['ACME_IP_ADDRESSES', 'example.com'],
    ['ACME_IP_ADDRESSES', '10.0.0.0/8'],
    ['ACME_CERTIFICATES_PER_WEEK', '0'],
    ['ACME_CERTIFICATES_PER_WEEK', 'many'],
    ['FN_DNS_PROVIDER', 'bind'],
    ['FN_DNS_PROVIDER_FILE', '/etc/dns.json'],
    ['FN_DNS_SERVERS', 'ns1.example.com'],
    ['FN_DNS_SERVERS', '192.0.2.53:0'],
    ['FN_DNS_SERVERS', '2001:db8::53:65536:1'],
    ['FN_DNS_SERVERS', '[192.0.2.53]:53'],
  ];
  it.each(refused)('refuse %s=%s and name it', (name, value) => {
    expect(() => parse({ [name]: value })).toThrow(new RegExp(`\\b${name}\\b`));
  });
});

describe('the files that they name', () => {
  const DIRECTORY = 'https://ca.example/dir';

  async function file(content: string, mode = 0o600): Promise<string> {
    const folder = await mkdtemp(join(tmpdir(), 'gitfn-settings-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    const path = join(folder, 'file');
    await writeFile(path, content);
    await chmod(path, mode);
    return path;
  }

  const load = (files: { eabFile?: string; caFile?: string; dnsFile?: string }) =>
    loadCertificateSecrets({
      eabFile: files.eabFile ?? null,
      caFile: files.caFile ?? null,
      dnsProvider: files.dnsFile === undefined ? null : { name: 'cloudflare', file: files.dnsFile },
    });

  it('need not be there', async () => {
    expect(await load({})).toEqual({ externalAccounts: {}, dnsProvider: {}, roots: null });
  });

  it('are read', async () => {
    const accounts = { [DIRECTORY]: { kid: 'k', hmacKey: 'aGk_' } };
    const pem = execFileSync(
      'openssl',
      'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=ca -keyout /dev/null'.split(
        ' ',
      ),
      { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] },
    );
    const loaded = await load({
      eabFile: await file(JSON.stringify(accounts)),
      caFile: await file(pem, 0o644),
      dnsFile: await file('{"token": "t"}'),
    });
    expect(loaded).toEqual({
      externalAccounts: accounts,
      dnsProvider: { token: 't' },
      roots: pem,
    });
  });

  it.each([
    ['eabFile', '{"https://ca.example/dir": {"kid": "k"}}'],
    ['eabFile', '{"https://ca.example/dir": {"kid": "k", "hmacKey": "not base64"}}'],
    ['eabFile', '[]'],
    ['dnsFile', '{"token": hunter2}'],
    ['caFile', 'hunter2'],
  ])('are refused when the %s holds %s, which is not repeated', async (kind, content) => {
    const failure = load({ [kind]: await file(content) });
    await expect(failure).rejects.toMatchObject({ code: 'config-invalid' });
    await expect(failure).rejects.not.toMatchObject({
      message: expect.stringContaining('hunter2'),
    });
  });

  it('are refused when others can read them, or they are not there', async () => {
    await expect(load({ dnsFile: await file('{}', 0o644) })).rejects.toMatchObject({
      code: 'data-folder',
    });
    await expect(load({ eabFile: '/nowhere/eab' })).rejects.toThrow('/nowhere/eab');
  });
});

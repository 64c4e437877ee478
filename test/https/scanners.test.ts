/** The whole server as those see it who look for weak TLS. */
import { describe, expect, it } from 'vitest';
import { useLocalHttps } from '../support/local-https.ts';
import { type Finding, runSslscan, runTestssl } from '../support/tls-scanners.ts';

const local = useLocalHttps();
const scanned = () => ({ host: 'localhost', port: local().httpsPort, caFile: local().caFile });

const SECTIONS = [
  '--protocols',
  '--standard',
  '--pfs',
  '--server-preference',
  '--server-defaults',
  '--headers',
  '--vulnerable',
];
const HARMLESS = new Set(['DEBUG', 'INFO', 'OK', 'LOW']);

/** Above LOW, with what is the cause. */
const ALLOWED = new Map([
  ['cert_expirationStatus', 'what the local authority issues is good for 30 days'],
  ['cert_notAfter', 'the same'],
  [
    'cert_revocation',
    'an authority of one machine has no list, and short-lived certificates need none',
  ],
  [
    'sessionresumption_ticket',
    'its client is gone before the ticket of TLS 1.3 comes: platform.test.ts resumes sessions',
  ],
]);

describe('testssl.sh', () => {
  it(
    'finds nothing above LOW but what the local authority causes',
    { timeout: 10 * 60_000 },
    async () => {
      const findings = await runTestssl(scanned(), SECTIONS);
      const severe = findings.filter(({ severity }) => !HARMLESS.has(severity));
      expect(severe.filter(({ id }) => !ALLOWED.has(id))).toEqual([]);
      expect(severitiesOf(findings)).toMatchObject({
        TLS1_2: 'OK',
        TLS1_3: 'OK',
        ALPN_HTTP2: 'OK',
        cipherlist_STRONG: 'OK',
        PFS: 'OK',
        cert_trust: 'OK',
        cert_chain_of_trust: 'OK',
        'Content-Security-Policy': 'OK',
        'X-Content-Type-Options': 'OK',
        'X-Frame-Options': 'OK',
        heartbleed: 'OK',
        secure_client_renego: 'OK',
        CRIME_TLS: 'OK',
        BREACH: 'OK',
        LUCKY13: 'OK',
      });
      const offered = findings.filter(({ id }) => ['TLS1', 'TLS1_1'].includes(id));
      expect(offered.map(({ finding }) => finding)).toEqual(['not offered', 'not offered']);
    },
  );
});

describe('sslscan', () => {
  it('sees TLS 1.2 and 1.3 with strong ciphers alone, and none of the old weaknesses', async () => {
    const xml = await runSslscan(scanned());
    const enabled = elementsOf(xml, 'protocol').filter((one) => one['enabled'] === '1');
    expect(enabled.map((one) => one['version'])).toEqual(['1.2', '1.3']);
    expect(elementsOf(xml, 'renegotiation')).toEqual([{ supported: '0', secure: '0' }]);
    const heartbleed = elementsOf(xml, 'heartbleed').map((one) => one['vulnerable']);
    expect(heartbleed).toEqual(['0', '0']);
    // It says nothing of compression where its own OpenSSL has none.
    expect(elementsOf(xml, 'compression').filter((one) => one['supported'] !== '0')).toEqual([]);
    const ciphers = elementsOf(xml, 'cipher');
    expect(ciphers.map(({ cipher = '' }) => cipher).toSorted()).toEqual([
      'ECDHE-ECDSA-AES128-GCM-SHA256',
      'ECDHE-ECDSA-AES256-GCM-SHA384',
      'ECDHE-ECDSA-CHACHA20-POLY1305',
      'TLS_AES_128_GCM_SHA256',
      'TLS_AES_256_GCM_SHA384',
      'TLS_CHACHA20_POLY1305_SHA256',
    ]);
    const strengths = new Set(ciphers.map((one) => one['strength']));
    expect(strengths).toEqual(new Set(['acceptable', 'strong']));
  });
});

function severitiesOf(findings: readonly Finding[]): Record<string, string> {
  return Object.fromEntries(findings.map(({ id, severity }) => [id, severity]));
}

/** The attributes of each element of this name. */
function elementsOf(xml: string, name: string): Record<string, string>[] {
  const elements = xml.matchAll(new RegExp(`<${name} ([^>]*)/>`, 'g'));
  return [...elements].map(([, attributes = '']) => {
    const pairs = [...attributes.matchAll(/(\w+)="([^"]*)"/g)];
    return Object.fromEntries(pairs.map(([, key = '', value = '']) => [key, value]));
  });
}

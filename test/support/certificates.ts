import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { isIP } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ServedCertificate } from '../../src/protocol/certificates.ts';

/** A certificate that signs itself, as data is told of it, and its key. */
export interface TestCertificate {
  served: ServedCertificate;
  /** PKCS #8 in PEM. */
  key: string;
}

const DAYS = 30;
const DAY_MS = 24 * 60 * 60_000;

export function makeCertificate(id: string, names: string[]): TestCertificate {
  const folder = mkdtempSync(join(tmpdir(), 'gitfn-certificate-'));
  try {
    const [keyFile, chainFile] = [join(folder, 'key.pem'), join(folder, 'chain.pem')];
    const subjects = names.map((name) => `${isIP(name) === 0 ? 'DNS' : 'IP'}:${name}`).join(',');
    const options = [
      ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-noenc'],
      ['-subj', '/CN=gitfn test', '-addext', `subjectAltName=${subjects}`],
      ['-days', String(DAYS), '-keyout', keyFile, '-out', chainFile],
    ];
    execFileSync('openssl', options.flat(), { stdio: 'ignore' });
    const chain = readFileSync(chainFile, 'utf8');
    const served = { id, names, chain, notAfter: Date.now() + DAYS * DAY_MS };
    return { served, key: readFileSync(keyFile, 'utf8') };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

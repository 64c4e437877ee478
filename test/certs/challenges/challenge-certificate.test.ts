import { createHash, X509Certificate } from 'node:crypto';
import { X509Certificate as ParsedCertificate } from '@peculiar/x509';
import { expect, it } from 'vitest';
import { makeChallengeCertificate } from '../../../src/certs/challenges/challenge-certificate.ts';

/** Random serial numbers of any length must do. */
const TRIES = 12;

it('makes certificates as RFC 8737 section 3 wants them', async () => {
  for (let tries = 0; tries < TRIES; tries += 1) {
    const { certificate, key } = await makeChallengeCertificate('a.example.com', 'token.print');
    const made = new X509Certificate(certificate);
    expect(made.subjectAltName).toBe('DNS:a.example.com');
    expect(made.verify(made.publicKey)).toBe(true);
    expect(key).toContain('PRIVATE KEY');
    const extension = new ParsedCertificate(made.raw).getExtension('1.3.6.1.5.5.7.1.31');
    const digest = createHash('sha256').update('token.print').digest();
    expect(extension?.critical).toBe(true);
    // An octet string of 32 bytes: tag 4, length 32.
    const wanted = Buffer.concat([Buffer.from([4, 32]), digest]);
    expect(Buffer.from(extension?.value ?? new ArrayBuffer(0)).equals(wanted)).toBe(true);
  }
});

it('makes them for addresses, too', async () => {
  const { certificate } = await makeChallengeCertificate('2001:db8::7', 'token.print');
  expect(new X509Certificate(certificate).subjectAltName).toBe('IP Address:2001:DB8:0:0:0:0:0:7');
});

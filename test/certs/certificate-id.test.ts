import { webcrypto } from 'node:crypto';
import {
  AuthorityKeyIdentifierExtension,
  type Extension,
  X509CertificateGenerator,
} from '@peculiar/x509';
import { expect, it } from 'vitest';
import { certificateId } from '../../src/certs/certificate-id.ts';

async function certificate(serialNumber: string, extensions: Extension[]): Promise<string> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const made = await X509CertificateGenerator.createSelfSigned(
    { serialNumber, name: 'CN=test', keys, extensions, signingAlgorithm: algorithm },
    webcrypto,
  );
  return made.toString('pem');
}

it('names a certificate as the example of RFC 9773 does', async () => {
  // Section 4.1: key identifier 69:88:5B:…:3F:54, serial number 00:87:65:43:21.
  const issuer = '69885b6b87464041e1b37b847bd0ae2cde01c8d4';
  const pem = await certificate('87654321', [new AuthorityKeyIdentifierExtension(issuer)]);
  expect(await certificateId(pem)).toBe('aYhba4dGQEHhs3uEe9CuLN4ByNQ.AIdlQyE');
});

it('has no name for one that does not tell its issuer', async () => {
  expect(await certificateId(await certificate('01', []))).toBeNull();
});

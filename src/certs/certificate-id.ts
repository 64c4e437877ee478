import { X509Certificate } from 'node:crypto';

/**
 * What RFC 9773 section 4.1 names a certificate by: `base64url(authority key identifier).base64url(serial number)`; null
 * for one that does not name its issuer's key. Loads its parser with the first call: that takes a fifth of a second.
 */
export async function certificateId(pem: string): Promise<string | null> {
  const { AuthorityKeyIdentifierExtension, X509Certificate: ParsedCertificate } =
    await import('@peculiar/x509');
  const { raw, serialNumber } = new X509Certificate(pem);
  const parsed = new ParsedCertificate(raw);
  const authority = parsed.getExtension(AuthorityKeyIdentifierExtension)?.keyId;
  return authority === undefined
    ? null
    : `${base64Url(authority)}.${base64Url(asDer(serialNumber))}`;
}

/** A serial number is positive, so DER puts a zero byte before one whose first bit is set. */
function asDer(serialNumber: string): string {
  const even = serialNumber.length % 2 === 0 ? serialNumber : `0${serialNumber}`;
  return /^[89a-f]/i.test(even) ? `00${even}` : even;
}

function base64Url(hex: string): string {
  return Buffer.from(hex, 'hex').toString('base64url');
}

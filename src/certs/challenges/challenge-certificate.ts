import type { Authorization } from 'acme-client';

/** In PEM. */
export interface ChallengeCertificate {
  certificate: string;
  key: string;
}

/**
 * What answers a tls-alpn-01 challenge (RFC 8737): a certificate that carries a digest of the key authorization. Its key is
 * made for it and worth nothing beyond the order.
 */
export async function makeChallengeCertificate(
  host: string,
  keyAuthorization: string,
): Promise<ChallengeCertificate> {
  const { crypto } = await import('acme-client');
  const authorization = { identifier: { type: 'dns', value: host } } as Authorization;
  const [key, certificate] = await crypto.createAlpnCertificate(
    authorization,
    keyAuthorization,
    await crypto.createPrivateEcdsaKey('P-256'),
  );
  return { certificate: certificate.toString(), key: key.toString() };
}

import { isIP } from 'node:net';
import type { CertificateRow } from '../../store/certificates.ts';
import type { OpenAuthority } from './accounts.ts';
import type { OrderRequest } from './authority.ts';
import { certificateId } from '../certificate-id.ts';
import type { WantedCertificate } from '../ports.ts';

/** Of a certificate for an address: Let's Encrypt gives no other, of six days. */
const IP_PROFILE = 'shortlived';

/** What is asked of the authority. */
export async function orderRequest(
  { names }: WantedCertificate,
  { meta }: OpenAuthority,
  current: CertificateRow | null,
): Promise<OrderRequest> {
  const replaces =
    current === null || meta.renewalInfo === null ? null : await certificateId(current.chain);
  const isAddress = isIP(names[0] ?? '') !== 0;
  return {
    identifiers: names.map((value) => ({ type: isAddress ? 'ip' : 'dns', value })),
    ...(replaces !== null && { replaces }),
    ...(isAddress && meta.profiles.includes(IP_PROFILE) && { profile: IP_PROFILE }),
  };
}

export async function makeCsr(names: readonly string[], key: string): Promise<Buffer> {
  const { crypto } = await import('acme-client');
  const [, csr] = await crypto.createCsr({ altNames: [...names] }, key);
  return csr;
}

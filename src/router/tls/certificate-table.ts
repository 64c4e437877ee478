/** From the name that a client asks for in its first message to a certificate. Pure: made whole, and replaced whole. */
import { isIP } from 'node:net';
import { canonicalHost, wildcardOf } from './certificate-names.ts';

/** What the table needs to know of a certificate. */
interface Named {
  readonly names: ReadonlySet<string>;
  /** Milliseconds since 1970. */
  readonly notAfter: number;
}

export interface CertificateTable<Certificate> {
  /** For a server name (RFC 6066 section 3), or the address that a client without one has connected to. */
  find(host: string): Certificate | null;
  /** One for an address, whichever; null when there is none. */
  readonly anyOfAddress: Certificate | null;
  readonly all: readonly Certificate[];
}

/** Of several certificates for one name the one that is valid longest is taken. */
export function createCertificateTable<Certificate extends Named>(
  certificates: readonly Certificate[],
): CertificateTable<Certificate> {
  const byName = new Map<string, Certificate>();
  for (const certificate of certificates) {
    for (const name of certificate.names) {
      const known = byName.get(name);
      if (known === undefined || known.notAfter < certificate.notAfter) {
        byName.set(name, certificate);
      }
    }
  }
  return {
    find: (host) => {
      const canonical = canonicalHost(host);
      if (canonical.startsWith('*')) return null;
      return byName.get(canonical) ?? byName.get(wildcardOf(canonical) ?? '') ?? null;
    },
    anyOfAddress: byName.get([...byName.keys()].find((name) => isIP(name) !== 0) ?? '') ?? null,
    all: [...new Set(byName.values())],
  };
}

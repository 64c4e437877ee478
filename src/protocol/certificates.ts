/**
 * What data serves HTTPS with: one JSON file, `certificates/index.json` below the data folder, written whole by control
 * and loaded by data at its start, so that TLS works with control and the database stopped. Private keys are not in it:
 * each is a sealed file of its own, `<id>.sealed` beside it, which the supervisor opens for data.
 */
export interface CertificateIndex {
  generation: number;
  certificates: ServedCertificate[];
  /** Of orders under way; each is gone when its order is. */
  challenges: AcmeChallenge[];
}

export interface ServedCertificate {
  /** New for each that is issued; names the sealed file of its key. */
  id: string;
  /** A-labels in lower case, `*.example.com`, or IP addresses as text. */
  names: string[];
  /** PEM, leaf first. */
  chain: string;
  /** Milliseconds since 1970. */
  notAfter: number;
}

export type AcmeChallenge =
  /** RFC 8555 section 8.3. */
  | { kind: 'http-01'; host: string; token: string; keyAuthorization: string }
  /** RFC 8737; PEM. The key is worthless beyond the order. */
  | { kind: 'tls-alpn-01'; host: string; certificate: string; key: string };

export const CERTIFICATE_ID = /^[a-z0-9]{1,40}$/;

/** Names of one certificate: more than a CA puts into one (Let's Encrypt: 100). */
export const MAX_CERTIFICATE_NAMES = 200;

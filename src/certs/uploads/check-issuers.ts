/** Whether a chain leads from its leaf to somebody whom clients believe. */
import { X509Certificate } from 'node:crypto';
import { rootCertificates } from 'node:tls';
import { nameOf, Refusal, shown } from './upload-refusal.ts';

/**
 * Each is issued by the next, up to one whose issuer clients know. True where that issuer is the last itself.
 * @throws Refusal
 */
export function refuseDisorder(chain: readonly X509Certificate[]): boolean {
  let last = chain[0] as X509Certificate;
  for (const [index, issuer] of chain.entries()) {
    if (index === 0) continue;
    if (!isIssuedBy(last, issuer)) throw outOfOrder(chain, { below: last, found: issuer, index });
    if (!issuer.ca) {
      throw new Refusal(
        `${nameOf(issuer)} is no CA, so nobody believes what it has issued`,
        'ask the CA for its chain',
      );
    }
    last = issuer;
  }
  if (isIssuedBy(last, last)) return true;
  if (knownRoots().some((root) => isIssuedBy(last, root))) return false;
  throw new Refusal(
    `the chain is incomplete: the certificate of the issuer of ${nameOf(last)}, ${shown(last.issuer)}, is missing`,
    'append it to the chain: the CA offers it as intermediate or chain file. For a CA of your own, append its root too',
  );
}

function outOfOrder(
  chain: readonly X509Certificate[],
  { below, found, index }: { below: X509Certificate; found: X509Certificate; index: number },
): Refusal {
  const place = chain.findIndex((one) => one !== below && isIssuedBy(below, one));
  if (place !== -1) {
    return new Refusal(
      `the chain is out of order: ${nameOf(below)} is issued by number ${place + 1}, and number ${index + 1} follows it`,
      'each certificate is followed by the one that issued it, the leaf first',
    );
  }
  return new Refusal(
    `the chain is incomplete: ${nameOf(below)} is issued by ${shown(below.issuer)}, and ${nameOf(found)} follows it`,
    `put the certificate of ${shown(below.issuer)} between them, or leave out what does not belong here`,
  );
}

export function isIssuedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
}

let roots: X509Certificate[] | null = null;

/** Those of Mozilla, that Node carries: read when they are first asked for. */
function knownRoots(): X509Certificate[] {
  roots ??= rootCertificates.map((pem) => new X509Certificate(pem));
  return roots;
}

/** Whether Node, and so most clients, believe in it without being told. */
export function isKnownRoot(certificate: X509Certificate): boolean {
  return knownRoots().some((root) => root.fingerprint256 === certificate.fingerprint256);
}

/**
 * A certificate and a key that somebody has brought, before they take the place of what is served: whether clients will
 * accept them, and if not, what is wrong and what to do. Whose names may be served is decided elsewhere.
 */
import type { KeyObject, X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import { MAX_CERTIFICATE_NAMES } from '../../protocol/certificates.ts';
import { formatIpAddress, parseIpAddress } from '../../std/ip-address.ts';
import { isIssuedBy, isKnownRoot, refuseDisorder } from './check-issuers.ts';
import { readChain, readKey, refuseSwapped } from './read-pair.ts';
import { dayOf, nameOf, Refusal, shown } from './upload-refusal.ts';

export interface UploadedPair {
  /** PEM, as it was given. */
  chain: string;
  /** PEM, unencrypted. */
  key: string;
}

export type UploadCheck =
  | {
      kind: 'fine';
      /** PEM, leaf first, without the root. */
      chain: string;
      /** PKCS #8 in PEM. */
      key: string;
      /** In lower case, as the certificate has them. */
      names: string[];
      notBefore: Date;
      notAfter: Date;
      /** Sentences, each about something that works, and will not for all or for long. */
      warnings: string[];
    }
  | UploadRefusal;

export interface UploadRefusal {
  kind: 'refused';
  /** What was found, without its full stop. */
  problem: string;
  /** What to do about it. */
  hint: string;
}

/** Ten certificates of the largest keys; what a CA gives has 3 to 8 KiB. */
export const MAX_CHAIN_BYTES = 64 * 1024;
/** An RSA key of 8,192 bits has 6.4 KiB. */
export const MAX_KEY_BYTES = 16 * 1024;
const MIN_RSA_BITS = 2_048;
/** A handshake with twice as many takes seven times as long. */
const MAX_RSA_BITS = 4_096;
/** What browsers verify; X9.62 and SEC 2 have other names for the same. */
const CURVES = new Set(['prime256v1', 'secp384r1']);
const SERVER_AUTHENTICATION = '1.3.6.1.5.5.7.3.1';
/** By the names that OpenSSL gives to algorithms. */
const OLD_DIGEST = /sha1|md[245]/i;
const ENDS_SOON_MS = 30 * 24 * 60 * 60_000;

/** Never throws for what an uploader can mend. */
export function checkUploadedPair(pair: UploadedPair, now: number): UploadCheck {
  try {
    return check(pair, now);
  } catch (error) {
    if (error instanceof Refusal)
      return { kind: 'refused', problem: error.message, hint: error.hint };
    throw error;
  }
}

function check(pair: UploadedPair, now: number): UploadCheck {
  refuseLarge(pair);
  refuseSwapped(pair);
  const chain = readChain(pair.chain);
  const key = readKey(pair.key);
  const leaf = leafOf(chain, key);
  refuseWeak(leaf, key);
  refuseOtherUse(leaf);
  chain.forEach((certificate) => refuseOutOfTime(certificate, certificate === leaf, now));
  chain.forEach(refuseOldSignature);
  const isRooted = refuseDisorder(chain);
  const served = isRooted && chain.length > 1 ? chain.slice(0, -1) : chain;
  const checked = {
    chain: served.map((certificate) => certificate.toString()).join(''),
    key: key.export({ format: 'pem', type: 'pkcs8' }),
    names: namesOf(leaf),
  };
  refuseUnusable(checked);
  const notAfter = new Date(leaf.validTo);
  return {
    kind: 'fine',
    ...checked,
    notBefore: new Date(leaf.validFrom),
    notAfter,
    warnings: warningsOf(chain, { isRooted, notAfter, now }),
  };
}

function refuseLarge({ chain, key }: UploadedPair): void {
  for (const [what, text, most] of [
    ['chain', chain, MAX_CHAIN_BYTES],
    ['key', key, MAX_KEY_BYTES],
  ] as const) {
    const bytes = Buffer.byteLength(text);
    if (bytes <= most) continue;
    throw new Refusal(
      `the ${what} has ${bytes} bytes, and ${most} is the most`,
      `send nothing but the ${what === 'chain' ? 'leaf and its intermediates' : 'one key'}`,
    );
  }
}

/** The first is the one of the key; where another one is, the chain is in the wrong order. */
function leafOf(chain: readonly X509Certificate[], key: KeyObject): X509Certificate {
  const place = chain.findIndex((certificate) => certificate.checkPrivateKey(key));
  const [first] = chain;
  if (place === 0 && first !== undefined) return first;
  if (place > 0) {
    throw new Refusal(
      `the chain is out of order: the certificate of the key is number ${place + 1} of it`,
      'put it first, then the one that issued it, and so on up',
    );
  }
  throw new Refusal(
    `the key is not the one of ${nameOf(first)}`,
    'take the key that its signing request was made with; both of these print the same when they belong together: openssl x509 -in chain.pem -noout -pubkey; openssl pkey -in key.pem -pubout',
  );
}

function refuseWeak(leaf: X509Certificate, key: KeyObject): void {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details = {} } = key;
  const bits = details.modulusLength ?? 0;
  const hint =
    'make another key, and a certificate for it: openssl ecparam -name prime256v1 -genkey -noout -out key.pem';
  if (type === 'rsa') {
    if (bits >= MIN_RSA_BITS && bits <= MAX_RSA_BITS) return;
    const why =
      bits < MIN_RSA_BITS
        ? 'clients refuse such short ones'
        : 'each handshake takes too long with such long ones';
    throw new Refusal(
      `the key of ${nameOf(leaf)} is RSA of ${bits} bits, and ${why}: ${MIN_RSA_BITS} to ${MAX_RSA_BITS} are accepted`,
      hint,
    );
  }
  if (type === 'ec' && CURVES.has(details.namedCurve ?? '')) return;
  const found = type === 'ec' ? `ECDSA on ${details.namedCurve}` : String(type);
  throw new Refusal(
    `the key of ${nameOf(leaf)} is ${found}, which browsers refuse: RSA, and ECDSA on P-256 or P-384, are accepted`,
    hint,
  );
}

function refuseOtherUse(leaf: X509Certificate): void {
  // Node calls the extended key usage so; the older declaration knows it as always there.
  const uses = leaf.keyUsage as string[] | undefined;
  if (uses === undefined || uses.includes(SERVER_AUTHENTICATION)) return;
  throw new Refusal(
    `${nameOf(leaf)} is no certificate for servers: its extended key usage leaves serverAuth out`,
    'ask its CA for one for a web server',
  );
}

function refuseOutOfTime(certificate: X509Certificate, isLeaf: boolean, now: number): void {
  const name = isLeaf ? nameOf(certificate) : `the intermediate ${nameOf(certificate)}`;
  if (Date.parse(certificate.validTo) <= now) {
    throw new Refusal(
      `${name} has expired on ${dayOf(certificate.validTo)}`,
      isLeaf ? 'renew it at its CA, and send what comes' : 'download the newer one from the CA',
    );
  }
  if (Date.parse(certificate.validFrom) > now) {
    throw new Refusal(
      `${name} is not yet valid: it begins on ${dayOf(certificate.validFrom)}, and the clock here says ${dayOf(new Date(now).toISOString())}`,
      'send it then, or see whether the clock of the server is right',
    );
  }
}

function namesOf(leaf: X509Certificate): string[] {
  // Node puts into quotes what might look like another name.
  const entries = leaf.subjectAltName?.replace(/"(?:[^"\\]|\\.)*"/g, '').split(/,\s*/) ?? [];
  const names = entries.flatMap((entry) => {
    const [, kind, name = ''] = /^(DNS|IP Address):(\S+)$/.exec(entry) ?? [];
    if (kind === 'DNS') return [name.toLowerCase().replace(/\.$/, '')];
    const address = kind === undefined ? null : parseIpAddress(name.toLowerCase());
    return address === null ? [] : [formatIpAddress(address)];
  });
  if (names.length === 0) {
    throw new Refusal(
      `${nameOf(leaf)} has no subject alternative name, and clients read no other (RFC 9525)`,
      'ask for it anew, with subjectAltName=DNS:your.name in the request',
    );
  }
  if (names.length > MAX_CERTIFICATE_NAMES) {
    throw new Refusal(
      `${nameOf(leaf)} has ${names.length} names, and ${MAX_CERTIFICATE_NAMES} is the most`,
      'divide them among several certificates',
    );
  }
  return [...new Set(names)];
}

/** Nobody verifies the signature of a root: it is there to be trusted. */
function refuseOldSignature(certificate: X509Certificate): void {
  const algorithm = certificate.signatureAlgorithm ?? '';
  if (!OLD_DIGEST.test(algorithm) || isIssuedBy(certificate, certificate)) return;
  throw new Refusal(
    `${nameOf(certificate)} is signed with ${algorithm}, which clients refuse`,
    'ask its CA for one that is signed with SHA-256',
  );
}

/** What OpenSSL itself will not serve, such as an issuer whose key is too short. */
function refuseUnusable({ chain, key }: UploadedPair): void {
  try {
    createSecureContext({ cert: chain, key, minVersion: 'TLSv1.2' });
  } catch (error) {
    throw new Refusal(
      `OpenSSL does not serve it: ${shown((error as Error).message)}`,
      'ask the CA for one with a key and a signature of today',
    );
  }
}

function warningsOf(
  chain: readonly X509Certificate[],
  { isRooted, notAfter, now }: { isRooted: boolean; notAfter: Date; now: number },
): string[] {
  const warnings: string[] = [];
  const leftMs = notAfter.getTime() - now;
  if (leftMs < ENDS_SOON_MS) {
    const days = Math.floor(leftMs / (24 * 60 * 60_000));
    warnings.push(
      `It ends in ${days === 1 ? '1 day' : `${days} days`}, on ${dayOf(notAfter.toISOString())}.`,
    );
  }
  const root = chain.at(-1);
  if (isRooted && root !== undefined && !isKnownRoot(root)) {
    warnings.push(`Only those believe it who have been told to trust ${nameOf(root)}.`);
  }
  return warnings;
}

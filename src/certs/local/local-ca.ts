/**
 * A certificate authority of this machine, for HTTPS on it: its certificates are believed by whoever has been told to
 * trust it, and by nobody else. What can go wrong when somebody does is kept small: its name constraints (RFC 5280 section
 * 4.2.1.10) leave it localhost, the platform's own domain and the loopback addresses, it can sign certificates and nothing
 * else, and none below it may sign any.
 */
import { createPrivateKey, randomBytes, type webcrypto } from 'node:crypto';
import { isIP } from 'node:net';

/** In PEM. */
export interface LocalAuthority {
  certificate: string;
  /** PKCS #8. */
  key: string;
}

export interface LocalCertificate {
  /** PEM: the leaf alone, since whoever trusts the authority has its certificate. */
  chain: string;
  /** PKCS #8 in PEM. */
  key: string;
  notBefore: Date;
  notAfter: Date;
}

const DAY_MS = 24 * 60 * 60_000;
/** As long as people keep a machine: each replacement has to be trusted anew, by hand. */
export const AUTHORITY_MS = 3_650 * DAY_MS;
/** Browsers take 398 days at most. A short one costs nothing here, and shows soon when renewal does not work. */
export const LOCAL_CERTIFICATE_MS = 30 * DAY_MS;
/** Clocks of virtual machines lag behind. */
const BACKDATED_MS = 60 * 60_000;
/** 159 bits at most (RFC 5280 section 4.1.2.2), of which CAs are asked for 64 that nobody can guess. */
const SERIAL_BYTES = 16;
const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const NAME_CONSTRAINTS = '2.5.29.30';
const MAX_COMMON_NAME_CHARACTERS = 64; // RFC 5280 appendix A, ub-common-name.

/**
 * @param permitted domains that it may sign for, with all below them
 * @param machine its name is shown in the lists of browsers
 */
export async function makeLocalAuthority(
  permitted: readonly string[],
  { machine, now }: { machine: string; now: number },
): Promise<LocalAuthority> {
  const x509 = await loadX509();
  const keys = await makeKeys();
  const name = `gitfn local CA ${machine}`.slice(0, MAX_COMMON_NAME_CHARACTERS);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: newSerialNumber(),
    name: [{ CN: [name] }, { O: ['gitfn'] }],
    ...validity(now, AUTHORITY_MS),
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.Extension(NAME_CONSTRAINTS, true, nameConstraints(permitted)),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certificate: certificate.toString('pem'), key: await toPem(keys.privateKey) };
}

/** @param names 1 or more host names or loopback addresses that the authority may sign for */
export async function issueLocalCertificate(
  authority: LocalAuthority,
  names: readonly string[],
  now: number,
): Promise<LocalCertificate> {
  const x509 = await loadX509();
  const issuer = new x509.X509Certificate(authority.certificate);
  const keys = await makeKeys();
  const { notBefore, notAfter } = validity(now, LOCAL_CERTIFICATE_MS);
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: newSerialNumber(),
    // Clients read the alternative names alone (RFC 9525 section 2).
    subject: [{ O: ['gitfn'] }],
    issuer: issuer.subject,
    notBefore,
    notAfter,
    signingAlgorithm: ALGORITHM,
    publicKey: keys.publicKey,
    signingKey: await fromPem(authority.key),
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension(
        names.map((name) => ({ type: isIP(name) === 0 ? 'dns' : 'ip', value: name })),
      ),
      await x509.AuthorityKeyIdentifierExtension.create(issuer.publicKey),
    ],
  });
  const chain = `${certificate.toString('pem')}\n`;
  return { chain, key: await toPem(keys.privateKey), notBefore, notAfter };
}

/** It takes a fifth of a second to load: only who signs waits for that. */
function loadX509(): Promise<typeof import('@peculiar/x509')> {
  return import('@peculiar/x509');
}

type Validity = Pick<LocalCertificate, 'notBefore' | 'notAfter'>;

/** In whole seconds, as certificates have it. */
function validity(now: number, lifeMs: number): Validity {
  const start = Math.floor((now - BACKDATED_MS) / 1_000) * 1_000;
  return { notBefore: new Date(start), notAfter: new Date(start + lifeMs) };
}

/** Positive, and in the one spelling that DER has for it: neither a zero in front nor a first bit that is set. */
function newSerialNumber(): string {
  const bytes = randomBytes(SERIAL_BYTES);
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40;
  return bytes.toString('hex');
}

async function makeKeys(): Promise<webcrypto.CryptoKeyPair> {
  return crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
}

async function toPem(key: CryptoKey): Promise<string> {
  const der = Buffer.from(await crypto.subtle.exportKey('pkcs8', key));
  return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }).export({
    format: 'pem',
    type: 'pkcs8',
  });
}

async function fromPem(pem: string): Promise<CryptoKey> {
  const der = createPrivateKey(pem).export({ format: 'der', type: 'pkcs8' });
  return crypto.subtle.importKey('pkcs8', new Uint8Array(der), ALGORITHM, false, ['sign']);
}

/** Addresses in full, each with its mask: 127.0.0.0/8 and ::1. Without them it could sign for any address. */
const LOOPBACK_SUBTREES = [
  [127, 0, 0, 0, 255, 0, 0, 0],
  [...Array<number>(15).fill(0), 1, ...Array<number>(16).fill(255)],
];
const SEQUENCE = 0x30;
const PERMITTED_SUBTREES = 0xa0;
const DNS_NAME = 0x82;
const IP_ADDRESS = 0x87;

/** As RFC 5280 appendix A.2 writes them in DER: permitted subtrees, and none excluded. */
function nameConstraints(permitted: readonly string[]): Uint8Array<ArrayBuffer> {
  const subtrees = [
    ...permitted.map((domain) => encode(DNS_NAME, Buffer.from(domain, 'ascii'))),
    ...LOOPBACK_SUBTREES.map((address) => encode(IP_ADDRESS, Buffer.from(address))),
  ].map((base) => encode(SEQUENCE, base));
  return new Uint8Array(encode(SEQUENCE, encode(PERMITTED_SUBTREES, Buffer.concat(subtrees))));
}

function encode(tag: number, content: Buffer): Buffer {
  return Buffer.concat([Buffer.from([tag, ...derLength(content.length)]), content]);
}

/** In as few bytes as it takes; names are never longer than two of them say. */
function derLength(length: number): number[] {
  if (length < 0x80) return [length];
  return length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
}

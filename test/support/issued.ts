import { createPrivateKey, randomBytes, webcrypto } from 'node:crypto';
import { isIP } from 'node:net';
import * as x509 from '@peculiar/x509';

/** A certificate of any kind, and its key. */
export interface Issued {
  /** PEM. */
  certificate: string;
  /** PKCS #8 in PEM. */
  key: string;
  subject: string;
  keys: webcrypto.CryptoKeyPair;
}

interface IssueOptions {
  /** Common name of the subject. */
  subject: string;
  /** Itself otherwise. */
  issuer?: Issued;
  names?: string[];
  isCa?: boolean;
  /** Object identifiers of the extended key usage. */
  uses?: string[];
  notBefore?: Date;
  notAfter?: Date;
  /** RSA of so many bits, or a curve; P-256 otherwise. */
  key?: number | 'P-384' | 'P-521';
  hash?: 'SHA-1' | 'SHA-256';
}

const DAY_MS = 24 * 60 * 60_000;

export async function issue(options: IssueOptions): Promise<Issued> {
  const { subject, issuer, names = [], isCa = false, uses } = options;
  const keys = await makeKeys(options.key);
  const signer = issuer ?? { subject, keys };
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: `01${randomBytes(8).toString('hex')}`,
    subject: [{ CN: [subject] }],
    issuer: [{ CN: [signer.subject] }],
    notBefore: options.notBefore ?? new Date(Date.now() - DAY_MS),
    notAfter: options.notAfter ?? new Date(Date.now() + 90 * DAY_MS),
    publicKey: keys.publicKey,
    signingKey: signer.keys.privateKey,
    signingAlgorithm: {
      name: signer.keys.privateKey.algorithm.name,
      hash: options.hash ?? 'SHA-256',
    },
    extensions: [
      new x509.BasicConstraintsExtension(isCa, undefined, true),
      ...(uses === undefined ? [] : [new x509.ExtendedKeyUsageExtension(uses)]),
      ...(names.length === 0 ? [] : [alternativeNames(names)]),
    ],
  });
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey));
  const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  return {
    certificate: `${certificate.toString('pem')}\n`,
    key: key.export({ format: 'pem', type: 'pkcs8' }),
    subject,
    keys,
  };
}

function alternativeNames(names: string[]): x509.SubjectAlternativeNameExtension {
  const entries = names.map((value) => {
    return { type: isIP(value) === 0 ? ('dns' as const) : ('ip' as const), value };
  });
  return new x509.SubjectAlternativeNameExtension(entries);
}

function makeKeys(key: IssueOptions['key']): Promise<webcrypto.CryptoKeyPair> {
  const usages: webcrypto.KeyUsage[] = ['sign', 'verify'];
  if (typeof key !== 'number') {
    const curve: webcrypto.EcKeyGenParams = { name: 'ECDSA', namedCurve: key ?? 'P-256' };
    return webcrypto.subtle.generateKey(curve, true, usages);
  }
  const rsa = { publicExponent: new Uint8Array([1, 0, 1]), hash: 'SHA-256', modulusLength: key };
  return webcrypto.subtle.generateKey({ name: 'RSASSA-PKCS1-v1_5', ...rsa }, true, usages);
}

/** The certificates and the key in what somebody has sent as PEM. */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { certificateBlocks, MAX_CHAIN_LENGTH } from './pem-chain.ts';
import { Refusal } from './upload-refusal.ts';

const KEY =
  /-----BEGIN ((?:RSA |EC |ENCRYPTED )?PRIVATE KEY)-----([^-]*(?:-(?!----)[^-]*)*)-----END \1-----/;

export function refuseSwapped({ chain, key }: { chain: string; key: string }): void {
  const isSwapped = KEY.test(chain) && !hasCertificate(chain) && hasCertificate(key);
  if (!isSwapped) return;
  throw new Refusal(
    'the key is where the certificate belongs, and the certificate where the key does',
    'give them the other way round: fn certificates add CHAIN.pem --key KEY.pem',
  );
}

function hasCertificate(text: string): boolean {
  return certificateBlocks(text).length > 0;
}

/** As they stand there, whatever stands between them. @throws Refusal */
export function readChain(text: string): [X509Certificate, ...X509Certificate[]] {
  const blocks = certificateBlocks(text);
  if (blocks.length > MAX_CHAIN_LENGTH) {
    throw new Refusal(
      `the chain has ${blocks.length} certificates, and ${MAX_CHAIN_LENGTH} is the most`,
      'send nothing but the leaf and its intermediates',
    );
  }
  const [leaf, ...issuers] = blocks.map((block, index) => {
    try {
      return new X509Certificate(block);
    } catch {
      throw new Refusal(
        `certificate ${index + 1} of the chain cannot be read: it is cut or damaged`,
        'copy it anew, with its lines BEGIN CERTIFICATE and END CERTIFICATE',
      );
    }
  });
  if (leaf !== undefined) return [leaf, ...issuers];
  throw new Refusal(
    'the chain has no certificate in PEM (a part that begins with -----BEGIN CERTIFICATE-----)',
    'turn DER into PEM: openssl x509 -inform der -in FILE -out chain.pem; or PKCS #12: openssl pkcs12 -in FILE -nokeys -out chain.pem',
  );
}

/** @throws Refusal */
export function readKey(text: string): KeyObject {
  const [block, kind, body = ''] = KEY.exec(text) ?? [];
  if (block === undefined) {
    throw new Refusal(
      'the key is not in PEM (a part that begins with -----BEGIN PRIVATE KEY-----)',
      'turn DER into PEM: openssl pkey -inform der -in FILE -out key.pem; or PKCS #12: openssl pkcs12 -in FILE -nocerts -noenc -out key.pem',
    );
  }
  if (kind === 'ENCRYPTED PRIVATE KEY' || body.includes('ENCRYPTED')) {
    throw new Refusal(
      'the key is encrypted with a passphrase',
      'decrypt it first: openssl pkey -in FILE -out key.pem; here it is encrypted with the master key',
    );
  }
  try {
    return createPrivateKey(block);
  } catch {
    throw new Refusal(
      'the key cannot be read: it is cut, damaged, or of a kind that is unknown here',
      'copy it anew, with its first and last line; openssl pkey -in FILE -noout -check says more',
    );
  }
}
